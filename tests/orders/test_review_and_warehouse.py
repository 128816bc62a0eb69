"""Review, holds, packing by scan and handing over parcel by parcel (ORD-7, ORD-8, ORD-15)."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from storeops.common.contracts.orders import OrderAudited, OrderHeld, OrderHoldReleased, OrderShipped
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop

WAREHOUSE = "wh_" + "a" * 32
PARCEL = {"courier": "sf", "waybill_no": "SF1"}


async def test_an_incomplete_address_waits_for_a_person(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.channel_order(customer={"account": "b", "name": "林月"}, remark="by the door")
    await shop.allocate(order_id)
    order = await shop.order(order_id)
    assert order["phase"] == "held"
    assert [(finding["code"], finding["blocks"]) for finding in order["findings"]] == [
        ("address_incomplete", True),
        ("buyer_remark", False),
    ]
    [hold] = order["holds"]
    released = await shop.done(f"/v1/orders/{order_id}/holds/{hold['hold_id']}/release")
    assert released["released_at"] is not None
    assert await shop.phase(order_id) == "released"
    [audited] = await harness.published(OrderAudited, order_id)
    assert audited.by == released["released_by"] != "system"
    again = await shop.post(f"/v1/orders/{order_id}/holds/{hold['hold_id']}/release")
    assert (again.status_code, again.json()["code"]) == (409, "hold_released")


async def test_a_store_may_review_dear_orders(shop: "Shop") -> None:
    path = f"/v1/audit-policies/{shop.store_id}"
    assert (await shop.manager.get(path)).json()["review_above"] is None
    changed = await shop.manager.put(path, json={"review_above": "40.00"}, headers={"if-match": '"v0"'})
    assert (changed.json()["review_above"], changed.headers["etag"]) == ("40.00", '"v1"')
    cheap, dear = await shop.paid(TEA=2), await shop.paid(TEA=3)
    assert [await shop.phase(order_id) for order_id in (cheap, dear)] == ["released", "held"]


async def test_a_hold_keeps_an_order_from_being_packed(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.paid()
    hold = await shop.done(f"/v1/orders/{order_id}/holds", {"reason": "the buyer calls back"}, status=201)
    work = await shop.work_of(order_id)
    assert work["held"]
    path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/pack"
    refused = await shop.post(path, PARCEL)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_held")
    await shop.done(f"/v1/orders/{order_id}/holds/{hold['hold_id']}/release")
    await shop.ship(order_id)
    past = await shop.post(f"/v1/orders/{order_id}/holds", {"reason": "too late"})
    assert (past.status_code, past.json()["code"]) == (409, "order_not_holdable")
    assert len(await harness.published(OrderHeld, order_id)) == 1
    assert len(await harness.published(OrderHoldReleased, order_id)) == 1


async def test_a_shortage_is_lifted_by_nobody_by_hand(shop: "Shop") -> None:
    order_id = await shop.channel_order()
    await shop.run_short(order_id)
    [hold] = (await shop.order(order_id))["holds"]
    refused = await shop.post(f"/v1/orders/{order_id}/holds/{hold['hold_id']}/release")
    assert (refused.status_code, refused.json()["code"]) == (409, "hold_not_releasable")
    unknown = await shop.post(f"/v1/orders/{order_id}/holds/hld_{'0' * 32}/release")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "hold_not_found")


async def test_a_scan_that_differs_stops_the_parcel(shop: "Shop") -> None:
    order_id = await shop.paid(TEA=2, CUP=1)
    path = f"/v1/fulfillment-orders/{(await shop.work_of(order_id))['fulfillment_order_id']}/pack"
    wrong = [{"sku": "TEA", "quantity": 1}, {"sku": "POT", "quantity": 1}, {"sku": "CUP", "quantity": 1}]
    stopped = await shop.post(path, PARCEL | {"lines": wrong})
    assert (stopped.status_code, stopped.json()["code"]) == (409, "pack_mismatch")
    assert stopped.json()["lines"] == [
        {"sku": "POT", "wanted": 0, "scanned": 1},
        {"sku": "TEA", "wanted": 2, "scanned": 1},
    ]
    right = [{"sku": "TEA", "quantity": 1}, {"sku": "TEA", "quantity": 1}, {"sku": "CUP", "quantity": 1}]
    await shop.done(path, PARCEL | {"lines": right}, status=201)
    again = await shop.post(path, PARCEL)
    assert (again.status_code, again.json()["code"]) == (409, "fulfillment_order_not_open")


async def test_the_parcels_of_a_batch_stand_alone(harness: Harness, shop: "Shop") -> None:
    orders = [await shop.paid() for _ in range(3)]
    work = [(await shop.work_of(order_id))["fulfillment_order_id"] for order_id in orders]

    def item(number: int, waybill_no: str, **more: Any) -> dict[str, Any]:
        return {"fulfillment_order_id": work[number], "courier": "sf", "waybill_no": waybill_no, **more}

    items = [
        item(0, "SF1"),
        item(0, "SF9"),
        item(1, "SF1"),
        item(2, "SF3", lines=[{"sku": "POT", "quantity": 1}]),
        item(0, "SF4") | {"fulfillment_order_id": "ful_" + "0" * 32},
    ]
    results = (await shop.done("/v1/fulfillment-orders:pack", {"items": items}))["items"]
    assert [result["status"] for result in results] == [201, 409, 409, 409, 404]
    codes = [result["problem"]["code"] for result in results[1:]]
    assert codes == ["fulfillment_order_not_open", "waybill_used", "pack_mismatch", "fulfillment_order_not_found"]
    more = (await shop.done("/v1/fulfillment-orders:pack", {"items": [item(1, "SF2"), item(2, "SF3")]}))["items"]
    parcels = [result["resource"]["parcel_id"] for result in (results[0], *more)]
    leaving = [{"parcel_id": parcel} for parcel in (*parcels, parcels[0], "pcl_" + "0" * 32)]
    gone = (await shop.done("/v1/parcels:handover", {"items": leaving}))["items"]
    assert [result["status"] for result in gone] == [200, 200, 200, 409, 404]
    assert [result["problem"]["code"] for result in gone[3:]] == ["parcel_gone", "parcel_not_found"]
    assert {event.order_id for event in await harness.published(OrderShipped)} == set(orders)
    again = await shop.post(f"/v1/parcels/{parcels[0]}/handover")
    assert (again.status_code, again.json()["code"]) == (409, "parcel_gone")


async def test_the_warehouse_sees_the_most_urgent_first(harness: Harness, shop: "Shop") -> None:
    second = await shop.paid()
    await harness.advance(hours=1)
    third = await shop.paid()
    paid_at = await harness.now() - timedelta(hours=5)
    first = (await shop.done("/v1/orders", shop.channel("tb-1", paid_at=paid_at), status=201))["order_id"]
    await shop.allocate(first)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    more = True
    while more:
        params = {"status": "open", "warehouse_id": WAREHOUSE, "limit": "1", **cursor}
        page = (await shop.manager.get("/v1/fulfillment-orders", params=params)).json()
        seen += [work["order_id"] for work in page["items"]]
        cursor, more = {"cursor": page["next_cursor"]}, page["has_more"]
    assert seen == [first, second, third]
