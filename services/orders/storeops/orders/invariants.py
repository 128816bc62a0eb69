"""What must hold of orders, each as a query for what breaks it."""

from collections.abc import Sequence
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.doctor import Check, Invariant


def rows(sql: str) -> Check:
    """A check that runs one query."""

    async def check(session: ReadSession) -> Sequence[Any]:
        return await session.fetch(sql)

    return check


def rows_now(sql: str) -> Check:
    """A check that runs one query about business time, its only parameter."""

    async def check(session: ReadSession) -> Sequence[Any]:
        return await session.fetch(sql, await session.now())

    return check


LOOKED_AT = "30 days"
"""Upkeep forgets a deadline that is settled so long after it was due."""

CLOCKS = rows_now(f"""
    SELECT o.order_id, clock.kind, clock.due_at, t.armed_for
    FROM orders.sales_order AS o
    CROSS JOIN LATERAL (VALUES
        ('ship_due_soon', o.warn_at), ('ship_late', o.late_at), ('ship_breached', o.breach_at)) AS clock (kind, due_at)
    LEFT JOIN orders.timer AS t ON t.key = o.order_id AND t.kind = clock.kind
    WHERE o.paid_at IS NOT NULL AND (t.armed_for IS DISTINCT FROM clock.due_at OR clock.due_at <= o.paid_at)
        AND (t.key IS NOT NULL OR clock.due_at >= $1::timestamptz - interval '{LOOKED_AT}')
""")
STOPPED = rows("""
    SELECT t.key, t.kind, t.due_at FROM orders.timer AS t JOIN orders.sales_order AS o ON o.order_id = t.key
    WHERE t.state = 'armed' AND (
        (t.kind <> 'order_expiry' AND t.due_at > coalesce(o.shipped_at, o.cancelled_at))
        OR (t.kind = 'order_expiry' AND (o.paid_at IS NOT NULL OR o.cancelled_at IS NOT NULL)))
""")
LIVE_CLOCKS = rows("""
    SELECT t.key, t.kind FROM orders.timer AS t JOIN orders.sales_order AS o ON o.order_id = t.key
    WHERE t.state = 'cancelled' AND t.kind <> 'order_expiry' AND o.shipped_at IS NULL AND o.cancelled_at IS NULL
""")
MONEY = rows("""
    SELECT o.order_id, o.received, o.refunded FROM orders.sales_order AS o
    LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM orders.payment GROUP BY order_id) AS p USING (order_id)
    LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM orders.refund GROUP BY order_id) AS r USING (order_id)
    WHERE o.received <> coalesce(p.amount, 0) + CASE WHEN o.channel_order_id IS NULL THEN 0 ELSE o.payable END
        OR o.refunded <> coalesce(r.amount, 0)
        OR (o.paid_at IS NOT NULL AND o.received < o.payable)
        OR (o.cancelled_at IS NOT NULL AND o.received <> o.refunded)
        OR (o.expired_at IS NOT NULL AND o.received <> o.refunded)
""")
SUMS = rows("""
    SELECT o.order_id FROM orders.sales_order AS o LEFT JOIN orders.order_line AS l USING (order_id)
    GROUP BY o.order_id HAVING o.gross <> coalesce(sum(l.gross), -1) OR o.discount <> sum(l.discount)
        OR o.net <> sum(l.net)
""")
HOLDS = rows("""
    SELECT o.order_id, o.open_holds, count(h.hold_id) FROM orders.sales_order AS o
    LEFT JOIN orders.hold AS h ON h.order_id = o.order_id AND h.released_at IS NULL
    GROUP BY o.order_id HAVING o.open_holds <> count(h.hold_id)
""")
WORK = rows("""
    SELECT o.order_id, f.fulfillment_order_id, f.status FROM orders.sales_order AS o
    JOIN orders.fulfillment_order AS f USING (order_id)
    WHERE (NOT (o.cancelled_at IS NULL AND o.expired_at IS NULL) AND f.status IN ('open', 'packed'))
        OR (o.shipped_at IS NOT NULL AND f.status NOT IN ('handed_over', 'cancelled'))
        OR (f.status = 'handed_over' AND NOT EXISTS (
            SELECT FROM orders.parcel AS p
            WHERE p.fulfillment_order_id = f.fulfillment_order_id AND p.handed_over_at IS NOT NULL))
""")
UNPAID = rows("""
    SELECT o.order_id FROM orders.sales_order AS o
    LEFT JOIN orders.timer AS t ON t.key = o.order_id AND t.kind = 'order_expiry'
    WHERE o.paid_at IS NULL AND o.cancelled_at IS NULL AND o.expired_at IS NULL
        AND (t.state IS DISTINCT FROM 'armed' OR t.due_at <> o.expires_at)
""")

invariants = [
    Invariant("I3", "every paid order has each ship clock once, due when its promise says", CLOCKS),
    Invariant("ORD-3", "no clock is armed for after an order left or was cancelled", STOPPED),
    Invariant("ORD-3", "no clock of a paid, living, unshipped order was stopped", LIVE_CLOCKS),
    Invariant("ORD-2", "every order that waits for its payment will expire when it said", UNPAID),
    Invariant("I2", "what an order received and gives back is the sum of its payments and refunds", MONEY),
    Invariant("PRM-2", "an order's money is the sum of its lines", SUMS),
    Invariant("ORD-4", "an order counts exactly the holds in force", HOLDS),
    Invariant("ORD-1", "no cancelled order is work for a warehouse; what was handed over has its parcel", WORK),
]
