"""What must always hold of stock: each check answers the rows that break it."""

from collections.abc import Sequence
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.doctor import Invariant


async def impossible_levels(session: ReadSession) -> Sequence[Any]:
    """Levels below zero, or whose buckets do not make what is on hand."""
    return await session.fetch(
        "SELECT warehouse_id, sku, on_hand, available, allocated, reserved, in_inspection, defective "
        "FROM inventory.stock_level WHERE least(available, allocated, reserved, in_inspection, defective) < 0 "
        "OR on_hand <> available + allocated + reserved + in_inspection + defective"
    )


async def unbacked_allocations(session: ReadSession) -> Sequence[Any]:
    """Levels whose allocated pieces are not those promised to orders and not gone yet."""
    return await session.fetch(
        "SELECT warehouse_id, sku, coalesce(level.allocated, 0) AS allocated, coalesce(promised.pieces, 0) AS promised "
        "FROM inventory.stock_level AS level FULL JOIN (SELECT allocation.warehouse_id, line.sku, "
        "sum(line.quantity - line.issued) AS pieces FROM inventory.order_allocation AS allocation "
        "JOIN inventory.allocation_line AS line USING (order_id) WHERE allocation.state = 'allocated' GROUP BY 1, 2) "
        "AS promised USING (warehouse_id, sku) WHERE coalesce(level.allocated, 0) <> coalesce(promised.pieces, 0)"
    )


async def levels_off_ledger(session: ReadSession) -> Sequence[Any]:
    """Levels with a bucket that is not the sum of its ledger lines."""
    return await session.fetch(
        "SELECT warehouse_id, sku FROM inventory.stock_level AS level FULL JOIN (SELECT warehouse_id, sku, "
        "sum(on_hand_delta) AS on_hand, sum(available_delta) AS available, sum(allocated_delta) AS allocated, "
        "sum(reserved_delta) AS reserved, sum(in_inspection_delta) AS in_inspection, "
        "sum(defective_delta) AS defective FROM inventory.movement GROUP BY 1, 2) AS ledger "
        "USING (warehouse_id, sku) WHERE "
        "(level.on_hand, level.available, level.allocated, level.reserved, level.in_inspection, level.defective) "
        "IS DISTINCT FROM (coalesce(ledger.on_hand, 0), coalesce(ledger.available, 0), "
        "coalesce(ledger.allocated, 0), coalesce(ledger.reserved, 0), coalesce(ledger.in_inspection, 0), "
        "coalesce(ledger.defective, 0))"
    )


async def released_and_held(session: ReadSession) -> Sequence[Any]:
    """Orders that are off, or whose pieces are gone, and that the ledger still promises something."""
    return await session.fetch(
        "SELECT allocation.order_id, allocation.state, line.sku FROM inventory.order_allocation AS allocation "
        "JOIN inventory.allocation_line AS line USING (order_id) LEFT JOIN inventory.movement AS movement "
        "ON movement.ref = line.order_id AND movement.sku = line.sku "
        "WHERE allocation.state IN ('released', 'issued') "
        "GROUP BY allocation.order_id, allocation.state, line.sku, line.issued "
        "HAVING coalesce(sum(movement.allocated_delta), 0) <> line.issued"
    )


async def wrong_store_states(session: ReadSession) -> Sequence[Any]:
    """Stores' states that differ from what their warehouses can sell, unless a timer is about to look at them."""
    return await session.fetch(
        "SELECT stock.store_id, stock.sku, stock.state, sum(coalesce(level.available, 0)) AS sellable "
        "FROM inventory.store_stock AS stock LEFT JOIN inventory.warehouse_store AS link USING (store_id) "
        "LEFT JOIN inventory.stock_level AS level "
        "ON level.warehouse_id = link.warehouse_id AND level.sku = stock.sku "
        "WHERE NOT EXISTS (SELECT FROM inventory.timer WHERE timer.state = 'armed') "
        "GROUP BY stock.store_id, stock.sku, stock.state, stock.warning_level "
        "HAVING stock.state <> CASE WHEN sum(coalesce(level.available, 0)) = 0 THEN 'out' "
        "WHEN sum(coalesce(level.available, 0)) <= stock.warning_level THEN 'low' ELSE 'ok' END"
    )


async def waiting_and_servable(session: ReadSession) -> Sequence[Any]:
    """Orders that wait although one warehouse of their store holds all they want, unless a timer is about to look."""
    return await session.fetch(
        "SELECT allocation.order_id, link.warehouse_id FROM inventory.order_allocation AS allocation "
        "JOIN inventory.warehouse_store AS link USING (store_id) "
        "JOIN inventory.allocation_line AS line USING (order_id) "
        "LEFT JOIN inventory.stock_level AS level "
        "ON level.warehouse_id = link.warehouse_id AND level.sku = line.sku "
        "WHERE allocation.state = 'short' AND NOT EXISTS (SELECT FROM inventory.timer WHERE timer.state = 'armed') "
        "GROUP BY allocation.order_id, link.warehouse_id "
        "HAVING bool_and(coalesce(level.available, 0) >= line.quantity)"
    )


invariants = [
    Invariant("I1", "no level is below zero, and its buckets make what is on hand (STK-2)", impossible_levels),
    Invariant("I1", "what is allocated is what orders were promised and has not left", unbacked_allocations),
    Invariant("I2", "every bucket of a level is the sum of its ledger lines (STK-1)", levels_off_ledger),
    Invariant("I10", "no order that is off or gone is promised anything", released_and_held),
    Invariant("STK-4", "a store's state of a SKU is what its warehouses can sell", wrong_store_states),
    Invariant("ORD-4", "no order waits for goods that its store has", waiting_and_servable),
]
