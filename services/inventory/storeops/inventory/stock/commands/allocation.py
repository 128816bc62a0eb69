"""Promises stock to orders: all lines or none, out of one warehouse, never more than is there (STK-2).

Locks are taken in one order everywhere: stores, then allocations, then levels by key, then stores' states. An
allocation that is looked at after the levels is never waited for.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from storeops.common.contracts.inventory import ShortLine, StockAllocated, StockShort
from storeops.common.contracts.orders import OrderPlaced, SkuQuantity
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.inventory.stock.commands.levels import Changes, Move, move
from storeops.inventory.stock.commands.store_states import follow_changes
from storeops.inventory.stock.queries.allocations import known_orders
from storeops.inventory.stock.queries.levels import lock_levels
from storeops.inventory.stock.queries.warehouses import warehouses_serving
from storeops.inventory.stock.rules import Decision, Demand, LevelKey, grant_orders
from storeops.inventory.stores.queries import hold_supply


async def allocate_orders(session: WriteSession, placed: Sequence[OrderPlaced]) -> None:
    """Decide a list of new orders in their order of arrival, and tell each its decision; known orders are left alone.

    Publishes `StockAllocated` or `StockShort` per order. What is short keeps waiting for goods until it is released.
    """
    known = await known_orders(session, [order.order_id for order in placed])
    orders = {order.order_id: order for order in placed if order.order_id not in known}
    if not orders:
        return
    demands = [demand_of(order) for order in orders.values()]
    stores = {demand.store_id for demand in demands}
    await hold_supply(session, stores, alone=False)
    warehouses = await warehouses_serving(session, stores)
    available = await lock_levels(session, candidate_levels(demands, warehouses))
    decisions = grant_orders(demands, warehouses=warehouses, available=available)
    await record_decisions(session, decisions, {order_id: order.placed_at for order_id, order in orders.items()})
    changes = await promise(session, decisions)
    for decision in decisions:
        await tell_decision(session, decision, sequence=1)
    await follow_changes(session, changes)


def demand_of(order: OrderPlaced) -> Demand:
    """What an order wants by SKU, its lines summed."""
    pieces: dict[str, int] = {}
    for line in order.lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    return Demand(order.order_id, order.store_id, pieces)


def candidate_levels(demands: Iterable[Demand], warehouses: dict[str, list[str]]) -> set[LevelKey]:
    """Every level that could serve one of these orders."""
    return {
        LevelKey(warehouse_id, sku)
        for demand in demands
        for warehouse_id in warehouses.get(demand.store_id, ())
        for sku in demand.pieces
    }


async def record_decisions(
    session: WriteSession, decisions: Sequence[Decision], placed_at: dict[str, datetime]
) -> None:
    """Write the allocations of new orders with their lines."""
    lines = [
        (decision.demand.order_id, sku, decision.demand.store_id, quantity, decision.warehouse_id is None)
        for decision in decisions
        for sku, quantity in decision.demand.pieces.items()
    ]
    await session.fetch(
        "WITH head AS (INSERT INTO inventory.order_allocation "
        "(order_id, store_id, warehouse_id, state, placed_at, event_sequence) "
        "SELECT order_id, store_id, warehouse_id, CASE WHEN warehouse_id IS NULL THEN 'short' ELSE 'allocated' END, "
        "placed_at, 1 FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) "
        "AS t(order_id, store_id, warehouse_id, placed_at)) "
        "INSERT INTO inventory.allocation_line (order_id, sku, store_id, quantity, waiting) "
        "SELECT * FROM unnest($5::text[], $6::text[], $7::text[], $8::int[], $9::boolean[])",
        [decision.demand.order_id for decision in decisions],
        [decision.demand.store_id for decision in decisions],
        [decision.warehouse_id for decision in decisions],
        [placed_at[decision.demand.order_id] for decision in decisions],
        *([line[column] for line in lines] for column in range(5)),
    )


async def promise(session: WriteSession, decisions: Iterable[Decision]) -> Changes:
    """Move the pieces of granted orders from available to allocated."""
    return await move(
        session,
        [
            Move(
                LevelKey(decision.warehouse_id, sku),
                "allocated",
                decision.demand.order_id,
                decision.demand.store_id,
                available=-quantity,
                allocated=quantity,
            )
            for decision in decisions
            if decision.warehouse_id is not None
            for sku, quantity in decision.demand.pieces.items()
        ],
    )


async def promise_waiting(session: WriteSession, granted: Collection[Decision]) -> Changes:
    """Serve orders that waited: they wait no longer, get their pieces and are told so."""
    rows = await session.fetch(
        "WITH served AS (UPDATE inventory.allocation_line SET waiting = false WHERE order_id = ANY($1::text[])) "
        "UPDATE inventory.order_allocation AS allocation SET state = 'allocated', "
        "warehouse_id = granted.warehouse_id, event_sequence = allocation.event_sequence + 1 "
        "FROM unnest($1::text[], $2::text[]) AS granted(order_id, warehouse_id) "
        "WHERE allocation.order_id = granted.order_id RETURNING allocation.order_id, allocation.event_sequence",
        [decision.demand.order_id for decision in granted],
        [decision.warehouse_id for decision in granted],
    )
    sequences = {row["order_id"]: row["event_sequence"] for row in rows}
    changes = await promise(session, granted)
    for decision in granted:
        await tell_decision(session, decision, sequence=sequences[decision.demand.order_id])
    return changes


async def tell_decision(session: WriteSession, decision: Decision, *, sequence: int) -> None:
    """Publish what an order got, or what it lacks."""
    now = await session.now()
    demand = decision.demand
    if decision.warehouse_id is None:
        short = tuple(ShortLine(sku=sku, wanted=wanted, available=most) for sku, wanted, most in decision.short)
        event = StockShort(occurred_at=now, order_id=demand.order_id, store_id=demand.store_id, lines=short)
    else:
        event = StockAllocated(
            occurred_at=now,
            order_id=demand.order_id,
            store_id=demand.store_id,
            warehouse_id=decision.warehouse_id,
            lines=tuple(SkuQuantity(sku=sku, quantity=quantity) for sku, quantity in demand.pieces.items()),
        )
    publish(session, event, sequence=sequence)
