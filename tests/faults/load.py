"""The load: customers, channels, a till and a warehouse, over HTTP, each retrying under its first key until answered.

Knows nothing of the faults; sees what any client sees.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import httpx2
from storeops.common.clock import monotonic
from storeops.common.testing.shop import ADDRESS

from .history import History, Kind, Operation

HOT_SHARE = 0.2
ABANDONED = 0.05
"""How often a client gives up after a trouble, as browsers do: its request stays unknown."""
PATIENCE = 90.0
"""Seconds after the end of the load in which every request must find its answer."""
IN_PROGRESS = "idempotency_in_progress"


class Crashed(BaseException):
    """A process that is played inside this one died: whoever waited for it hears nothing."""


class Market(NamedTuple):
    """Where the load buys: stores of one installation, and what they sell."""

    stores: Sequence[str]
    hot: str
    """Scarce, and wanted by one order in five."""
    skus: Sequence[str]


class Load:
    """One client's many hands on one installation."""

    def __init__(self, client: httpx2.AsyncClient, market: Market, history: History, chance: Random) -> None:
        self._client = client
        self._market = market
        self._history = history
        self._chance = chance
        self._ending = asyncio.Event()
        self._began = monotonic()
        self._ends_at = float("inf")
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        """Business time as last heard; stands still or jumps."""

    async def run(self, *, customers: int = 6, channels: int = 4, packers: int = 2) -> None:
        """Work until `end`; then everyone finishes what is on the way."""
        await self.look_at_clock()
        hands = [self._customer] * customers + [self._channel] * channels + [self._packer] * packers
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch_clock())
            for work in [group.create_task(self._until_end(hand)) for hand in hands]:
                await work
            watch.cancel()

    def end(self) -> None:
        """Begin nothing new."""
        self._ends_at = monotonic()
        self._ending.set()

    async def look_at_clock(self) -> None:
        """Hear what time it is."""
        answer = await self._get("/v1/sandbox/clock")
        if answer is not None:
            self.now = datetime.fromisoformat(answer["now"])

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            await self.look_at_clock()

    async def _until_end(self, hand: Any) -> None:
        while not self._ending.is_set():
            await hand()
            await asyncio.sleep(self._chance.uniform(0.0, 0.03))

    async def _customer(self) -> None:
        """An own-site order: placed, then paid, cancelled or left."""
        placed = await self._perform("place", "", "/v1/orders", self._own_site_order(), headers={"prefer": "wait=5"})
        if placed.outcome != "ok":
            return
        order = placed.answer
        if order["phase"] != "payable":
            order = await self._get(f"/v1/orders/{order['order_id']}") or order
        next_step = self._chance.random()
        if next_step < 0.1:
            await self._cancel(order["order_id"])
        elif next_step < 0.9 and order["phase"] == "payable":
            await self._pay(order)

    async def _channel(self) -> None:
        """A channel's order, sent again now and then under another key, as channels do."""
        body = self.channel_order()
        taken = await self._perform("take", "", "/v1/orders", body)
        if taken.outcome == "ok" and self._chance.random() < 0.1:
            again = {name: value for name, value in body.items() if name != "labels"}
            await self._perform(
                "take", taken.answer["order_id"], "/v1/orders", again | {"labels": taken.body["labels"]}
            )
        if taken.outcome == "ok" and self._chance.random() < 0.05:
            await self._cancel(taken.answer["order_id"])

    async def _packer(self) -> None:
        """Packs some of the most urgent work and hands most of it over."""
        store = self._chance.choice(self._market.stores)
        work = await self._get("/v1/fulfillment-orders", status="open", store_id=store, limit=20)
        if not work or not work["items"]:
            await asyncio.sleep(0.2)
            return
        for item in self._chance.sample(work["items"], k=min(3, len(work["items"]))):
            packed = await self._perform(
                "pack",
                item["fulfillment_order_id"],
                f"/v1/fulfillment-orders/{item['fulfillment_order_id']}/pack",
                {"courier": "sf"},
                own_id="waybill_no",
            )
            if packed.outcome == "ok" and self._chance.random() < 0.8:
                parcel = packed.answer["parcel_id"]
                await self._perform("handover", parcel, f"/v1/parcels/{parcel}/handover", {})

    async def _pay(self, order: Mapping[str, Any]) -> None:
        body = {"amount": order["payable"], "currency": order["currency"], "provider": "test"}
        path = f"/v1/orders/{order['order_id']}/payments"
        await self._perform("pay", order["order_id"], path, body, own_id="provider_ref")

    async def _cancel(self, order_id: str) -> None:
        await self._perform("cancel", order_id, f"/v1/orders/{order_id}/cancel", {"reason": "customer"})

    def _lines(self) -> list[dict[str, Any]]:
        """One to three SKUs in any order; one order in five wants the hot one."""
        skus = self._chance.sample(self._market.skus, k=self._chance.randint(1, 3))
        if self._chance.random() < HOT_SHARE:
            skus.insert(self._chance.randrange(len(skus) + 1), self._market.hot)
        return [{"sku": sku, "quantity": self._chance.randint(1, 2)} for sku in skus]

    def _own_site_order(self) -> dict[str, Any]:
        person = self._chance.randint(1, 500)
        customer = {"name": f"Buyer {person}", "phone": f"138{person:08}", "address": ADDRESS}
        store = self._chance.choice(self._market.stores)
        return {"kind": "own_site", "store_id": store, "customer": customer, "lines": self._lines()}

    def channel_order(self) -> dict[str, Any]:
        """Paid up to three hours ago, at one of a few instants: its clocks count from then."""
        paid_at = self.now - timedelta(minutes=15 * self._chance.randint(0, 12))
        lines = [line | {"gross": "10.00", "net": "10.00"} for line in self._lines()]
        return {
            "kind": "channel",
            "store_id": self._chance.choice(self._market.stores),
            "channel_order_id": f"ch-{self._history.stem}-{len(self._history.operations)}-{self._chance.random()}",
            "placed_at": (paid_at - timedelta(minutes=1)).isoformat(),
            "paid_at": paid_at.isoformat(),
            "currency": "CNY",
            "customer": {"account": f"buyer-{self._chance.randint(1, 500)}", "name": "Buyer", "address": ADDRESS},
            "lines": lines,
            "payable": f"{10 * len(lines)}.00",
        }

    async def _perform(
        self,
        kind: Kind,
        subject: str,
        path: str,
        body: Mapping[str, Any],
        *,
        own_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Operation:
        """Send a request under a new key until it is answered or given up; `own_id` is a field to hold the key."""
        operation = self._history.begin(kind, subject, body, at=self._seconds())
        sent = dict(body)
        if own_id:
            sent[own_id] = operation.id
        if kind in ("place", "take"):
            sent.setdefault("labels", [operation.id])
        operation.body = sent
        while True:
            operation.tries += 1
            trouble = await self._try(operation, path, dict(headers or {}))
            if trouble is None:
                return operation
            operation.troubles.append(trouble)
            if self._chance.random() < ABANDONED:
                return operation
            if monotonic() > self._ends_at + PATIENCE:
                self._history.faulty.append(f"{kind} {operation.id}: no answer after the end: {trouble}")
                return operation
            await asyncio.sleep(self._chance.uniform(0.05, 0.4))

    async def _try(self, operation: Operation, path: str, headers: dict[str, str]) -> str | None:
        """Send once; answers what went wrong, or None when there is an answer."""
        try:
            response = await self._client.post(
                path, json=operation.body or None, headers=headers | {"idempotency-key": operation.id}
            )
        except (httpx2.TransportError, Crashed) as error:
            return type(error).__name__
        self._judge(operation, response)
        if response.status_code >= 500 or code_of(response) == IN_PROGRESS:
            return f"{response.status_code} {code_of(response)}"
        operation.ended = self._seconds()
        operation.status = response.status_code
        operation.answer = response.json()
        operation.outcome = "ok" if response.is_success else "fail"
        return None

    def _judge(self, operation: Operation, response: httpx2.Response) -> None:
        """Note answers that are never right, fault or not."""
        if response.is_success:
            return
        media = response.headers.get("content-type", "")
        if response.status_code == 500 or not media.startswith("application/problem+json"):
            said = f"{operation.kind} {operation.id}: {response.status_code} {media} {response.text[:200]}"
            self._history.faulty.append(said)

    async def _get(self, path: str, **query: Any) -> Any:
        """What there is to read, or None while it cannot be read."""
        try:
            response = await self._client.get(path, params=query)
        except (httpx2.TransportError, Crashed):
            return None
        return response.json() if response.is_success else None

    def _seconds(self) -> float:
        return round(monotonic() - self._began, 4)


def code_of(response: httpx2.Response) -> str:
    """The code of a problem, or nothing."""
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        return str(response.json()["code"])
    return ""
