"""Payments: once each, of the right amount, for an order that can take them; else the money goes back."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from storeops.common.contracts.orders import OrderExpired, OrderPaid, RefundRequested
from storeops.common.testing.harness import Harness
from storeops.orders.intake.commands.deciding import expire_orders
from storeops.orders.intake.commands.paying import pay_order
from storeops.orders.intake.schemas import PayOrder

if TYPE_CHECKING:
    from .conftest import Shop


def money(amount: str, provider_ref: str = "p-1", **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "CNY", "provider": "alipay", "provider_ref": provider_ref, **more}


BAD_MONEY = [
    (money("39.79"), "payment_amount_wrong"),
    (money("0.00"), "payment_amount_wrong"),
    (money("39.801"), "amount_malformed"),
    (money("39.80", currency="USD"), "currency_mismatch"),
    (money("-1"), "invalid_request"),
    (money("39.80", "has space"), "invalid_request"),
]


async def test_only_the_right_money_pays(shop: "Shop") -> None:
    order_id = await shop.payable()
    path = f"/v1/orders/{order_id}/payments"
    for body, code in BAD_MONEY:
        refused = await shop.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (422, code), body
    assert await shop.phase(order_id) == "payable"
    assert (await shop.post(path, money("39.800"))).status_code == 201


async def test_an_order_without_stock_takes_no_money(shop: "Shop") -> None:
    order_id = await shop.place()
    refused = await shop.post(f"/v1/orders/{order_id}/payments", money("39.80"))
    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_payable")
    await shop.allocate(order_id)
    assert (await shop.post(f"/v1/orders/{order_id}/payments", money("39.80"))).status_code == 201


async def test_a_provider_may_tell_twice(harness: Harness, shop: "Shop") -> None:
    order_id, other = await shop.payable(), await shop.payable()
    first, again = [await shop.post(f"/v1/orders/{order_id}/payments", money("39.80")) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    used = await shop.post(f"/v1/orders/{other}/payments", money("39.80"))
    assert (used.status_code, used.json()["code"]) == (409, "provider_ref_used")
    assert len(await harness.published(OrderPaid)) == 1


async def test_paying_twice_gives_the_second_back(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.paid()
    second = await shop.post(f"/v1/orders/{order_id}/payments", money("39.80", "p-2"))
    assert (second.status_code, second.json()["state"]) == (201, "refund_pending")
    [refund] = await harness.published(RefundRequested, order_id)
    assert (refund.amount, refund.reason) == (3980, "paid twice")
    await shop.done(f"/v1/orders/{order_id}/cancel", {"reason": "staff"})
    assert [row.amount for row in await harness.published(RefundRequested, order_id)] == [3980, 3980]


async def test_money_for_a_dead_order_is_kept_and_goes_back(harness: Harness, shop: "Shop") -> None:
    order_id = await shop.payable()
    await harness.advance(minutes=30)
    late = await shop.post(f"/v1/orders/{order_id}/payments", money("20.00"))
    assert (late.status_code, late.json()["state"]) == (201, "refund_pending")
    order = await shop.order(order_id)
    assert (order["phase"], order["received"], order["refunded"]) == ("expired", "20.00", "20.00")
    [refund] = await harness.published(RefundRequested, order_id)
    assert refund.amount == 2000


async def pay(harness: Harness, order_id: str) -> str:
    async with harness.transaction("orders") as session:
        payment, _ = await pay_order(session, order_id, PayOrder(**money("39.80", order_id)))
    return payment.state


async def expire(harness: Harness, order_id: str) -> None:
    async with harness.transaction("orders") as session:
        await expire_orders(session, [order_id])


@pytest.mark.parametrize("first", ["pay", "expire"])
async def test_of_payment_and_expiry_one_wins(harness: Harness, shop: "Shop", first: str) -> None:
    order_id = await shop.payable()
    waiting = pay if first == "expire" else expire
    async with harness.transaction("orders") as session:
        if first == "pay":
            await pay_order(session, order_id, PayOrder(**money("39.80", order_id)))
        else:
            await expire_orders(session, [order_id])
        second = asyncio.create_task(waiting(harness, order_id))
        while not await somebody_waits(harness):
            await asyncio.sleep(0)
    await second
    await harness.drain()
    paid, expired = await harness.published(OrderPaid), await harness.published(OrderExpired)
    assert (len(paid), len(expired)) == ((1, 0) if first == "pay" else (0, 1))
    assert len(await harness.published(RefundRequested)) == (0 if first == "pay" else 1)
    # The timer of an order that a command let go by hand would fire and find it so.
    await harness.advance(hours=1)
    assert len(await harness.published(OrderExpired)) == len(expired)


async def somebody_waits(harness: Harness) -> bool:
    async with harness.reading("orders") as session:
        return bool(await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def test_many_payments_and_the_expiry_at_once_leave_one_outcome_each(harness: Harness, shop: "Shop") -> None:
    orders = [await shop.payable() for _ in range(6)]
    await asyncio.gather(
        *(pay(harness, order_id) for order_id in orders), *(expire(harness, order_id) for order_id in orders)
    )
    await harness.drain()
    outcomes = {event.order_id for event in await harness.published(OrderPaid)}
    outcomes |= {event.order_id for event in await harness.published(OrderExpired)}
    assert outcomes == set(orders)
    refunded = {event.order_id for event in await harness.published(RefundRequested)}
    assert refunded == {event.order_id for event in await harness.published(OrderExpired)}
