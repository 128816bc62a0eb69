"""Gives orders to a warehouse, and takes them back. Knows no parcel."""

from collections.abc import Sequence

from storeops.common.contracts.inventory import StockAllocated
from storeops.common.contracts.orders import OrderReleased
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.orders.audit.commands import lift_shortages
from storeops.orders.fulfillment import rules
from storeops.orders.intake.commands.deciding import record_allocations
from storeops.orders.intake.queries import lock_orders


async def take_allocations(session: WriteSession, events: Sequence[StockAllocated]) -> None:
    """Stock is promised: unpaid orders become payable, shortages are lifted, what is ready goes to the warehouse."""
    orders = await record_allocations(session, events)
    paid = [order for order in orders if order.paid_at is not None]
    await lift_shortages(session, paid)
    if paid:
        await release_ready(session, [order.order_id for order in paid])


async def release_ready(session: WriteSession, order_ids: Sequence[str]) -> None:
    """Release those of the orders that are paid, allocated, reviewed and not held; the others wait for their event."""
    orders = await lock_orders(session, order_ids)
    ready = {order.order_id: (new_id("ful"), order) for order in orders.values() if rules.ready_for_warehouse(order)}
    if not ready:
        return
    now = await session.now()
    rows = await session.fetch(
        "WITH work AS (INSERT INTO orders.fulfillment_order "
        "(fulfillment_order_id, order_id, store_id, warehouse_id, late_at, status, released_at) SELECT *, "
        "'open', $6::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])) "
        "UPDATE orders.sales_order SET released_at = $6, event_sequence = event_sequence + 1, version = version + 1 "
        "WHERE order_id = ANY($2::text[]) RETURNING order_id, event_sequence",
        [fulfillment_order_id for fulfillment_order_id, _ in ready.values()],
        list(ready),
        [order.store_id for _, order in ready.values()],
        [order.warehouse_id for _, order in ready.values()],
        [order.late_at for _, order in ready.values()],
        now,
    )
    for row in rows:
        fulfillment_order_id, order = ready[row["order_id"]]
        released = OrderReleased(
            occurred_at=now,
            order_id=order.order_id,
            store_id=order.store_id,
            fulfillment_order_id=fulfillment_order_id,
            warehouse_id=order.warehouse_id or "",
        )
        publish(session, released, sequence=row["event_sequence"])


async def cancel_work(session: WriteSession, order_ids: Sequence[str]) -> None:
    """Take the work on locked orders back from the warehouse; what has left stays as it is."""
    await session.fetch(
        "UPDATE orders.fulfillment_order SET status = 'cancelled', cancelled_at = $1 "
        "WHERE order_id = ANY($2::text[]) AND status IN ('open', 'packed')",
        await session.now(),
        list(order_ids),
    )
