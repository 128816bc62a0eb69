"""Several takers at once: nothing is sold twice, nothing waits in a circle, nothing is forgotten."""

import asyncio
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from storeops.common.contracts.inventory import (
    StockAllocated,
    StockMoved,
    StockOut,
    StockRestored,
    StockShort,
    StockStateEvent,
)
from storeops.common.contracts.orders import OrderCancelled, OrderPlaced
from storeops.common.testing.harness import Harness
from storeops.inventory.stock.commands.allocation import allocate_orders
from storeops.inventory.stock.commands.giving_back import release_orders

if TYPE_CHECKING:
    from .conftest import Shop

BATCHERS = 4


async def allocate(harness: Harness, orders: Sequence[OrderPlaced], size: int) -> None:
    for start in range(0, len(orders), size):
        async with harness.transaction("inventory") as session:
            await allocate_orders(session, orders[start : start + size])


async def test_a_hundred_pieces_go_to_a_hundred_of_a_thousand_orders(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("HOT")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, HOT=100)
    orders = [shop.order(store, ("HOT", 1)) for _ in range(1000)]

    await asyncio.gather(*(allocate(harness, orders[taker::BATCHERS], 50) for taker in range(BATCHERS)))
    await harness.drain()

    assert await shop.level(warehouse, "HOT") == (100, 0, 100)
    assert len(await harness.published(StockAllocated)) == 100
    assert len(await harness.published(StockShort)) == 900
    await shop.assert_sound()


async def test_mixed_orders_are_served_and_given_back_without_deadlock(shop: "Shop", harness: Harness) -> None:
    chance = random.Random(7)
    skus = [f"S{number}" for number in range(12)]
    stores = [await shop.store(), await shop.store()]
    await shop.skus(*skus)
    warehouses = [await shop.warehouse(*stores), await shop.warehouse(*reversed(stores))]
    for warehouse in warehouses:
        await shop.receive_all(warehouse, {sku: chance.randint(5, 40) for sku in skus})

    def order() -> OrderPlaced:
        lines = [(sku, chance.randint(1, 3)) for sku in chance.sample(skus, chance.randint(1, 5))]
        return shop.order(chance.choice(stores), *lines, minute=chance.randint(0, 500))

    async def place_and_cancel(orders: Sequence[OrderPlaced]) -> None:
        for start in range(0, len(orders), 20):
            batch = orders[start : start + 20]
            await allocate(harness, batch, 20)
            async with harness.transaction("inventory") as session:
                await release_orders(session, [cancelled(one) for one in batch[::2]])

    async def restock() -> None:
        for _ in range(6):
            pieces = {sku: chance.randint(1, 6) for sku in chance.sample(skus, 5)}
            await shop.receive_all(chance.choice(warehouses), pieces)

    orders = [order() for _ in range(400)]
    await asyncio.gather(*(place_and_cancel(orders[taker::BATCHERS]) for taker in range(BATCHERS)), restock())
    await harness.drain()

    await shop.assert_sound()
    await assert_dense(harness)


def cancelled(order: OrderPlaced) -> OrderCancelled:
    return OrderCancelled(
        occurred_at=order.occurred_at,
        order_id=order.order_id,
        store_id=order.store_id,
        reason="customer",
        was_paid=False,
        placed_at=order.placed_at,
        net=order.net,
    )


async def assert_dense(harness: Harness) -> None:
    """Each key's sequence counts 1, 2, 3 …; out and restored take turns."""
    async with harness.reading("inventory") as session:
        gaps = await session.fetch(
            "SELECT topic, key FROM bus.message WHERE topic <> 'store' GROUP BY topic, key "
            "HAVING max(sequence) <> count(*) OR count(DISTINCT sequence) <> count(*)"
        )
    assert gaps == []
    assert await harness.published(StockMoved)
    turns: dict[str, list[StockStateEvent]] = {}
    for event in [*await harness.published(StockRestored), *await harness.published(StockOut)]:
        turns.setdefault(event.key, []).append(event)
    for events in turns.values():
        restored = sum(isinstance(event, StockRestored) for event in events)
        assert restored - (len(events) - restored) in (0, 1)
