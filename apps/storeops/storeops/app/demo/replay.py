"""The replay: real channel orders and seeded own-site orders through the public API, under the sandbox clock.

Each step plays time to its end and then hands in what happened in it, as a channel's pull would. People are
seeded too: who packs when, who pays, who cancels, how an agent settles. `seeding` says what is drawn how.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from storeops.app.demo.data import Basket
from storeops.app.demo.seeding import (
    SYNTHETIC,
    Customer,
    Fate,
    OwnOrder,
    TicketCause,
    customer_of,
    parcel_plan,
    settlement_of,
)
from storeops.app.demo.setting_up import Town, sku_of
from storeops.app.demo.shopfront import Shopfront, chunks, require
from storeops.app.demo.shops import CURRENCY
from storeops.app.demo.stocking import Receipt
from storeops.common.money import to_decimal

MOMENT = timedelta(microseconds=1)


class Script(NamedTuple):
    """What happens, in order of time."""

    baskets: Iterator[Basket]
    own_orders: Iterator[OwnOrder]
    receipts: Iterator[Receipt]


class Task(NamedTuple):
    """Something a person does at an instant; ties go by number, so that runs repeat."""

    at: datetime
    number: int
    kind: str
    data: Any


class Replay:
    """One run of a script against an installation."""

    def __init__(self, front: Shopfront, town: Town, script: Script, *, seed: int, tell: Callable[[int], None]) -> None:
        self._front = front
        self._town = town
        self._seed = seed
        self._tell = tell
        self._baskets = Peekable(script.baskets)
        self._own = Peekable(script.own_orders)
        self._receipts = Peekable(script.receipts)
        self._tasks: list[Task] = []
        self._numbers = count()
        self._keys: dict[str, str] = {}
        """Order id → the key that its parcel is drawn by."""
        self._seen: set[str] = set()
        """Fulfillment orders and tickets that have their task."""
        self._receipt_number = count(1)
        self.handed_in = 0
        self.real_lines = 0
        """Lines of the real orders that were taken."""

    async def run(self, start: datetime, end: datetime, step: timedelta, *, stops: str) -> None:
        """Play from start to end; `stops` as the clock takes it."""
        now = start
        while now < end:
            now = min(now + step, end)
            await self._front.play(now, stops=stops)
            await self._hand_in(now)
            await self._work(now)

    async def finish(self, until: datetime, step: timedelta) -> None:
        """Play on without new orders until everyone's work is done, at the latest until `until`."""
        now = datetime.fromisoformat((await self._front.get("/v1/sandbox/clock"))["now"])
        while now < until:
            now = min(now + step, until)
            await self._front.play(now)
            await self._work(now)
            if not self._tasks:
                return

    async def _hand_in(self, now: datetime) -> None:
        orders = [self._channel_order(basket) for basket in self._baskets.until(now, lambda basket: basket.placed_at)]
        own = list(self._own.until(now, lambda order: order.placed_at))
        orders += [self._own_order(order) for order in own]
        if orders:
            results: list[Any] = []
            for part in chunks(orders):
                results += (
                    await self._front.post(
                        "/v1/orders:batch", {"items": list(part)}, key=f"{now.isoformat()}-{len(results)}"
                    )
                )["items"]
            self.handed_in += len(orders)
            self._remember(results, orders, own, now)
            self._tell(self.handed_in)
        for receipt in self._receipts.until(now, lambda receipt: receipt.at):
            self._do(now, "receive", receipt)

    def _remember(self, results: list[Any], orders: list[dict[str, Any]], own: list[OwnOrder], now: datetime) -> None:
        channel = len(orders) - len(own)
        for order, resource in zip(orders[:channel], require(results[:channel], "channel orders"), strict=True):
            self._keys[resource["order_id"]] = order["channel_order_id"]
            self.real_lines += len(order["lines"])
        for order, result in zip(own, results[channel:], strict=True):
            # A listing may have left the shelf since the buyer chose: the shop refuses, the buyer goes.
            if result["status"] >= 400:
                continue
            self._keys[result["resource"]["order_id"]] = order.key
            # Not in this step: the goods are promised while time plays on.
            if order.paid_at is not None:
                self._do(max(order.paid_at, now + MOMENT), "pay", result["resource"])
            if order.fate is Fate.CANCELLED and order.cancel_at is not None:
                self._do(max(order.cancel_at, now + MOMENT), "cancel", result["resource"]["order_id"])

    async def _work(self, now: datetime) -> None:
        await self._notice_work(now)
        due: dict[str, list[Any]] = {}
        while self._tasks and self._tasks[0].at <= now:
            task = heapq.heappop(self._tasks)
            due.setdefault(task.kind, []).append(task.data)
        await self._receive(due.get("receive", []))
        for order in due.get("pay", []):
            await self._pay(order)
        for order_id in due.get("cancel", []):
            body = {"reason": "customer"}
            await self._front.post(f"/v1/orders/{order_id}/cancel", body, key=f"cancel-{order_id}", may=(409,))
        await self._pack(due.get("pack", []), now)
        await self._hand_over(due.get("handover", []))
        await self._settle(due.get("settle", []))

    async def _notice_work(self, now: datetime) -> None:
        async for order in self._front.pages("/v1/fulfillment-orders", status="open"):
            if order["fulfillment_order_id"] in self._seen:
                continue
            self._seen.add(order["fulfillment_order_id"])
            key = self._keys[order["order_id"]]
            released = datetime.fromisoformat(order["released_at"])
            plan = parcel_plan(self._seed, key, released)
            self._do(max(plan.pack_at, now), "pack", (order["fulfillment_order_id"], plan))
        async for ticket in self._front.pages("/v1/tickets", state="open"):
            # A case that was opened again is to be settled by another time.
            case = f"{ticket['ticket_id']} {ticket['settle_by']}"
            if case in self._seen:
                continue
            self._seen.add(case)
            # A hold says what it is short of, a deadline after it only `shortage`.
            cause = TicketCause.HELD if ticket["reason"].startswith("short") else TicketCause.DELAY
            opened = datetime.fromisoformat(ticket["opened_at"])
            plan = settlement_of(self._seed, self._keys[ticket["order_id"]], cause, opened)
            self._do(max(plan.settle_at, now), "settle", (ticket["ticket_id"], plan.outcome.value))

    async def _receive(self, receipts: list[Receipt]) -> None:
        by_warehouse: dict[str, dict[str, int]] = {}
        for receipt in receipts:
            lines = by_warehouse.setdefault(receipt.warehouse, {})
            sku = sku_of(receipt.product_id)
            lines[sku] = lines.get(sku, 0) + receipt.quantity
        for code, lines in by_warehouse.items():
            for part in chunks(list(lines.items())):
                body = {
                    "warehouse_id": self._town.warehouses[code],
                    "reference": f"restock-{code}-{next(self._receipt_number)}",
                    "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in part],
                }
                await self._front.post("/v1/receipts", body)

    async def _pay(self, order: dict[str, Any]) -> None:
        order_id = order["order_id"]
        body = {
            "amount": order["payable"],
            "currency": CURRENCY,
            "provider": "demo",
            "provider_ref": f"pay-{order_id}",
        }
        # 409: the goods ran out before the buyer could pay.
        await self._front.post(f"/v1/orders/{order_id}/payments", body, key=f"pay-{order_id}", may=(409,))

    async def _pack(self, work: list[Any], now: datetime) -> None:
        items = [
            {"fulfillment_order_id": fulfillment_order, "courier": plan.courier, "waybill_no": plan.waybill_no}
            for fulfillment_order, plan in work
        ]
        results = (
            await self._front.batch("/v1/fulfillment-orders:pack", items, key=f"pack-{now.isoformat()}")
            if items
            else []
        )
        for (_, plan), result in zip(work, results, strict=True):
            # Refused when a customer or an agent cancelled the order before it was packed.
            if result["status"] < 400:
                self._do(max(plan.handover_at, now), "handover", result["resource"]["parcel_id"])

    async def _hand_over(self, parcels: list[str]) -> None:
        if parcels:
            items = [{"parcel_id": parcel} for parcel in parcels]
            # Refused when a case was settled with a refund after packing: the parcel stays.
            await self._front.batch("/v1/parcels:handover", items, key=f"handover-{parcels[0]}")

    async def _settle(self, tickets: list[tuple[str, str]]) -> None:
        if tickets:
            items = [{"ticket_id": ticket, "outcome": outcome} for ticket, outcome in tickets]
            # Refused when the order had left meanwhile and the ticket closed itself.
            await self._front.batch("/v1/tickets:settle", items)

    def _do(self, at: datetime, kind: str, data: Any) -> None:
        heapq.heappush(self._tasks, Task(at, next(self._numbers), kind, data))

    def _channel_order(self, basket: Basket) -> dict[str, Any]:
        person = customer_of(self._seed, basket.household_id)
        lines = [
            {
                "sku": sku_of(line.product_id),
                "quantity": line.quantity,
                "gross": money(line.gross),
                "discounts": {
                    kind: money(amount)
                    for kind, amount in (
                        ("shop", line.shop_discount),
                        ("shop_coupon", line.shop_coupon),
                        ("platform_coupon", line.platform_coupon),
                    )
                    if amount
                },
                "net": money(line.net),
            }
            for line in basket.lines
        ]
        payable = sum(line.net - line.platform_coupon for line in basket.lines)
        return {
            "kind": "channel",
            "store_id": self._town.stores[basket.shop],
            "channel_order_id": str(basket.basket_id),
            "placed_at": basket.placed_at.isoformat(),
            "paid_at": basket.placed_at.isoformat(),
            "currency": CURRENCY,
            "customer": customer_body(person, basket.household_id),
            "lines": lines,
            "payable": money(payable),
        }

    def _own_order(self, order: OwnOrder) -> dict[str, Any]:
        return {
            "kind": "own_site",
            "store_id": self._town.stores[order.shop],
            "customer": customer_body(customer_of(self._seed, order.household_id), order.household_id),
            "lines": [{"sku": sku_of(line.product_id), "quantity": line.quantity} for line in order.lines],
            "labels": [SYNTHETIC],
        }


def money(minor: int) -> str:
    """A decimal string."""
    return to_decimal(minor, CURRENCY)


def customer_body(person: Customer, household_id: int) -> dict[str, Any]:
    """A customer as the API takes one."""
    return {
        "account": f"household-{household_id}",
        "name": person.name,
        "phone": person.phone,
        "address": {
            "province": person.province,
            "city": person.city,
            "district": person.district,
            "street": person.street,
        },
    }


class Peekable:
    """An iterator in order of time that gives out what has happened by an instant."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._next = next(items, None)

    def until(self, now: datetime, when: Callable[[Any], datetime]) -> Iterator[Any]:
        """Items up to and with `now`."""
        while self._next is not None and when(self._next) <= now:
            yield self._next
            self._next = next(self._items, None)
