"""What inventory's answers and the passing of time do to orders: payable, short, expired."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from storeops.common import timers
from storeops.common.contracts.inventory import ShortLine, StockAllocated, StockShort
from storeops.common.contracts.orders import OrderCancelled, OrderExpired
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.orders.deadlines.rules import TimerKind
from storeops.orders.intake import queries
from storeops.orders.intake.rules import OrderFacts

DECISION = "order.decision"
"""The hint that tells waiting callers what became of their order's stock."""

LINES_TOLD = 40
"""Short lines that a hint carries at most; who needs more reads them."""


async def record_allocations(session: WriteSession, events: Sequence[StockAllocated]) -> list[OrderFacts]:
    """Note that stock is promised; answers the living orders as they stood before, their rows locked.

    Unpaid ones become payable, and callers who wait are told.
    """
    orders = await queries.lock_orders(session, [event.order_id for event in events])
    alive = [event for event in events if event.order_id in orders and orders[event.order_id].alive]
    now = await session.now()
    await session.fetch(
        "UPDATE orders.sales_order AS o SET allocated_at = $1, warehouse_id = t.warehouse_id, short_lines = NULL, "
        "version = version + 1 FROM unnest($2::text[], $3::text[]) AS t(order_id, warehouse_id) "
        "WHERE o.order_id = t.order_id",
        now,
        [event.order_id for event in alive],
        [event.warehouse_id for event in alive],
    )
    for event in alive:
        if orders[event.order_id].paid_at is None:
            decision = {"order_id": event.order_id, "allocated_at": now.isoformat(), "warehouse_id": event.warehouse_id}
            session.announce(DECISION, decision)
    return [orders[event.order_id] for event in alive]


async def record_shortages(session: WriteSession, events: Sequence[StockShort]) -> list[OrderFacts]:
    """Note what lacks: unpaid orders are cancelled as short and waiting callers told (ORD-4).

    Answers the paid living orders, their rows locked, for whom somebody must find a way.
    """
    orders = await queries.lock_orders(session, [event.order_id for event in events])
    short = {event.order_id: event for event in events if event.order_id in orders and orders[event.order_id].alive}
    unpaid = [orders[order_id] for order_id in short if orders[order_id].paid_at is None]
    await session.fetch(
        "UPDATE orders.sales_order AS o SET short_lines = t.lines::jsonb, version = version + 1 "
        "FROM unnest($1::text[], $2::text[]) AS t(order_id, lines) WHERE o.order_id = t.order_id",
        list(short),
        [orjson.dumps(short_lines(event.lines)).decode() for event in short.values()],
    )
    await cancel_orders(session, unpaid, reason="short")
    for order in unpaid:
        lines = short_lines(short[order.order_id].lines)
        told = lines if len(lines) <= LINES_TOLD else None
        session.announce(DECISION, {"order_id": order.order_id, "short": True, "lines": told})
    return [orders[order_id] for order_id in short if orders[order_id].paid_at is not None]


async def cancel_orders(session: WriteSession, orders: Sequence[OrderFacts], *, reason: str) -> None:
    """Mark living, locked orders as cancelled and publish it: their stock and holds go back.

    Stops no ship clock and gives no money back: who cancels paid orders does that.
    """
    if not orders:
        return
    now = await session.now()
    by_id = {order.order_id: order for order in orders}
    rows = await session.fetch(
        "UPDATE orders.sales_order SET cancelled_at = $1, cancelled_by = $2, cancel_reason = $3, "
        "event_sequence = event_sequence + 1, version = version + 1 WHERE order_id = ANY($4::text[]) "
        "RETURNING order_id, event_sequence",
        now,
        session.scope.actor,
        reason,
        list(by_id),
    )
    await timers.cancel(session, list(by_id), kinds=[TimerKind.ORDER_EXPIRY])
    for row in rows:
        order = by_id[row["order_id"]]
        cancelled = OrderCancelled(
            occurred_at=now,
            order_id=order.order_id,
            store_id=order.store_id,
            reason=reason,
            was_paid=order.paid_at is not None,
            placed_at=order.placed_at,
            net=order.net,
        )
        publish(session, cancelled, sequence=row["event_sequence"])


async def expire_orders(session: WriteSession, order_ids: Sequence[str]) -> None:
    """Let orders go that were not paid in time (ORD-2); what was paid or cancelled meanwhile stays as it is."""
    orders = await queries.lock_orders(session, order_ids)
    unpaid = {order_id: order for order_id, order in orders.items() if order.alive and order.paid_at is None}
    now = await session.now()
    rows = await session.fetch(
        "UPDATE orders.sales_order SET expired_at = $1, event_sequence = event_sequence + 1, version = version + 1 "
        "WHERE order_id = ANY($2::text[]) RETURNING order_id, event_sequence",
        now,
        list(unpaid),
    )
    for row in rows:
        order = unpaid[row["order_id"]]
        expired = OrderExpired(
            occurred_at=now,
            order_id=order.order_id,
            store_id=order.store_id,
            placed_at=order.placed_at,
            net=order.net,
        )
        publish(session, expired, sequence=row["event_sequence"])


def short_lines(lines: Iterable[ShortLine]) -> list[dict[str, Any]]:
    """Short lines as they are kept and answered."""
    return [line.model_dump() for line in lines]
