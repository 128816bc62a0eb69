"""The inventory service alone, and short ways to fill its warehouses."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from storeops.common.contracts.base import Event
from storeops.common.contracts.inventory import StockAllocated, StockShort
from storeops.common.contracts.orders import (
    OrderCancelled,
    OrderExpired,
    OrderLine,
    OrderPlaced,
    ParcelHandedOver,
    SkuQuantity,
)
from storeops.common.contracts.platform import StoreOpened
from storeops.common.doctor import examine
from storeops.common.ids import new_id
from storeops.common.service import Service
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness, open_harness

AT = datetime(2025, 1, 1, tzinfo=UTC)
BRAND = "brd_" + "b" * 32
Pieces = Mapping[str, int]


class Shop:
    """A company's stores and warehouses in a test, run by its owner."""

    def __init__(self, harness: Harness, owner: httpx2.AsyncClient) -> None:
        self.harness = harness
        self.owner = owner

    def order(self, store_id: str, *lines: tuple[str, int], minute: int = 0) -> OrderPlaced:
        """An order of these lines, placed so many minutes into the day."""
        return OrderPlaced(
            occurred_at=AT,
            order_id=new_id("ord"),
            store_id=store_id,
            customer_id=new_id("cus"),
            channel="own",
            placed_at=AT + timedelta(minutes=minute),
            currency="CNY",
            lines=tuple(
                OrderLine(line_no=number, sku=sku, quantity=quantity, gross=100, discount=0, net=100)
                for number, (sku, quantity) in enumerate(lines, 1)
            ),
            gross=100,
            discount=0,
            net=100,
            payable=100,
        )

    async def store(self, brand_id: str = BRAND) -> str:
        store_id = new_id("sto")
        opened = StoreOpened(
            occurred_at=AT,
            store_id=store_id,
            brand_id=brand_id,
            name="Tea",
            channel="own",
            time_zone="Asia/Shanghai",
            currency="CNY",
        )
        await self.hear(opened)
        return store_id

    async def skus(self, *codes: str, brand_id: str = BRAND) -> None:
        for code in codes:
            await self.made("/v1/skus", {"sku": code, "brand_id": brand_id, "name": code.title()})

    async def warehouse(self, *links: str | dict[str, Any]) -> str:
        made = await self.made("/v1/warehouses", {"name": "Hangzhou", "store_ids": list(links)})
        await self.harness.drain()
        return made["warehouse_id"]

    async def receive(self, warehouse_id: str, **pieces: int) -> str:
        return await self.receive_all(warehouse_id, {sku.replace("_", "-"): count for sku, count in pieces.items()})

    async def receive_all(self, warehouse_id: str, pieces: Pieces) -> str:
        lines = [{"sku": sku, "quantity": count} for sku, count in pieces.items()]
        body = {"warehouse_id": warehouse_id, "reference": new_id("dn"), "lines": lines}
        receipt = await self.made("/v1/receipts", body)
        await self.harness.drain()
        return receipt["receipt_id"]

    async def adjust(self, warehouse_id: str, sku: str, delta: int) -> httpx2.Response:
        body = {"warehouse_id": warehouse_id, "sku": sku, "delta": delta, "reason": "counted"}
        answer = await self.owner.post("/v1/adjustments", json=body)
        await self.harness.drain()
        return answer

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.owner.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def place(self, store_id: str, *lines: tuple[str, int], minute: int = 0) -> OrderPlaced:
        order = self.order(store_id, *lines, minute=minute)
        await self.hear(order)
        return order

    async def cancel(self, *orders: OrderPlaced) -> None:
        await self.hear(
            *(
                OrderCancelled(
                    occurred_at=AT,
                    order_id=order.order_id,
                    store_id=order.store_id,
                    reason="customer",
                    was_paid=False,
                    placed_at=order.placed_at,
                    net=order.net,
                )
                for order in orders
            )
        )

    async def expire(self, *orders: OrderPlaced) -> None:
        await self.hear(
            *(
                OrderExpired(
                    occurred_at=AT,
                    order_id=order.order_id,
                    store_id=order.store_id,
                    placed_at=order.placed_at,
                    net=order.net,
                )
                for order in orders
            )
        )

    async def hand_over(
        self, order: OrderPlaced, warehouse_id: str, *lines: tuple[str, int], parcel_id: str | None = None
    ) -> str:
        parcel = parcel_id or new_id("pcl")
        event = ParcelHandedOver(
            occurred_at=AT,
            order_id=order.order_id,
            store_id=order.store_id,
            parcel_id=parcel,
            warehouse_id=warehouse_id,
            courier="SF",
            waybill_no="SF1",
            lines=tuple(SkuQuantity(sku=sku, quantity=quantity) for sku, quantity in lines),
        )
        await self.hear(event)
        return parcel

    async def hear(self, *events: Event) -> None:
        await self.harness.publish_from("inventory", *events)
        await self.harness.drain()

    async def level(self, warehouse_id: str, sku: str) -> tuple[int, int, int]:
        """On hand, available, allocated."""
        answer = await self.owner.get("/v1/stock", params={"warehouse_id": warehouse_id, "sku": sku})
        [level] = answer.json()["items"]
        return level["on_hand"], level["available"], level["allocated"]

    async def state_of(self, order: OrderPlaced) -> str:
        async with self.harness.reading("inventory") as session:
            return await session.fetchval(
                "SELECT state FROM inventory.order_allocation WHERE order_id = $1", order.order_id
            )

    async def decisions(self, order: OrderPlaced) -> list[StockAllocated | StockShort]:
        """What the order was told, in order."""
        short = await self.harness.published(StockShort, order.order_id)
        return [*short, *await self.harness.published(StockAllocated, order.order_id)]

    async def assert_sound(self) -> None:
        """Every invariant of the service holds, and nothing was parked."""
        service = self.harness.services["inventory"]
        findings = await examine(self.harness.parts.databases["inventory"], "inventory", service.invariants)
        assert [finding for finding in findings if finding.broken] == []


@pytest.fixture
async def harness(settings: Settings, services: dict[str, Service]) -> AsyncIterator[Harness]:
    """The inventory service without the others: what they publish is put on the bus by the test."""
    async with open_harness(settings, {"inventory": services["inventory"]}) as opened:
        yield opened


@pytest.fixture
async def shop(harness: Harness) -> Shop:
    return Shop(harness, await harness.client())
