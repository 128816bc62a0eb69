"""A shop in a test: one store with its warehouse, driven over the public HTTP API alone.

The same shop runs on a harness in this process and on a running installation: only how time is played differs.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import httpx2

from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness

PRICE = "19.90"
ARRIVES = "30"
"""Seconds that one request waits for the sandbox clock."""


class Time(Protocol):
    """Business time as a test moves it."""

    async def now(self) -> datetime:
        """Business time."""
        ...

    async def play(self, to: datetime) -> None:
        """Play time forward to an instant, until everything that it causes has happened."""
        ...


class HarnessTime:
    """Time of a harness: it moves by hand."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    async def now(self) -> datetime:
        """Business time."""
        return await self._harness.now()

    async def play(self, to: datetime) -> None:
        """Play time forward to an instant."""
        await self._harness.advance(to=to)


class SandboxTime:
    """Time of a running sandbox, moved over HTTP by a client with the right to operate it."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def now(self) -> datetime:
        """Business time."""
        return datetime.fromisoformat((await said(self._client.get("/v1/sandbox/clock")))["now"])

    async def play(self, to: datetime) -> None:
        """Play time forward to an instant."""
        wait = {"prefer": f"wait={ARRIVES}"}
        body = {"to": to.isoformat(), "figures": True}
        clock = await said(self._client.post("/v1/sandbox/clock/advance", json=body, headers=wait))
        while clock["status"] != "ready":
            clock = await said(self._client.get("/v1/sandbox/clock", headers=wait))


class Order(NamedTuple):
    """An order as it stood when it was asked for."""

    id: str
    phase: str
    paid_at: datetime | None
    excused: bool
    cancel_reason: str | None


class Fact(NamedTuple):
    """A line of a ticket's history."""

    kind: str
    reason: str


class Ticket(NamedTuple):
    """A ticket as it stood when it was asked for."""

    id: str
    kind: str
    reason: str
    deadline: datetime | None
    settle_by: datetime
    state: str
    outcome: str | None
    history: tuple[Fact, ...]


class Listing(NamedTuple):
    """A listing as it stood when it was asked for."""

    id: str
    on_shelf: bool
    delisted_by: str | None


class Shop:
    """A store that sells, ships and answers its customers. Opened by `open_shop`."""

    def __init__(
        self, client: httpx2.AsyncClient, time: Time, *, brand_id: str, store_id: str, warehouse_id: str
    ) -> None:
        self.client = client
        self.time = time
        self.brand_id = brand_id
        self.store_id = store_id
        self.warehouse_id = warehouse_id

    async def advance(self, *, hours: float = 0, minutes: float = 0) -> None:
        """Play business time forward; 0 lets everything that is under way happen."""
        await self.time.play(await self.time.now() + timedelta(hours=hours, minutes=minutes))

    async def receive(self, lines: Mapping[str, int]) -> None:
        """Receive goods into the warehouse; SKUs that are new come into the catalog."""
        for sku in lines:
            await self.post("/v1/skus", {"sku": sku, "brand_id": self.brand_id, "name": sku})
        received = [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()]
        body = {"warehouse_id": self.warehouse_id, "reference": new_id("rcp"), "lines": received}
        await self.post("/v1/receipts", body)
        await self.advance()

    async def offer(self, sku: str, *, price: str = PRICE) -> Listing:
        """Offer a SKU: on the shelf, or while nothing of it can be sold prepared for it."""
        body = {"store_id": self.store_id, "sku": sku, "title": sku, "price": price}
        made = await self.post("/v1/listings", body)
        await self.advance()
        return listing_of(made)

    async def listing(self, listing: Listing) -> Listing:
        """A listing as it is now."""
        return listing_of(await self.get(f"/v1/listings/{listing.id}"))

    async def delist(self, listing: Listing, *, reason: str) -> None:
        """Take a listing off the shelf by hand."""
        await self.post(f"/v1/listings/{listing.id}/delist", {"reason": reason})

    async def place(self, lines: Mapping[str, int]) -> Order:
        """Place an order of the own site and let its stock be decided."""
        wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()]
        customer = {"name": "Test Buyer", "phone": "13800000000", "address": ADDRESS}
        body = {"kind": "own_site", "store_id": self.store_id, "customer": customer, "lines": wanted}
        placed = await self.post("/v1/orders", body)
        await self.advance()
        return await self.order(placed["order_id"])

    async def paid_order(self, lines: Mapping[str, int]) -> Order:
        """Place an order and pay it in full."""
        placed = await self.place(lines)
        order = await self.get(f"/v1/orders/{placed.id}")
        money = {"amount": order["payable"], "currency": order["currency"]}
        await self.post(f"/v1/orders/{placed.id}/payments", money | {"provider": "test", "provider_ref": new_id("pay")})
        await self.advance()
        return await self.order(placed.id)

    async def channel_order(self, lines: Mapping[str, int], *, paid_at: datetime | None = None) -> Order:
        """Hand in a channel's order, which enters paid whether or not there is stock."""
        now = await self.time.now()
        body = {
            "kind": "channel",
            "store_id": self.store_id,
            "channel_order_id": new_id("ch"),
            "placed_at": (paid_at or now).isoformat(),
            "paid_at": (paid_at or now).isoformat(),
            "currency": "CNY",
            "customer": {"account": "buyer", "name": "Test Buyer", "phone": "13800000000", "address": ADDRESS},
            "lines": [
                {"sku": sku, "quantity": quantity, "gross": "10.00", "net": "10.00"} for sku, quantity in lines.items()
            ],
            "payable": f"{10 * len(lines)}.00",
        }
        placed = await self.post("/v1/orders", body)
        await self.advance()
        return await self.order(placed["order_id"])

    async def order(self, order_id: str) -> Order:
        """An order as it is now."""
        order = await self.get(f"/v1/orders/{order_id}")
        paid_at = order["paid_at"] and datetime.fromisoformat(order["paid_at"])
        return Order(order["order_id"], order["phase"], paid_at, order["excused"], order["cancel_reason"])

    async def cancel(self, order: Order) -> None:
        """Cancel an order as its customer asks."""
        await self.post(f"/v1/orders/{order.id}/cancel", {"reason": "customer"})
        await self.advance()

    async def ship(self, order: Order) -> None:
        """Pack what the warehouse was given of an order, and hand it to the courier."""
        work = await self.get("/v1/fulfillment-orders", store_id=self.store_id, status="open", limit=200)
        for item in work["items"]:
            if item["order_id"] == order.id:
                waybill = {"courier": "sf", "waybill_no": new_id("wb").replace("_", "-")}
                parcel = await self.post(f"/v1/fulfillment-orders/{item['fulfillment_order_id']}/pack", waybill)
                await self.post(f"/v1/parcels/{parcel['parcel_id']}/handover", None)
        await self.advance()

    async def tickets(self, order: Order) -> list[Ticket]:
        """The tickets of an order, with their history."""
        listed = await self.get("/v1/tickets", store_id=self.store_id, order_id=order.id)
        return [await self.ticket(item["ticket_id"]) for item in listed["items"]]

    async def ticket(self, ticket_id: str) -> Ticket:
        """A ticket as it is now."""
        ticket = await self.get(f"/v1/tickets/{ticket_id}")
        deadline = ticket["deadline"] and datetime.fromisoformat(ticket["deadline"])
        return Ticket(
            id=ticket["ticket_id"],
            kind=ticket["kind"],
            reason=ticket["reason"],
            deadline=deadline,
            settle_by=datetime.fromisoformat(ticket["settle_by"]),
            state=ticket["state"],
            outcome=ticket["outcome"],
            history=tuple(Fact(fact["kind"], fact["reason"]) for fact in ticket["history"]),
        )

    async def settle(self, ticket: Ticket, outcome: str) -> None:
        """Settle a ticket with the customer's choice, and let orders act on it."""
        await self.post(f"/v1/tickets/{ticket.id}/settle", {"outcome": outcome})
        await self.advance()

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET that succeeds."""
        return await said(self.client.get(path, params=query))

    async def post(self, path: str, body: Any) -> Any:
        """The JSON of a POST that succeeds, sent under a key of its own."""
        return await said(self.client.post(path, json=body, headers={"idempotency-key": new_id("req")}))


ADDRESS = {"province": "Zhejiang", "city": "Hangzhou", "district": "Xihu", "street": "1 Tea Road"}


async def open_shop(client: httpx2.AsyncClient, time: Time, *, channel: str = "own") -> Shop:
    """Open a store and its warehouse; `client` is the owner's. Shops of one installation share its brand and SKUs."""
    brands = (await said(client.get("/v1/brands", params={"limit": 1})))["items"]
    brand = brands[0] if brands else await said(client.post("/v1/brands", json={"name": new_id("brd")}))
    opened = {"brand_id": brand["brand_id"], "name": new_id("sto"), "channel": channel, "currency": "CNY"}
    store = await said(client.post("/v1/stores", json=opened))
    await time.play(await time.now())
    place = {"name": "Main warehouse", "store_ids": [store["store_id"]]}
    warehouse = await said(client.post("/v1/warehouses", json=place))
    return Shop(
        client,
        time,
        brand_id=brand["brand_id"],
        store_id=store["store_id"],
        warehouse_id=warehouse["warehouse_id"],
    )


async def said(answer: Any) -> Any:
    """The JSON of an awaited answer; raises `AssertionError` with what was said when it is a refusal."""
    response: httpx2.Response = await answer
    assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
    return response.json()


def listing_of(answer: Mapping[str, Any]) -> Listing:
    """A listing out of its answer."""
    return Listing(answer["listing_id"], answer["on_shelf"], answer["delisted_by"])
