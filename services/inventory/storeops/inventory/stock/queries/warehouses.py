"""Look-ups of warehouses and of which stores they serve."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.inventory.stock.errors import WarehouseNotFound
from storeops.inventory.stock.models import Warehouse, WarehouseStore
from storeops.inventory.stock.rules import LevelKey, StoreSku


async def get_warehouse(session: ReadSession, warehouse_id: str, *, for_update: bool = False) -> Warehouse:
    """One warehouse; raises `WarehouseNotFound`."""
    wanted = select(Warehouse).where(Warehouse.warehouse_id == warehouse_id)
    if for_update:
        wanted = wanted.with_for_update()
    found = (await (await session.orm()).exec(wanted)).one_or_none()
    if found is None:
        raise WarehouseNotFound(f"no warehouse {warehouse_id}")
    return found


async def list_warehouses(session: ReadSession, *, after: str | None, limit: int) -> Sequence[Warehouse]:
    """Warehouses that serve a store of the caller, by id, at most `limit + 1`."""
    wanted = select(Warehouse).order_by(col(Warehouse.warehouse_id)).limit(limit + 1)
    if session.scope.stores is not None:
        served = select(WarehouseStore.warehouse_id).where(
            col(WarehouseStore.store_id).in_(sorted(session.scope.stores))
        )
        wanted = wanted.where(col(Warehouse.warehouse_id).in_(served))
    if after is not None:
        wanted = wanted.where(col(Warehouse.warehouse_id) > after)
    return (await (await session.orm()).exec(wanted)).all()


async def links_of(session: ReadSession, warehouse_ids: Collection[str]) -> dict[str, list[WarehouseStore]]:
    """The stores of the caller that these warehouses serve."""
    wanted = (
        select(WarehouseStore)
        .where(col(WarehouseStore.warehouse_id).in_(sorted(warehouse_ids)))
        .order_by(col(WarehouseStore.store_id))
    )
    if session.scope.stores is not None:
        wanted = wanted.where(col(WarehouseStore.store_id).in_(sorted(session.scope.stores)))
    links: dict[str, list[WarehouseStore]] = {warehouse_id: [] for warehouse_id in warehouse_ids}
    for link in await (await session.orm()).exec(wanted):
        links[link.warehouse_id].append(link)
    return links


async def warehouses_serving(session: ReadSession, store_ids: Collection[str]) -> dict[str, list[str]]:
    """Each store's warehouses in the order in which they are asked."""
    rows = await session.fetch(
        "SELECT store_id, warehouse_id FROM inventory.warehouse_store WHERE store_id = ANY($1::text[]) "
        "ORDER BY store_id, priority, warehouse_id",
        sorted(store_ids),
    )
    serving: dict[str, list[str]] = defaultdict(list)
    for store_id, warehouse_id in rows:
        serving[store_id].append(warehouse_id)
    return dict(serving)


async def levels_serving(session: ReadSession, pairs: Collection[StoreSku]) -> set[LevelKey]:
    """Every level out of which a store could sell one of these SKUs, whether it exists yet or not."""
    serving = await warehouses_serving(session, {pair.store_id for pair in pairs})
    return {LevelKey(warehouse, pair.sku) for pair in pairs for warehouse in serving.get(pair.store_id, ())}


async def stores_served(session: ReadSession, warehouse_ids: Collection[str]) -> dict[str, list[str]]:
    """The stores that each of these warehouses serves."""
    rows = await session.fetch(
        "SELECT warehouse_id, store_id FROM inventory.warehouse_store WHERE warehouse_id = ANY($1::text[])",
        sorted(warehouse_ids),
    )
    served: dict[str, list[str]] = defaultdict(list)
    for warehouse_id, store_id in rows:
        served[warehouse_id].append(store_id)
    return dict(served)
