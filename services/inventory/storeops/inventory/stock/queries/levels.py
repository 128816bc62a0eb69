"""Look-ups of levels, of their ledger, and of what stores can sell."""

from collections.abc import Collection, Iterable, Sequence

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.inventory.stock.models import (
    Movement,
    Receipt,
    ReceiptLine,
    StockLevel,
    StoreStock,
    WarehouseStore,
)
from storeops.inventory.stock.rules import LevelKey, StoreSku


def columns(keys: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Pairs as the two arrays that `unnest` takes, each pair once."""
    pairs = sorted(set(keys))
    return [first for first, _ in pairs], [second for _, second in pairs]


async def lock_levels(session: ReadSession, keys: Collection[LevelKey]) -> dict[LevelKey, int]:
    """Lock those of these levels that exist, in key order; answers what is available at each."""
    rows = await session.fetch(
        "SELECT level.warehouse_id, level.sku, level.available "
        "FROM unnest($1::text[], $2::text[]) AS wanted(warehouse_id, sku) "
        "JOIN inventory.stock_level AS level USING (warehouse_id, sku) "
        "ORDER BY level.warehouse_id, level.sku FOR UPDATE OF level",
        *columns(keys),
    )
    return {LevelKey(warehouse_id, sku): available for warehouse_id, sku, available in rows}


async def get_level(session: ReadSession, key: LevelKey) -> StockLevel:
    """A level that exists."""
    level = await (await session.orm()).get(StockLevel, key)
    assert level is not None
    return level


async def skus_of_stores(session: ReadSession, store_ids: Sequence[str]) -> set[StoreSku]:
    """What these stores' warehouses have held, and what the stores have a state of."""
    rows = await session.fetch(
        "SELECT link.store_id, level.sku FROM inventory.warehouse_store AS link "
        "JOIN inventory.stock_level AS level USING (warehouse_id) WHERE link.store_id = ANY($1::text[]) "
        "UNION SELECT store_id, sku FROM inventory.store_stock WHERE store_id = ANY($1::text[])",
        store_ids,
    )
    return {StoreSku(*row) for row in rows}


async def lock_store_stocks(session: ReadSession, pairs: Collection[StoreSku]) -> list[tuple[StoreSku, str, int]]:
    """Lock the stores' states of these SKUs in key order; answers state and warning level of each."""
    rows = await session.fetch(
        "SELECT stock.store_id, stock.sku, stock.state, stock.warning_level "
        "FROM unnest($1::text[], $2::text[]) AS wanted(store_id, sku) "
        "JOIN inventory.store_stock AS stock USING (store_id, sku) "
        "ORDER BY stock.store_id, stock.sku FOR UPDATE OF stock",
        *columns(pairs),
    )
    return [(StoreSku(store_id, sku), state, level) for store_id, sku, state, level in rows]


async def sellable(session: ReadSession, pairs: Collection[StoreSku]) -> dict[StoreSku, int]:
    """What the warehouses of a store can sell of a SKU now, together."""
    rows = await session.fetch(
        "SELECT wanted.store_id, wanted.sku, coalesce(sum(level.available), 0)::bigint "
        "FROM unnest($1::text[], $2::text[]) AS wanted(store_id, sku) "
        "LEFT JOIN inventory.warehouse_store AS link USING (store_id) "
        "LEFT JOIN inventory.stock_level AS level "
        "ON level.warehouse_id = link.warehouse_id AND level.sku = wanted.sku GROUP BY 1, 2",
        *columns(pairs),
    )
    return {StoreSku(store_id, sku): available for store_id, sku, available in rows}


async def store_states_near(session: ReadSession, lowest: dict[StoreSku, int]) -> set[StoreSku]:
    """The stores' states whose warning level is not below `lowest`; a state that is not there is not in the answer."""
    rows = await session.fetch(
        "SELECT stock.store_id, stock.sku "
        "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS changed(store_id, sku, lowest) "
        "JOIN inventory.store_stock AS stock USING (store_id, sku) WHERE stock.warning_level >= changed.lowest",
        [pair.store_id for pair in lowest],
        [pair.sku for pair in lowest],
        list(lowest.values()),
    )
    return {StoreSku(*row) for row in rows}


async def list_levels(
    session: ReadSession,
    *,
    store_id: str | None,
    warehouse_id: str | None,
    sku: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> Sequence[StockLevel]:
    """Levels by warehouse and SKU, after one of them, at most `limit + 1`."""
    wanted = select(StockLevel).order_by(col(StockLevel.warehouse_id), col(StockLevel.sku)).limit(limit + 1)
    stores = [store_id] if store_id is not None else session.scope.stores
    if stores is not None:
        served = select(WarehouseStore.warehouse_id).where(col(WarehouseStore.store_id).in_(sorted(stores)))
        wanted = wanted.where(col(StockLevel.warehouse_id).in_(served))
    if warehouse_id is not None:
        wanted = wanted.where(StockLevel.warehouse_id == warehouse_id)
    if sku is not None:
        wanted = wanted.where(StockLevel.sku == sku)
    if after is not None:
        wanted = wanted.where(
            (col(StockLevel.warehouse_id) > after[0])
            | ((col(StockLevel.warehouse_id) == after[0]) & (col(StockLevel.sku) > after[1]))
        )
    return (await (await session.orm()).exec(wanted)).all()


async def list_movements(
    session: ReadSession, sku: str, *, warehouse_id: str | None, before: str | None, limit: int
) -> Sequence[Movement]:
    """The ledger of a SKU, newest first, older than one of its lines, at most `limit + 1`."""
    wanted = select(Movement).where(Movement.sku == sku).order_by(col(Movement.movement_id).desc()).limit(limit + 1)
    if session.scope.stores is not None:
        served = select(WarehouseStore.warehouse_id).where(
            col(WarehouseStore.store_id).in_(sorted(session.scope.stores))
        )
        wanted = wanted.where(col(Movement.warehouse_id).in_(served))
    if warehouse_id is not None:
        wanted = wanted.where(Movement.warehouse_id == warehouse_id)
    if before is not None:
        wanted = wanted.where(col(Movement.movement_id) < before)
    return (await (await session.orm()).exec(wanted)).all()


async def find_receipt(
    session: ReadSession, warehouse_id: str, reference: str
) -> tuple[Receipt, Sequence[ReceiptLine]]:
    """What a warehouse received under a reference."""
    orm = await session.orm()
    receipt = (
        await orm.exec(select(Receipt).where(Receipt.warehouse_id == warehouse_id, Receipt.reference == reference))
    ).one()
    lines = await orm.exec(
        select(ReceiptLine).where(ReceiptLine.receipt_id == receipt.receipt_id).order_by(col(ReceiptLine.sku))
    )
    return receipt, lines.all()


async def availability_by_warehouse(
    session: ReadSession, store_id: str, skus: Sequence[str]
) -> dict[str, list[tuple[str, int]]]:
    """For each SKU the store's warehouses in the order in which they are asked, with what each can give."""
    rows = await session.fetch(
        "SELECT wanted.sku, link.warehouse_id, coalesce(level.available, 0) "
        "FROM unnest($2::text[]) AS wanted(sku) CROSS JOIN inventory.warehouse_store AS link "
        "LEFT JOIN inventory.stock_level AS level "
        "ON level.warehouse_id = link.warehouse_id AND level.sku = wanted.sku "
        "WHERE link.store_id = $1 ORDER BY link.priority, link.warehouse_id",
        store_id,
        list(skus),
    )
    found: dict[str, list[tuple[str, int]]] = {sku: [] for sku in skus}
    for sku, warehouse_id, available in rows:
        found[sku].append((warehouse_id, available))
    return found


async def list_store_stocks(
    session: ReadSession, store_id: str, *, skus: Collection[str] | None = None, after: str | None = None, limit: int
) -> Sequence[StoreStock]:
    """A store's states by SKU, all or some, at most `limit + 1`."""
    wanted = select(StoreStock).where(StoreStock.store_id == store_id).order_by(col(StoreStock.sku)).limit(limit + 1)
    if skus is not None:
        wanted = wanted.where(col(StoreStock.sku).in_(sorted(skus)))
    if after is not None:
        wanted = wanted.where(col(StoreStock.sku) > after)
    return (await (await session.orm()).exec(wanted)).all()
