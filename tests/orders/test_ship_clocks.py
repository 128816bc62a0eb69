"""Deadlines of paid orders: 20, 24 and 48 hours from payment, by the store's promise, and in a rush (ORD-3)."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from storeops.common.contracts.orders import (
    OrderShipBreached,
    OrderShipDueSoon,
    OrderShipLate,
    OrderShipped,
    ShipDeadlineEvent,
)
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop

KINDS: tuple[type[ShipDeadlineEvent], ...] = (OrderShipDueSoon, OrderShipLate, OrderShipBreached)


async def told(harness: Harness, order_id: str) -> list[tuple[str, timedelta, str]]:
    """The deadlines that were told: which, how long after payment, and what kept the order."""
    return [
        (event.type.split(".")[1], event.due_at - event.paid_at, event.reason)
        for kind in KINDS
        for event in await harness.published(kind, order_id)
    ]


async def test_an_unshipped_order_is_warned_of_then_late_then_breached(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.paid()
    await harness.advance(hours=20)
    assert await told(harness, order_id) == [("ship_due_soon", timedelta(hours=20), "packing")]
    await shop.pack(order_id)
    await harness.advance(hours=4)
    assert (await told(harness, order_id))[1:] == [("ship_late", timedelta(hours=24), "handover")]
    await harness.advance(hours=24)
    assert (await told(harness, order_id))[2:] == [("ship_breached", timedelta(hours=48), "handover")]
    assert (await shop.order(order_id))["deadline"] == "breached"


async def test_what_keeps_an_order_is_named(harness: Harness, shop: "Shop") -> None:
    undecided = await shop.channel_order("tb-1")
    short = await shop.channel_order("tb-2")
    await shop.run_short(short)
    manual = await shop.paid()
    await shop.done(f"/v1/orders/{manual}/holds", {"reason": "the buyer calls back"}, status=201)
    unclear = await shop.channel_order("tb-3", customer={"account": "b"})
    await shop.allocate(unclear)
    await harness.advance(hours=20)
    reasons = {event.order_id: event.reason for event in await harness.published(OrderShipDueSoon)}
    assert reasons == {undecided: "shortage", short: "shortage", manual: "manual", unclear: "audit"}


async def test_what_left_in_time_is_never_told_of(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.paid()
    await harness.advance(hours=19)
    await shop.ship(order_id)
    await harness.advance(hours=48)
    assert await told(harness, order_id) == []
    [shipped] = await harness.published(OrderShipped, order_id)
    assert shipped.shipped_at < shipped.late_at
    assert (await shop.order(order_id))["deadline"] == "met"


async def test_a_channels_clock_started_at_the_channel(harness: Harness, shop: "Shop") -> None:
    body = shop.channel("tb-1", paid_at=await harness.now() - timedelta(hours=30))
    order_id = (await shop.done("/v1/orders", body, status=201))["order_id"]
    assert [kind for kind, _, _ in await told(harness, order_id)] == ["ship_due_soon", "ship_late"]
    assert (await shop.order(order_id))["deadline"] == "late"


async def test_a_deadline_that_passed_before_the_order_left_is_told_all_the_same(
    harness: Harness, shop: "Shop"
) -> None:
    order_id = await shop.paid()
    await shop.pack(order_id)
    parcel_id = (await shop.order(order_id))["parcels"][0]["parcel_id"]
    async with harness.transaction("orders") as session:
        await session.fetch(
            "UPDATE sandbox.clock SET now = now + interval '25 hours', target = target + interval '25 hours'"
        )
    await shop.done(f"/v1/parcels/{parcel_id}/handover")
    assert [kind for kind, _, _ in await told(harness, order_id)] == ["ship_due_soon", "ship_late"]
    assert (await shop.clocks(order_id))["ship_breached"] == "cancelled"


async def test_a_store_may_promise_more(harness: Harness, shop: "Shop") -> None:
    path = f"/v1/ship-promises/{shop.store_id}"
    before = await shop.manager.get(path)
    assert (before.json()["late_after_minutes"], before.headers["etag"]) == (1440, '"v0"')
    promise = {"warn_after_minutes": 60, "late_after_minutes": 120, "breach_after_minutes": 240}
    headers = {"if-match": '"v0"'}
    changed = await shop.manager.put(path, json=promise | {"expire_after_minutes": 5}, headers=headers)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v1"')
    stale = await shop.manager.put(path, json=promise, headers=headers)
    assert (stale.status_code, (await shop.manager.put(path, json=promise)).status_code) == (412, 428)
    unpaid, paid = await shop.place(), await shop.paid()
    await harness.advance(minutes=5)
    assert await shop.phase(unpaid) == "expired"
    await harness.advance(hours=4)
    assert [after for _, after, _ in await told(harness, paid)] == [timedelta(hours=hours) for hours in (1, 2, 4)]


async def test_no_store_may_promise_itself_more_than_48_hours(shop: "Shop") -> None:
    for promise in ({"warn_after_minutes": 1440}, {"late_after_minutes": 2880}, {"breach_after_minutes": 2881}):
        path = f"/v1/ship-promises/{shop.store_id}"
        answer = await shop.manager.put(path, json=promise, headers={"if-match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (422, "promise_invalid")


def rush(shop: "Shop", start: datetime, hours: float, **more: Any) -> dict[str, Any]:
    end = start + timedelta(hours=hours)
    return {"store_id": shop.store_id, "from": start.isoformat(), "to": end.isoformat(), **more}


async def test_a_rush_counts_apart_and_warns_before_48_hours(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    await shop.done("/v1/ship-rushes", rush(shop, now, 2), status=201)
    inside = await shop.paid()
    before = (await shop.done("/v1/orders", shop.channel("tb-1", paid_at=now - timedelta(hours=1)), status=201))[
        "order_id"
    ]
    await harness.advance(hours=2)
    after = await shop.paid()
    await harness.advance(hours=48)
    assert [after for _, after, _ in await told(harness, inside)] == [timedelta(hours=hours) for hours in (44, 24, 48)]
    in_rush = {event.order_id: event.in_rush for event in await harness.published(OrderShipLate)}
    assert in_rush == {inside: True, before: False, after: False}


async def test_a_rush_of_campaigns_covers_their_orders_only(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    await shop.done("/v1/ship-rushes", rush(shop, now, 2, campaign_ids=["cmp_1"]), status=201)
    named = await shop.channel_order("tb-1", campaign_ids=["cmp_1", "cmp_2"])
    other = await shop.channel_order("tb-2", campaign_ids=["cmp_2"])
    assert [(await shop.order(order_id))["in_rush"] for order_id in (named, other)] == [True, False]


async def test_a_rush_that_was_ended_covers_nothing_more(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    declared = await shop.done("/v1/ship-rushes", rush(shop, now, 24), status=201)
    first = await shop.channel_order("tb-1")
    await harness.advance(hours=1)
    ended = await shop.done(f"/v1/ship-rushes/{declared['rush_id']}/end")
    assert ended["ended_at"] is not None
    assert await shop.done(f"/v1/ship-rushes/{declared['rush_id']}/end") == ended
    second = await shop.channel_order("tb-2")
    assert [(await shop.order(order_id))["in_rush"] for order_id in (first, second)] == [True, False]
    [listed] = (await shop.manager.get("/v1/ship-rushes", params={"store_id": shop.store_id})).json()["items"]
    assert listed == ended


async def test_a_rush_must_have_sensible_times(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    for hours in (0, -1, 24 * 32):
        refused = await shop.post("/v1/ship-rushes", rush(shop, now, hours))
        assert (refused.status_code, refused.json()["code"]) == (422, "rush_times_invalid")
