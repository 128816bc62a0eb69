"""Ends allocations: pieces go back when an order is off, and leave for good with their parcel."""

from collections.abc import Sequence

import structlog

from storeops.common.contracts.orders import OrderCancelled, OrderExpired, ParcelHandedOver
from storeops.common.db import WriteSession
from storeops.inventory.stock.commands.backorders import lock_round, serve_waiting
from storeops.inventory.stock.commands.levels import Move, move
from storeops.inventory.stock.commands.store_states import follow_changes
from storeops.inventory.stock.queries.allocations import Held, lock_allocations, parcels_issued
from storeops.inventory.stock.queries.levels import lock_levels
from storeops.inventory.stock.rules import LevelKey

log = structlog.get_logger()


async def release_orders(session: WriteSession, ended: Sequence[OrderCancelled | OrderExpired]) -> None:
    """Give back what orders that are off were promised and has not left; orders that wait for it are served at once.

    An order that was never placed here is remembered as released, so that it gets nothing should it come late.
    """
    await remember_unknown(session, ended)
    held = await lock_allocations(session, {event.order_id for event in ended})
    ending = [allocation for allocation in held.values() if allocation.state in {"allocated", "short"}]
    if not ending:
        return
    await mark_released(session, [allocation.order_id for allocation in ending])
    moves = [
        Move(
            LevelKey(allocation.warehouse_id, sku),
            "released",
            allocation.order_id,
            allocation.store_id,
            available=left,
            allocated=-left,
        )
        for allocation in ending
        if allocation.warehouse_id is not None
        for sku, left in allocation.left.items()
    ]
    if not moves:
        return
    round_ = await lock_round(session, {line.level for line in moves})
    changes = await serve_waiting(session, round_, await move(session, moves))
    await follow_changes(session, changes)


async def remember_unknown(session: WriteSession, ended: Sequence[OrderCancelled | OrderExpired]) -> None:
    """Write orders that nobody placed here as released."""
    events = {event.order_id: event for event in ended}
    orders = [events[order_id] for order_id in sorted(events)]
    await session.fetch(
        "INSERT INTO inventory.order_allocation (order_id, store_id, state, placed_at, event_sequence) "
        "SELECT order_id, store_id, 'released', placed_at, 0 "
        "FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS t(order_id, store_id, placed_at) "
        "ON CONFLICT DO NOTHING",
        [order.order_id for order in orders],
        [order.store_id for order in orders],
        [order.placed_at for order in orders],
    )


async def mark_released(session: WriteSession, order_ids: Sequence[str]) -> None:
    """These orders hold and want nothing any more."""
    await session.fetch(
        "WITH line AS (UPDATE inventory.allocation_line SET waiting = false "
        "WHERE order_id = ANY($1::text[]) AND waiting) "
        "UPDATE inventory.order_allocation SET state = 'released' WHERE order_id = ANY($1::text[])",
        order_ids,
    )


async def issue_parcels(session: WriteSession, parcels: Sequence[ParcelHandedOver]) -> None:
    """Take the pieces of parcels that left off the stock they were promised from; publishes `StockMoved` per level.

    A parcel that left before has no second effect; what its order was not promised there is logged and stays.
    """
    held = await lock_allocations(session, {parcel.order_id for parcel in parcels})
    gone = await parcels_issued(session, {parcel.parcel_id for parcel in parcels})
    moves: list[Move] = []
    issued: list[tuple[str, str, int]] = []
    for parcel in parcels:
        if parcel.parcel_id in gone:
            continue
        gone.add(parcel.parcel_id)
        for sku, quantity in take_promised(held.get(parcel.order_id), parcel).items():
            level = LevelKey(parcel.warehouse_id, sku)
            moves.append(
                Move(level, "issued", parcel.parcel_id, parcel.store_id, on_hand=-quantity, allocated=-quantity)
            )
            issued.append((parcel.order_id, sku, quantity))
    if not moves:
        return
    await lock_levels(session, {line.level for line in moves})
    await move(session, moves)
    await mark_issued(session, issued)


def take_promised(held: Held | None, parcel: ParcelHandedOver) -> dict[str, int]:
    """Take a parcel's pieces from what its order still has coming at that warehouse; answers how many of each SKU."""
    taken: dict[str, int] = {}
    for line in parcel.lines:
        promised = held is not None and held.state == "allocated" and held.warehouse_id == parcel.warehouse_id
        quantity = min(line.quantity, held.left.get(line.sku, 0)) if held is not None and promised else 0
        if quantity < line.quantity:
            log.warning(
                "parcel_not_promised",
                parcel=parcel.parcel_id,
                order=parcel.order_id,
                sku=line.sku,
                quantity=line.quantity,
                promised=quantity,
            )
        if held is not None and quantity:
            held.left[line.sku] -= quantity
            taken[line.sku] = taken.get(line.sku, 0) + quantity
    return taken


async def mark_issued(session: WriteSession, issued: Sequence[tuple[str, str, int]]) -> None:
    """Count pieces of orders as gone; an order all of whose pieces are gone is issued."""
    orders = sorted({order_id for order_id, _, _ in issued})
    await session.fetch(
        "UPDATE inventory.allocation_line AS line SET issued = line.issued + gone.quantity "
        "FROM (SELECT order_id, sku, sum(quantity) AS quantity FROM unnest($1::text[], $2::text[], $3::int[]) "
        "AS t(order_id, sku, quantity) GROUP BY order_id, sku) AS gone "
        "WHERE line.order_id = gone.order_id AND line.sku = gone.sku",
        *([row[column] for row in issued] for column in range(3)),
    )
    await session.fetch(
        "UPDATE inventory.order_allocation AS allocation SET state = 'issued' "
        "WHERE order_id = ANY($1::text[]) AND NOT EXISTS (SELECT FROM inventory.allocation_line AS line "
        "WHERE line.order_id = allocation.order_id AND line.issued < line.quantity)",
        orders,
    )
