"""Opens warehouses and says which stores they serve. Moves no stock."""

from collections.abc import Callable, Collection, Mapping, Sequence

from storeops.common import timers
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.timers import Arming
from storeops.inventory.stock.commands.backorders import SUPPLY_CHANGED
from storeops.inventory.stock.commands.checks import require_stores
from storeops.inventory.stock.models import Warehouse, WarehouseStore
from storeops.inventory.stock.queries.warehouses import get_warehouse, links_of
from storeops.inventory.stock.schemas import NewWarehouse, ServedStores
from storeops.inventory.stores.queries import hold_supply


async def open_warehouse(session: WriteSession, new: NewWarehouse) -> tuple[Warehouse, Sequence[WarehouseStore]]:
    """Open a warehouse that serves these stores; raises `StoreForbidden`, `StoreUnknown`."""
    links = new.links()
    await require_stores(session, links)
    await hold_supply(session, links, alone=True)
    warehouse_id = new_id("wh")
    # The links come first: row-level security shows a warehouse through the stores that it serves.
    await write_links(session, warehouse_id, links)
    await session.fetch(
        "INSERT INTO inventory.warehouse (warehouse_id, name, version, created_at) VALUES ($1, $2, 1, $3)",
        warehouse_id,
        new.name,
        await session.now(),
    )
    return await get_warehouse(session, warehouse_id), (await links_of(session, [warehouse_id]))[warehouse_id]


async def change_served_stores(
    session: WriteSession, warehouse_id: str, served: ServedStores, *, require_version: Callable[[int], None]
) -> tuple[Warehouse, Sequence[WarehouseStore]]:
    """Replace those stores of the caller that a warehouse serves; stores the caller does not see stay as they are.

    Raises `WarehouseNotFound`, `StoreForbidden`, `StoreUnknown`, and what `require_version` raises.
    """
    links = served.links()
    await require_stores(session, links)
    warehouse = await get_warehouse(session, warehouse_id, for_update=True)
    require_version(warehouse.version)
    before = {link.store_id: link.priority for link in (await links_of(session, [warehouse_id]))[warehouse_id]}
    await hold_supply(session, {*links, *before}, alone=True)
    await write_links(session, warehouse_id, {store: links[store] or before.get(store) for store in links})
    dropped = before.keys() - links.keys()
    await session.fetch(
        "DELETE FROM inventory.warehouse_store WHERE warehouse_id = $1 AND store_id = ANY($2::text[])",
        warehouse_id,
        sorted(dropped),
    )
    warehouse.version += 1
    orm = await session.orm()
    orm.add(warehouse)
    await orm.flush()
    await supply_changed(session, dropped)
    orm.expire_all()
    return await get_warehouse(session, warehouse_id), (await links_of(session, [warehouse_id]))[warehouse_id]


async def write_links(session: WriteSession, warehouse_id: str, links: Mapping[str, int | None]) -> None:
    """Let a warehouse serve stores; without a priority a store asks it after all others."""
    await session.fetch(
        "INSERT INTO inventory.warehouse_store (store_id, warehouse_id, priority) "
        "SELECT store_id, $1, coalesce(priority, 1 + (SELECT coalesce(max(link.priority), 0) "
        "FROM inventory.warehouse_store AS link WHERE link.store_id = new.store_id)) "
        "FROM unnest($2::text[], $3::int[]) AS new(store_id, priority) "
        "ON CONFLICT (store_id, warehouse_id) DO UPDATE SET priority = excluded.priority",
        warehouse_id,
        list(links),
        list(links.values()),
    )
    await supply_changed(session, links)


async def supply_changed(session: WriteSession, store_ids: Collection[str]) -> None:
    """Have these stores' waiting orders and states looked at once this transaction has committed."""
    now = await session.now()
    await timers.arm(session, [Arming(SUPPLY_CHANGED, store_id, now) for store_id in sorted(store_ids)])
