"""Tells the others when a paid order reaches a point of its ship clocks (ORD-3, ORD-4)."""

from collections.abc import Sequence
from datetime import datetime

from storeops.common.contracts.orders import (
    OrderShipBreached,
    OrderShipDueSoon,
    OrderShipLate,
    ShipDeadlineEvent,
)
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.common.timers import DueTimer
from storeops.orders.audit.queries import open_holds
from storeops.orders.audit.rules import HoldKind
from storeops.orders.deadlines.rules import TimerKind
from storeops.orders.fulfillment import rules
from storeops.orders.intake.queries import lock_orders
from storeops.orders.intake.rules import OrderFacts

ANNOUNCEMENTS: dict[TimerKind, type[ShipDeadlineEvent]] = {
    TimerKind.SHIP_DUE_SOON: OrderShipDueSoon,
    TimerKind.SHIP_LATE: OrderShipLate,
    TimerKind.SHIP_BREACHED: OrderShipBreached,
}


async def announce_deadlines(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Tell the others of orders that reached a deadline of one kind, unless they had left by then (ORD-3, ORD-4).

    Decided under the orders' row locks, so that shipping and firing cannot both win.
    """
    orders = await lock_orders(session, [timer.key for timer in due])
    reached = {
        timer.key: timer
        for timer in due
        if timer.key in orders and orders[timer.key].alive and not orders[timer.key].left_by(timer.due_at)
    }
    if not reached:
        return
    now = await session.now()
    holds: dict[str, set[HoldKind]] = {}
    for hold in await open_holds(session, [key for key in reached if orders[key].open_holds]):
        holds.setdefault(hold.order_id, set()).add(hold.kind)
    rows = await session.fetch(
        "UPDATE orders.sales_order SET event_sequence = event_sequence + 1 WHERE order_id = ANY($1::text[]) "
        "RETURNING order_id, event_sequence",
        list(reached),
    )
    for row in rows:
        order = orders[row["order_id"]]
        timer = reached[order.order_id]
        reason = rules.blocking_reason(order, holds.get(order.order_id, ()))
        publish(session, deadline_reached(order, timer, reason=reason, now=now), sequence=row["event_sequence"])


def deadline_reached(order: OrderFacts, timer: DueTimer, *, reason: str, now: datetime) -> ShipDeadlineEvent:
    """The event of a paid order at one of its deadlines."""
    assert order.paid_at is not None
    assert order.late_at is not None
    assert order.breach_at is not None
    return ANNOUNCEMENTS[TimerKind(timer.kind)](
        occurred_at=now,
        order_id=order.order_id,
        store_id=order.store_id,
        paid_at=order.paid_at,
        due_at=timer.due_at,
        late_at=order.late_at,
        breach_at=order.breach_at,
        reason=reason,
        shipped_at=order.shipped_at,
        in_rush=order.in_rush,
        excused=order.wait_agreed_at is not None,
    )
