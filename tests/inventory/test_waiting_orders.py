"""Short orders wait, and get goods that come free in the order in which they were placed."""

import asyncio
from typing import TYPE_CHECKING

from storeops.common.contracts.inventory import StockAllocated, StockOut, StockRestored
from storeops.common.testing.harness import Harness
from storeops.inventory.stock.commands.allocation import allocate_orders

if TYPE_CHECKING:
    from .conftest import Shop


async def test_a_receipt_serves_the_earliest_first(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    late = await shop.place(store, ("TEA", 2), minute=30)
    early = await shop.place(store, ("TEA", 2), minute=10)
    big = await shop.place(store, ("TEA", 9), minute=20)

    await shop.receive(warehouse, TEA=3)

    assert [await shop.state_of(order) for order in (early, big, late)] == ["allocated", "short", "short"]
    short, allocated = await shop.decisions(early)
    assert (short.type, allocated.type) == ("stock.short.v1", "stock.allocated.v1")
    await shop.receive(warehouse, TEA=2)
    assert [await shop.state_of(order) for order in (big, late)] == ["short", "allocated"]
    await shop.assert_sound()


async def test_what_is_given_back_goes_to_who_waits_before_newer_orders(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA", "CUP")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=2, CUP=5)
    holder = await shop.place(store, ("TEA", 2))
    waiting = await shop.place(store, ("TEA", 1), ("CUP", 1), minute=1)
    newer = shop.order(store, ("TEA", 2), minute=2)

    await shop.cancel(holder)
    await shop.hear(newer)

    assert [await shop.state_of(order) for order in (waiting, newer)] == ["allocated", "short"]
    assert await shop.level(warehouse, "TEA") == (2, 1, 1)
    await shop.assert_sound()


async def test_giving_back_to_who_waits_tells_no_store_state(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=1)
    holder = await shop.place(store, ("TEA", 1))
    await shop.place(store, ("TEA", 1))

    await shop.cancel(holder)

    assert len(await harness.published(StockRestored)) == 1
    assert len(await harness.published(StockOut)) == 1
    await shop.assert_sound()


async def test_an_adjustment_and_a_new_warehouse_serve_who_waits(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA", "CUP")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=1)
    tea = await shop.place(store, ("TEA", 2))
    cup = await shop.place(store, ("CUP", 1))

    await shop.adjust(warehouse, "TEA", 1)
    assert await shop.state_of(tea) == "allocated"
    elsewhere = await shop.store()
    other = await shop.warehouse(elsewhere)
    await shop.receive(other, CUP=1)
    assert await shop.state_of(cup) == "short"
    etag = (await shop.owner.get(f"/v1/warehouses/{other}")).headers["etag"]
    await shop.owner.put(
        f"/v1/warehouses/{other}/stores", json={"store_ids": [elsewhere, store]}, headers={"if-match": etag}
    )
    await shop.harness.drain()
    assert await shop.state_of(cup) == "allocated"
    await shop.assert_sound()


async def test_a_cancelled_order_waits_no_longer(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    order = await shop.place(store, ("TEA", 1))

    await shop.cancel(order)
    await shop.receive(warehouse, TEA=1)

    assert await shop.state_of(order) == "released"
    assert await shop.level(warehouse, "TEA") == (1, 1, 0)
    await shop.assert_sound()


async def test_an_order_found_short_while_goods_come_in_is_not_forgotten(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    order = shop.order(store, ("TEA", 1))
    body = {"warehouse_id": warehouse, "reference": "DN-1", "lines": [{"sku": "TEA", "quantity": 1}]}

    async with harness.transaction("inventory") as session:
        await allocate_orders(session, [order])
        # The level did not exist when the order looked for it; the receipt commits first and looks for who waits.
        await shop.made("/v1/receipts", body)
        looking = asyncio.create_task(harness.drain())
        while not looking.done() and not await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0)
        assert not looking.done(), "it must wait for the allocation under way"
    await looking
    await harness.drain()

    assert await shop.state_of(order) == "allocated"
    assert len(await harness.published(StockAllocated)) == 1
    await shop.assert_sound()
