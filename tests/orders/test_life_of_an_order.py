"""The life of an order from placing to the courier (ORD-1), as callers and other services see it."""

from datetime import timedelta
from typing import TYPE_CHECKING

from storeops.common.auth.permissions import Role
from storeops.common.contracts.orders import (
    OrderAudited,
    OrderCancelled,
    OrderExpired,
    OrderHeld,
    OrderPaid,
    OrderPlaced,
    OrderReleased,
    OrderShipped,
    ParcelHandedOver,
    ParcelPacked,
    RefundRequested,
)
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop

CANCEL = {"reason": "customer"}


async def test_an_order_goes_from_placing_to_the_courier(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.place(TEA=2, CUP=1)
    assert await shop.phase(order_id) == "placed"
    await shop.allocate(order_id)
    assert await shop.phase(order_id) == "payable"
    payment = await shop.pay(order_id)
    assert (payment["state"], payment["amount"]) == ("accepted", "44.80")
    assert await shop.phase(order_id) == "released"
    work = await shop.work_of(order_id)
    assert work["lines"] == [{"sku": "CUP", "quantity": 1}, {"sku": "TEA", "quantity": 2}]
    await shop.ship(order_id)
    order = await shop.order(order_id)
    assert (order["phase"], order["deadline"], order["contact"]["name"]) == ("shipped", "met", "林月")
    told = ["placed", "allocated", "paid", "audited", "released", "packed", "handed over", "shipped"]
    assert sorted(entry["what"] for entry in order["history"]) == sorted(told)
    assert set((await shop.clocks(order_id)).values()) == {"cancelled"}
    kinds = (OrderPlaced, OrderPaid, OrderAudited, OrderReleased, ParcelPacked, ParcelHandedOver, OrderShipped)
    for kind in kinds:
        [_] = await harness.published(kind, order_id)
    [gone] = await harness.published(ParcelHandedOver, order_id)
    assert [(line.sku, line.quantity) for line in gone.lines] == [("CUP", 1), ("TEA", 2)]


async def test_nothing_that_is_published_names_the_buyer(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.paid()
    await shop.done(f"/v1/orders/{order_id}/holds", {"reason": "林月 moves house"}, status=201)
    [hold] = (await shop.order(order_id))["holds"]
    assert hold["reason"] == "林月 moves house"
    await shop.done(f"/v1/orders/{order_id}/holds/{hold['hold_id']}/release")
    await shop.ship(order_id)
    odd = {"account": "b", "name": "林月", "phone": "16100000001", "address": {"province": "林月 家", "city": "杭州"}}
    await shop.channel_order(customer=odd, remark="for 林月")
    async with harness.reading("orders") as session:
        payloads = await session.fetch("SELECT payload || headers AS said FROM bus.message WHERE topic = 'order'")
        prints = await session.fetchrow("SELECT phone_print, address_print FROM orders.contact")
    assert prints is not None
    assert [event.reason for event in await harness.published(OrderHeld)] == [
        "manual",
        "the contact lacks street",
    ]
    assert sorted(event.province or "" for event in await harness.published(OrderPlaced)) == ["", "浙江"]
    for word in ("林月", "16100000001", "龙井路", *prints):
        assert not any(word in row["said"] for row in payloads)


async def test_an_order_that_is_not_paid_in_time_expires(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.payable()
    await harness.advance(minutes=29)
    assert await shop.phase(order_id) == "payable"
    await harness.advance(minutes=1)
    assert await shop.phase(order_id) == "expired"
    [expired] = await harness.published(OrderExpired, order_id)
    assert expired.net == 3980


async def test_unpaid_orders_that_run_short_are_cancelled(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.place()
    await shop.run_short(order_id)
    order = await shop.order(order_id)
    assert (order["phase"], order["cancel_reason"]) == ("cancelled", "short")
    [cancelled] = await harness.published(OrderCancelled, order_id)
    assert (cancelled.reason, cancelled.was_paid) == ("short", False)
    assert await shop.clocks(order_id) == {"order_expiry": "cancelled"}


async def test_paid_orders_that_run_short_are_held_until_there_is_stock(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.channel_order()
    await shop.run_short(order_id, TEA=3)
    order = await shop.order(order_id)
    assert (order["phase"], order["holds"][0]["kind"]) == ("held", "shortage")
    [held] = await harness.published(OrderHeld, order_id)
    assert held.deadline == held.occurred_at + timedelta(hours=24)
    assert [(line.sku, line.quantity) for line in held.lines] == [("TEA", 3)]
    await shop.run_short(order_id, TEA=3)
    assert len((await shop.order(order_id))["holds"]) == 1
    await shop.allocate(order_id)
    assert await shop.phase(order_id) == "released"


async def test_cancelling_a_paid_order_gives_its_money_back_and_stops_its_clocks(
    harness: Harness, shop: "Shop"
) -> None:
    order_id = await shop.paid()
    cancelled = await shop.done(f"/v1/orders/{order_id}/cancel", CANCEL)
    assert (cancelled["phase"], cancelled["refunded"], cancelled["deadline"]) == ("cancelled", "39.80", None)
    assert set((await shop.clocks(order_id)).values()) == {"cancelled"}
    [refund] = await harness.published(RefundRequested, order_id)
    assert (refund.amount, refund.currency) == (3980, "CNY")
    refunds = (await shop.manager.get("/v1/refunds", params={"store_id": shop.store_id})).json()["items"]
    assert [(row["order_id"], row["amount"], row["state"]) for row in refunds] == [(order_id, "39.80", "intended")]
    again = await shop.post(f"/v1/orders/{order_id}/cancel", CANCEL)
    assert (again.status_code, again.json()["code"]) == (409, "order_not_cancellable")
    assert (await shop.work_of(order_id))["status"] == "cancelled"


async def test_a_packed_order_is_cancelled_by_nobody_but_a_settled_case(shop: "Shop") -> None:
    order_id = await shop.paid()
    parcel_id = await shop.pack(order_id)
    refused = await shop.post(f"/v1/orders/{order_id}/cancel", CANCEL)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_cancellable")
    await shop.settle(order_id, "cancel")
    stopped = await shop.post(f"/v1/parcels/{parcel_id}/handover")
    assert (stopped.status_code, stopped.json()["code"]) == (409, "parcel_stopped")


async def test_stock_that_comes_for_a_dead_order_changes_nothing(shop: "Shop") -> None:
    order_id = await shop.place()
    await shop.done(f"/v1/orders/{order_id}/cancel", CANCEL)
    await shop.allocate(order_id)
    await shop.run_short(order_id)
    order = await shop.order(order_id)
    assert (order["phase"], order["allocated_at"], order["cancel_reason"]) == ("cancelled", None, "customer")


async def test_waiting_is_an_excuse_and_stops_no_clock(shop: "Shop") -> None:
    order_id = await shop.channel_order()
    await shop.settle(order_id, "wait")
    await shop.settle(order_id, "wait")
    order = await shop.order(order_id)
    assert order["excused"]
    assert [entry["what"] for entry in order["history"]].count("wait agreed") == 1
    assert set((await shop.clocks(order_id)).values()) == {"armed"}


async def test_a_settled_refund_stops_an_unshipped_order_and_pays_a_shipped_one_back(
    harness: Harness, shop: "Shop"
) -> None:
    waiting = await shop.channel_order("tb-1")
    gone = await shop.channel_order("tb-2")
    kept = await shop.channel_order("tb-3")
    for number, order_id in enumerate((gone, kept)):
        await shop.allocate(order_id)
        await shop.ship(order_id, f"SF{number}")
    for order_id in (waiting, gone, gone):
        await shop.settle(order_id, "refund")
    await shop.settle(kept, "cancel")
    assert [await shop.phase(order_id) for order_id in (waiting, gone, kept)] == ["cancelled", "shipped", "shipped"]
    assert [(await shop.order(order_id))["refunded"] for order_id in (waiting, gone, kept)] == [
        "45.00",
        "45.00",
        "0.00",
    ]
    assert len(await harness.published(RefundRequested)) == 2


async def test_a_settlement_of_an_unknown_order_is_left(shop: "Shop") -> None:
    await shop.settle("ord_" + "0" * 32, "cancel")


async def test_a_case_of_another_store_does_nothing_to_an_order(shop: "Shop") -> None:
    order_id = await shop.channel_order()

    await shop.settle(order_id, "cancel", store_id="sto_" + "0" * 32)

    assert (await shop.order(order_id))["cancelled_at"] is None


async def test_other_stores_orders_are_not_there(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.place()
    stranger = await harness.client(Role.STORE_MANAGER, stores=["sto_" + "0" * 32])
    assert (await stranger.get(f"/v1/orders/{order_id}")).status_code == 404
    assert (await stranger.post(f"/v1/orders/{order_id}/cancel", json=CANCEL)).status_code == 404
    assert (await stranger.get("/v1/orders", params={"store_id": shop.store_id})).status_code == 403
    assert (await stranger.get("/v1/orders")).json()["items"] == []


async def test_the_list_finds_orders_by_what_happened_to_them(harness: Harness, shop: "Shop") -> None:
    unpaid = await shop.place()
    late = await shop.channel_order("tb-1")
    held = await shop.channel_order("tb-2")
    await shop.run_short(held)
    await harness.advance(hours=24)
    shipped = await shop.channel_order("tb-3")
    await shop.allocate(shipped)
    await shop.ship(shipped)

    async def found(**wanted: object) -> set[str]:
        answer = await shop.manager.get("/v1/orders", params={key: str(value) for key, value in wanted.items()})
        assert answer.status_code == 200, answer.text
        return {item["order_id"] for item in answer.json()["items"]}

    assert await found(paid=False) == {unpaid}
    assert await found(late=True) == {late, held}
    assert await found(held=True, store_id=shop.store_id) == {held}
    assert await found(shipped=True) == {shipped}
    assert await found(cancelled=True) == set()
    assert await found(channel_order_id="tb-1") == {late}
    assert await found(placed_from=(await harness.now()).isoformat()) == {shipped}
    pages: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await shop.manager.get("/v1/orders", params=params)).json()
        pages += [item["order_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert len(pages) == len(set(pages)) == 4
    assert pages[0] == shipped
