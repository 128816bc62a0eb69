"""Placing orders: priced by promotions or with the channel's own money, once each, alone or by the hundred."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from storeops.common.auth.permissions import Role
from storeops.common.contracts.orders import OrderPaid, OrderPlaced
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop


async def test_an_own_site_order_carries_its_quote(harness: Harness, shop: "Shop") -> None:
    answer = await shop.post("/v1/orders", shop.own(TEA=2, CUP=1) | {"labels": ["synthetic"]})
    assert answer.status_code == 202
    order = answer.json()
    assert answer.headers["location"] == f"/v1/orders/{order['order_id']}"
    assert (order["phase"], order["payable"], order["channel"]) == ("placed", "44.80", "own")
    assert [(line["sku"], line["gross"], line["net"]) for line in order["lines"]] == [
        ("TEA", "39.80", "39.80"),
        ("CUP", "5.00", "5.00"),
    ]
    [placed] = await harness.published(OrderPlaced)
    assert (placed.paid, placed.province, placed.labels, placed.net) == (False, "浙江", ("synthetic",), 4480)


async def test_a_channels_order_enters_paid_with_its_own_money(harness: Harness, shop: "Shop") -> None:
    paid_at = await harness.now() - timedelta(hours=1)
    order = await shop.done("/v1/orders", shop.channel("tb-1", paid_at=paid_at), status=201)
    assert (order["phase"], order["channel"], order["net"], order["payable"]) == ("paid", "tmall", "50.00", "45.00")
    [line] = order["lines"]
    assert line["discounts"] == {"shop": "9.70", "platform_coupon": "5.00"}
    assert (line["discount"], line["net"]) == ("9.70", "50.00")
    [placed], [paid] = await harness.published(OrderPlaced), await harness.published(OrderPaid)
    assert (placed.paid, placed.payable, paid.amount, paid.net) == (True, 4500, 4500, 5000)
    assert paid.paid_at == paid_at


async def test_a_channels_order_comes_in_once(harness: Harness, shop: "Shop") -> None:
    body = shop.channel("tb-1", paid_at=await harness.now())
    first = await shop.post("/v1/orders", body)
    again = await shop.post("/v1/orders", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["order_id"] == again.json()["order_id"]
    assert again.json()["lines"] == first.json()["lines"]
    other = await shop.post("/v1/orders", body | {"remark": "red, please"})
    assert (other.status_code, other.json()["code"]) == (409, "channel_order_exists")
    assert len(await harness.published(OrderPlaced)) == 1


async def test_the_same_channels_order_at_once_comes_in_once(harness: Harness, shop: "Shop") -> None:
    body = shop.channel("tb-1", paid_at=await harness.now())
    answers = await asyncio.gather(*(shop.post("/v1/orders", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["order_id"] for answer in answers}) == 1


async def test_the_same_key_gets_the_same_answer(harness: Harness, shop: "Shop") -> None:
    body = shop.own()
    headers = {"idempotency-key": "one"}
    answers = await asyncio.gather(*(shop.manager.post("/v1/orders", json=body, headers=headers) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len(await harness.published(OrderPlaced)) == 1
    reused = await shop.manager.post("/v1/orders", json=shop.own(CUP=9), headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    missing = await shop.manager.post("/v1/orders", json=body)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")


async def test_one_buyer_is_one_customer_of_a_store(shop: "Shop") -> None:
    by_phone = shop.own()
    written_otherwise = shop.own()
    written_otherwise["customer"] = {**written_otherwise["customer"], "phone": "+86 161-0000-0001"}
    stranger = shop.own()
    stranger["customer"] = {**stranger["customer"], "phone": "16100000002"}
    answers = [await shop.done("/v1/orders", body, status=202) for body in (by_phone, written_otherwise, stranger)]
    first, second, third = (answer["customer_id"] for answer in answers)
    assert first == second != third


BAD_ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"currency": "USD"}, "currency_mismatch", "/body/currency"),
    ({"payable": "50.00"}, "payable_wrong", "/body/payable"),
    ({"payable": "45.001"}, "amount_malformed", "/body/payable"),
    ({"customer": {"name": "林月"}}, "buyer_unknown", "/body/customer/account"),
    ({"placed_at": "2100-01-01T00:00:00Z"}, "times_impossible", "/body/paid_at"),
    ({"placed_at": "2100-01-01T00:00:00Z", "paid_at": "2100-01-01T00:00:00Z"}, "times_impossible", "/body/paid_at"),
    ({"placed_at": "0001-01-01T00:00:00+14:00"}, "invalid_request", "/body/placed_at"),
    ({"lines": []}, "invalid_request", "/body/lines"),
    ({"extra": 1}, "invalid_request", "/body/extra"),
    ({"kind": "gift"}, "invalid_request", "/body/kind"),
    ({"labels": ["UPPER"]}, "invalid_request", "/body/labels/0"),
]
BAD_LINES: list[tuple[dict[str, Any], str, str]] = [
    ({"net": "50.01"}, "line_money_wrong", "net"),
    ({"discounts": {"shop": "9.69"}}, "line_money_wrong", "net"),
    ({"discounts": {"shop": "9.70", "platform_coupon": "50.01"}}, "line_money_wrong", "net"),
    ({"gross": "59.705"}, "amount_malformed", "gross"),
    ({"quantity": -1}, "invalid_request", "quantity"),
    ({"quantity": 10_001}, "invalid_request", "quantity"),
    ({"sku": "no spaces"}, "invalid_request", "sku"),
    ({"net": "-1"}, "invalid_request", "net"),
    ({"net": "1e3"}, "invalid_request", "net"),
]


async def test_bad_channel_orders_are_refused_by_name(harness: Harness, shop: "Shop") -> None:
    good = shop.channel("tb-1", paid_at=await harness.now())
    for change, code, pointer in BAD_ORDERS:
        refused = await shop.post("/v1/orders", good | change)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (422, code), change
        assert [error["pointer"] for error in problem["errors"]] == [pointer], change
    assert await harness.published(OrderPlaced) == []


async def test_a_channels_clock_may_run_five_minutes_ahead(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    early = await shop.post("/v1/orders", shop.channel("tb-1", paid_at=now + timedelta(minutes=6)))
    assert (early.status_code, early.json()["code"]) == (422, "times_impossible")
    await shop.done("/v1/orders", shop.channel("tb-1", paid_at=now + timedelta(minutes=5)), status=201)


async def test_a_bad_line_is_named(harness: Harness, shop: "Shop") -> None:
    body = shop.channel("tb-1", paid_at=await harness.now())
    good = {"sku": "CUP", "quantity": 1, "gross": "1.00", "net": "1.00"}
    for line, code, field in BAD_LINES:
        refused = await shop.post("/v1/orders", body | {"lines": [good, {**body["lines"][0], **line}]})
        assert (refused.status_code, refused.json()["code"]) == (422, code), line
        assert refused.json()["errors"][0]["pointer"].endswith(f"/lines/1/{field}"), line
    assert await harness.published(OrderPlaced) == []


async def test_what_promotions_refuses_is_passed_on(shop: "Shop") -> None:
    refused = await shop.post("/v1/orders", shop.own(GONE=1))
    assert (refused.status_code, refused.json()["code"]) == (422, "sku_not_listed")


async def test_a_foreign_store_takes_no_orders(harness: Harness, shop: "Shop") -> None:
    stranger = await harness.client(Role.CHANNEL, stores=["sto_" + "0" * 32])
    refused = await stranger.post("/v1/orders", json=shop.own(), headers={"idempotency-key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (403, "store_forbidden")
    unknown = shop.channel("tb-1", paid_at=await harness.now()) | {"store_id": "sto_" + "0" * 32}
    missing = await stranger.post("/v1/orders", json=unknown, headers={"idempotency-key": "k"})
    assert (missing.status_code, missing.json()["code"]) == (404, "store_not_found")


async def test_the_items_of_a_batch_stand_alone(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    await shop.done("/v1/orders", shop.channel("tb-1", paid_at=now), status=201)
    items = [
        shop.channel("tb-1", paid_at=now),
        shop.own(TEA=1),
        shop.own(GONE=1),
        shop.channel("tb-2", paid_at=now),
        shop.channel("tb-2", paid_at=now),
        shop.channel("tb-3", paid_at=now, payable="1.00"),
        shop.channel("tb-1", paid_at=now, remark="changed"),
        shop.channel("tb-4", paid_at=now) | {"store_id": "sto_" + "0" * 32},
        shop.own(CUP=2) | {"store_id": "sto_" + "0" * 32},
    ]
    results = (await shop.done("/v1/orders:batch", {"items": items}))["items"]
    assert [(result["index"], result["status"]) for result in results] == [
        (0, 200), (1, 202), (2, 422), (3, 201), (4, 200), (5, 422), (6, 409), (7, 403), (8, 403),
    ]  # fmt: skip
    assert results[3]["resource"]["order_id"] == results[4]["resource"]["order_id"]
    assert results[5]["problem"]["errors"][0]["pointer"] == "/body/items/5/payable"
    assert results[2]["problem"]["code"] == "sku_not_listed"
    assert results[2]["problem"]["errors"][0]["pointer"] == "/body/items/2/lines/0/sku"
    assert len(await harness.published(OrderPlaced)) == 3


async def test_hundreds_of_orders_come_in_by_one_call(harness: Harness, shop: "Shop") -> None:
    now = await harness.now()
    items = [shop.channel(f"tb-{number}", paid_at=now) for number in range(250)]
    items += [shop.own(TEA=1) for _ in range(250)]
    results = (await shop.done("/v1/orders:batch", {"items": items}))["items"]
    assert {result["status"] for result in results[:250]} == {201}
    assert {result["status"] for result in results[250:]} == {202}
    await shop.allocate(*(result["resource"]["order_id"] for result in results))
    work = await shop.manager.get("/v1/fulfillment-orders", params={"status": "open", "limit": 200})
    assert work.json()["has_more"]
    too_many = await shop.post("/v1/orders:batch", {"items": [shop.own()] * 501})
    assert (too_many.status_code, too_many.json()["code"]) == (422, "invalid_request")
