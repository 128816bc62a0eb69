"""Look-ups of what orders want and were promised."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from storeops.common.db import ReadSession
from storeops.inventory.stock.queries.levels import columns
from storeops.inventory.stock.rules import Demand, LevelKey


class Held(NamedTuple):
    """An allocation under lock, with the pieces of it that have not left."""

    order_id: str
    store_id: str
    state: str
    warehouse_id: str | None
    left: dict[str, int]
    """By SKU."""


async def known_orders(session: ReadSession, order_ids: Sequence[str]) -> set[str]:
    """Which of these orders have been decided before."""
    rows = await session.fetch(
        "SELECT order_id FROM inventory.order_allocation WHERE order_id = ANY($1::text[])", order_ids
    )
    return {row[0] for row in rows}


async def lock_allocations(session: ReadSession, order_ids: Collection[str]) -> dict[str, Held]:
    """Lock these orders' allocations in order; those that are not there are not in the answer."""
    heads = await session.fetch(
        "SELECT order_id, store_id, state, warehouse_id FROM inventory.order_allocation "
        "WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE",
        sorted(order_ids),
    )
    held = {head["order_id"]: Held(*head, left={}) for head in heads}
    for order_id, sku, left in await session.fetch(
        "SELECT order_id, sku, quantity - issued FROM inventory.allocation_line "
        "WHERE order_id = ANY($1::text[]) AND issued < quantity ORDER BY order_id, sku",
        sorted(held),
    ):
        held[order_id].left[sku] = left
    return held


async def parcels_issued(session: ReadSession, parcel_ids: Collection[str]) -> set[str]:
    """Which of these parcels have left before."""
    rows = await session.fetch(
        "SELECT DISTINCT ref FROM inventory.movement WHERE ref = ANY($1::text[]) AND kind = 'issued'",
        sorted(parcel_ids),
    )
    return {row[0] for row in rows}


async def waiting_for(session: ReadSession, levels: Collection[LevelKey], *, lock: bool = False) -> list[Demand]:
    """Orders that wait for one of these levels' goods, the earliest first (placed_at, order id).

    With `lock` their rows are locked, and those that someone else holds are left out: their holder is releasing them
    or is about to look at these levels itself. Nobody waits for an order while holding levels.
    """
    locking = "FOR UPDATE OF allocation SKIP LOCKED" if lock else ""
    rows = await session.fetch(
        "SELECT allocation.order_id, allocation.store_id, line.sku, line.quantity "
        "FROM inventory.order_allocation AS allocation JOIN inventory.allocation_line AS line USING (order_id) "
        "WHERE allocation.state = 'short' AND allocation.order_id IN ("
        "SELECT waiting.order_id FROM unnest($1::text[], $2::text[]) AS raised(warehouse_id, sku) "
        "JOIN inventory.warehouse_store AS link USING (warehouse_id) "
        "JOIN inventory.allocation_line AS waiting "
        "ON waiting.store_id = link.store_id AND waiting.sku = raised.sku AND waiting.waiting) "
        f"ORDER BY allocation.placed_at, allocation.order_id, line.sku {locking}",
        *columns(levels),
    )
    demands: dict[str, Demand] = {}
    pieces: dict[str, dict[str, int]] = {}
    for order_id, store_id, sku, quantity in rows:
        if order_id not in demands:
            pieces[order_id] = {}
            demands[order_id] = Demand(order_id, store_id, pieces[order_id])
        pieces[order_id][sku] = quantity
    return list(demands.values())
