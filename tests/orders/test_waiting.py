"""`Prefer: wait`: the caller gets the decision about its stock, and a repeat gets the same."""

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
from storeops.common.testing.harness import Harness
from storeops.orders.intake.decisions import seconds_preferred

if TYPE_CHECKING:
    from .conftest import Shop


async def placed_orders(harness: Harness) -> list[str]:
    async with harness.reading("orders") as session:
        return [row["order_id"] for row in await session.fetch("SELECT order_id FROM orders.sales_order")]


async def place_and(harness: Harness, shop: "Shop", decide: Any) -> tuple[str, httpx2.Response]:
    """The answer to a caller that waits, while another takes the decision."""
    waiting = asyncio.create_task(shop.post("/v1/orders", shop.own(), prefer="wait=20", **{"idempotency-key": "w"}))
    while not (orders := await placed_orders(harness)):
        assert not waiting.done()
    await decide(orders[0])
    return orders[0], await waiting


async def test_the_caller_hears_that_the_order_is_payable(harness: Harness, shop: "Shop") -> None:
    order_id, answer = await place_and(harness, shop, shop.allocate)
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait")
    assert answer.headers["location"] == f"/v1/orders/{order_id}"
    order = answer.json()
    assert (order["order_id"], order["phase"]) == (order_id, "payable")
    assert order["allocated_at"] == (await shop.order(order_id))["allocated_at"]
    await shop.pay(order_id)
    repeat = await shop.post("/v1/orders", shop.own(), prefer="wait=20", **{"idempotency-key": "w"})
    assert (repeat.status_code, repeat.json()) == (201, order)


async def test_the_caller_hears_what_is_short(harness: Harness, shop: "Shop") -> None:
    order_id, answer = await place_and(harness, shop, shop.run_short)
    assert (answer.status_code, answer.json()["code"]) == (409, "stock_short")
    short = [{"sku": "TEA", "wanted": 2, "available": 1}]
    assert (answer.json()["order_id"], answer.json()["lines"]) == (order_id, short)
    repeat = await shop.post("/v1/orders", shop.own(), prefer="wait=20", **{"idempotency-key": "w"})
    assert (repeat.status_code, repeat.json()["lines"]) == (409, short)


async def test_without_a_decision_in_time_the_order_is_placed(shop: "Shop") -> None:
    answer = await shop.post("/v1/orders", shop.own(), prefer="wait=0")
    assert (answer.status_code, answer.json()["phase"]) == (202, "placed")


async def test_a_decision_that_nobody_told_of_is_looked_up(harness: Harness, shop: "Shop") -> None:
    async def decide_silently(order_id: str) -> None:
        async with harness.transaction("orders") as session:
            await session.fetch(
                "UPDATE orders.sales_order SET allocated_at = $1, warehouse_id = 'wh_1' WHERE order_id = $2",
                await session.now(),
                order_id,
            )

    _, answer = await place_and(harness, shop, decide_silently)
    assert (answer.status_code, answer.json()["warehouse_id"]) == (201, "wh_1")


async def test_a_channels_order_has_nothing_to_wait_for(harness: Harness, shop: "Shop") -> None:
    body = shop.channel("tb-1", paid_at=await harness.now())
    assert (await shop.post("/v1/orders", body, prefer="wait=30")).status_code == 201


def test_the_preference_is_read_leniently() -> None:
    assert seconds_preferred("respond-async, wait=5") == 5
    assert seconds_preferred("wait = 900") == 30
    assert [seconds_preferred(text) for text in (None, "", "wait", "wait=x", "await=5")] == [None] * 5
