"""Orders with promotions and the platform; inventory's answers are put on the bus by the test."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx2
import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.base import Event
from storeops.common.contracts.customer_service import TicketSettled
from storeops.common.contracts.inventory import ShortLine, StockAllocated, StockRestored, StockShort
from storeops.common.contracts.orders import SkuQuantity
from storeops.common.contracts.platform import StoreOpened
from storeops.common.doctor import examine
from storeops.common.ids import new_id
from storeops.common.service import Service
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness, open_harness

AT = datetime(2025, 1, 1, tzinfo=UTC)
WAREHOUSE = "wh_" + "a" * 32
ADDRESS = {"province": "浙江", "city": "杭州", "district": "西湖", "street": "龙井路 1 号"}
BUYER = {"name": "林月", "phone": "16100000001", "address": ADDRESS}


class Shop:
    """A store with TEA at 19.90 and CUP at 5.00 on its shelf, run by its manager."""

    def __init__(self, harness: Harness, manager: httpx2.AsyncClient, store_id: str) -> None:
        self.harness = harness
        self.manager = manager
        self.store_id = store_id
        self._keys = count(1)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """A request under a key of its own, unless it brings one."""
        sent = {"idempotency-key": f"key-{next(self._keys)}", **headers}
        return await self.manager.post(path, json={} if body is None else body, headers=sent)

    async def done(self, path: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
        answer = await self.post(path, body)
        assert answer.status_code == status, answer.text
        await self.harness.drain()
        return answer.json()

    def own(self, **quantities: int) -> dict[str, Any]:
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in (quantities or {"TEA": 2}).items()]
        return {"kind": "own_site", "store_id": self.store_id, "customer": BUYER, "lines": lines}

    def channel(self, channel_order_id: str, *, paid_at: datetime, **more: Any) -> dict[str, Any]:
        line = {
            "sku": "TEA",
            "quantity": 3,
            "gross": "59.70",
            "discounts": {"shop": "9.70", "platform_coupon": "5.00"},
            "net": "50.00",
        }
        return {
            "kind": "channel",
            "store_id": self.store_id,
            "channel_order_id": channel_order_id,
            "placed_at": paid_at.isoformat(),
            "paid_at": paid_at.isoformat(),
            "currency": "CNY",
            "customer": {"account": "buyer-1", **BUYER},
            "lines": [line],
            "payable": "45.00",
            **more,
        }

    async def place(self, **quantities: int) -> str:
        """An own-site order as it is placed."""
        return (await self.done("/v1/orders", self.own(**quantities), status=202))["order_id"]

    async def payable(self, **quantities: int) -> str:
        """An own-site order with its stock."""
        order_id = await self.place(**quantities)
        await self.allocate(order_id)
        return order_id

    async def paid(self, **quantities: int) -> str:
        """An own-site order that is paid and released to the warehouse."""
        order_id = await self.payable(**quantities)
        await self.pay(order_id)
        return order_id

    async def channel_order(self, channel_order_id: str = "tb-1", **more: Any) -> str:
        body = self.channel(channel_order_id, paid_at=await self.harness.now(), **more)
        return (await self.done("/v1/orders", body, status=201))["order_id"]

    async def pay(self, order_id: str) -> dict[str, Any]:
        order = await self.order(order_id)
        return await self.done(f"/v1/orders/{order_id}/payments", payment(order["payable"], order_id), status=201)

    async def allocate(self, *order_ids: str) -> None:
        await self.hear(
            *(
                StockAllocated(
                    occurred_at=AT,
                    order_id=order_id,
                    store_id=self.store_id,
                    warehouse_id=WAREHOUSE,
                    lines=(SkuQuantity(sku="TEA", quantity=1),),
                )
                for order_id in order_ids
            )
        )

    async def run_short(self, order_id: str, **wanted: int) -> None:
        lines = tuple(ShortLine(sku=sku, wanted=pieces, available=1) for sku, pieces in (wanted or {"TEA": 2}).items())
        await self.hear(StockShort(occurred_at=AT, order_id=order_id, store_id=self.store_id, lines=lines))

    async def settle(self, order_id: str, outcome: str, *, store_id: str | None = None) -> None:
        settled = TicketSettled(
            occurred_at=AT,
            ticket_id=new_id("tkt"),
            store_id=store_id or self.store_id,
            order_id=order_id,
            kind="shipping_delay",
            outcome=outcome,
            by="sta_1",
            opened_at=AT,
            settle_by=AT,
        )
        await self.hear(settled)

    async def hear(self, *events: Event) -> None:
        await self.harness.publish_from("promotions", *events)
        await self.harness.drain()

    async def order(self, order_id: str) -> dict[str, Any]:
        answer = await self.manager.get(f"/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def phase(self, order_id: str) -> str:
        return (await self.order(order_id))["phase"]

    async def work_of(self, order_id: str) -> dict[str, Any]:
        """The order's fulfillment order."""
        answer = await self.manager.get("/v1/fulfillment-orders", params={"store_id": self.store_id, "limit": 200})
        [work] = [item for item in answer.json()["items"] if item["order_id"] == order_id]
        return work

    async def pack(self, order_id: str, waybill_no: str = "SF1") -> str:
        """The parcel that the order is packed into."""
        work = await self.work_of(order_id)
        body = {"courier": "sf", "waybill_no": waybill_no}
        path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/pack"
        return (await self.done(path, body, status=201))["parcel_id"]

    async def ship(self, order_id: str, waybill_no: str = "SF1") -> None:
        await self.done(f"/v1/parcels/{await self.pack(order_id, waybill_no)}/handover")

    async def clocks(self, order_id: str) -> dict[str, str]:
        """The state of each deadline."""
        return {clock["kind"]: clock["state"] for clock in (await self.order(order_id))["deadlines"]}

    async def assert_sound(self) -> None:
        """Every invariant of orders holds, and every order's events are numbered densely."""
        service = self.harness.services["orders"]
        findings = await examine(self.harness.parts.databases["orders"], "orders", service.invariants)
        assert [finding for finding in findings if finding.broken] == []
        async with self.harness.reading("orders") as session:
            gaps = await session.fetch(
                "SELECT key FROM (SELECT key, sequence FROM bus.message WHERE topic = 'order' "
                "UNION ALL SELECT key, sequence FROM orders.outbox) AS told "
                "GROUP BY key HAVING max(sequence) <> count(*) OR count(DISTINCT sequence) <> count(*)"
            )
        assert gaps == []


def payment(amount: str, provider_ref: str, **more: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY", "provider": "alipay", "provider_ref": provider_ref, **more}


@pytest.fixture
async def harness(settings: Settings, services: Mapping[str, Service]) -> AsyncIterator[Harness]:
    present = {name: services[name] for name in ("platform", "promotions", "orders")}
    async with open_harness(settings, present) as opened:
        yield opened


async def open_store(harness: Harness, *, currency: str = "CNY") -> str:
    """A store that every service knows."""
    store_id = new_id("sto")
    opened = StoreOpened(
        occurred_at=AT,
        store_id=store_id,
        brand_id=new_id("brd"),
        name="Tea",
        channel="tmall",
        time_zone="Asia/Shanghai",
        currency=currency,
    )
    await harness.publish_from("platform", opened)
    await harness.drain()
    return store_id


@pytest.fixture
async def shop(harness: Harness) -> AsyncIterator[Shop]:
    """A shop that must be sound when the test is over."""
    store_id = await open_store(harness)
    manager = await harness.client(Role.STORE_MANAGER, stores=[store_id])
    stocked = (StockRestored(occurred_at=AT, store_id=store_id, sku=sku, available=99) for sku in ("TEA", "CUP"))
    await harness.publish_from("platform", *stocked)
    await harness.drain()
    for sku, price in {"TEA": "19.90", "CUP": "5.00"}.items():
        listing = {"store_id": store_id, "sku": sku, "title": sku, "price": price}
        assert (await manager.post("/v1/listings", json=listing)).status_code == 201
    await harness.drain()
    opened = Shop(harness, manager, store_id)
    yield opened
    await harness.drain()
    await opened.assert_sound()
