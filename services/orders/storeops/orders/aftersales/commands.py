"""Cancels orders and does what a settled case says. What must be undone with an order is undone in one transaction."""

from storeops.common.contracts.customer_service import TicketSettled
from storeops.common.contracts.orders import OrderWaitAgreed
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.orders.aftersales import rules
from storeops.orders.aftersales.errors import OrderNotCancellable
from storeops.orders.audit.commands import close_holds
from storeops.orders.deadlines.commands import stop_ship_clocks
from storeops.orders.fulfillment.commands.releasing import cancel_work
from storeops.orders.intake.commands.deciding import cancel_orders
from storeops.orders.intake.commands.refunding import request_refunds
from storeops.orders.intake.queries import get_order, lock_order, lock_orders
from storeops.orders.intake.rules import OrderFacts, phase


async def cancel_order(session: WriteSession, order_id: str, *, reason: str) -> OrderFacts:
    """Cancel an order that is not packed; its money goes back. Raises `OrderNotFound` and `OrderNotCancellable`."""
    order = await lock_order(session, order_id)
    if not rules.cancellable(order):
        raise OrderNotCancellable(f"{order_id} is {phase(order)}")
    await undo_order(session, order, reason=reason)
    return await get_order(session, order_id)


async def undo_order(session: WriteSession, order: OrderFacts, *, reason: str) -> None:
    """Take a locked, living, unshipped order off: clocks, holds, warehouse work and money (ORD-3)."""
    await cancel_orders(session, [order], reason=reason)
    if order.paid_at is not None:
        await stop_ship_clocks(session, [order.order_id], at=await session.now())
        await cancel_work(session, [order.order_id])
        await request_refunds(session, [order], reason=f"cancelled: {reason}")
    await close_holds(session, [order.order_id])


async def act_on_settlement(session: WriteSession, event: TicketSettled) -> None:
    """Do what was settled with the customer (ORD-4); what was done before, or can no longer be done, is left.

    wait: an excuse, no clock stops. cancel, refund: an unshipped order is taken off and paid back; of a shipped one
    the money goes back on refund, and it stays sold on cancel.
    """
    if event.order_id is None:
        return
    order = (await lock_orders(session, [event.order_id])).get(event.order_id)
    # A case may name any order, seen or not by whoever opened it: it acts on its own store's orders only.
    if order is None or order.store_id != event.store_id:
        return
    if event.outcome == "wait":
        await agree_to_wait(session, order, ticket_id=event.ticket_id)
    elif event.outcome in ("cancel", "refund"):
        if rules.settleable(order):
            await undo_order(session, order, reason="settled")
        elif order.shipped_at is not None and event.outcome == "refund":
            await request_refunds(session, [order], reason=f"settled: {event.kind}")


async def agree_to_wait(session: WriteSession, order: OrderFacts, *, ticket_id: str) -> None:
    """Note on a locked order that its customer waits: figures show its delay apart."""
    if not rules.settleable(order) or order.paid_at is None or order.wait_agreed_at is not None:
        return
    now = await session.now()
    sequence = await session.fetchval(
        "UPDATE orders.sales_order SET wait_agreed_at = $1, event_sequence = event_sequence + 1, "
        "version = version + 1 WHERE order_id = $2 RETURNING event_sequence",
        now,
        order.order_id,
    )
    agreed = OrderWaitAgreed(occurred_at=now, order_id=order.order_id, store_id=order.store_id, ticket_id=ticket_id)
    publish(session, agreed, sequence=sequence)
