"""How events become facts: one statement per table over a range of the archive. Pure: text, no I/O.

Each statement is safe to cut anywhere and to run again: what it merges is a smallest or largest value, an OR, or a
value that never changes. So live folding of small batches and a rebuild of everything end in identical rows (REP-9),
whatever order events of different topics came in.
"""

import re
from typing import NamedTuple

LIVE = "reporting"
SHADOW = "reporting_shadow"
"""Where a rebuild folds to, beside the live tables."""


class Fold(NamedTuple):
    """A table of facts and the statement that folds events of one topic into it; `{schema}` is filled in."""

    topic: str
    table: str
    statement: str


class Column(NamedTuple):
    """A column of `order_fact`: its value out of one order's events `a`, and how it joins what was known."""

    name: str
    value: str
    merge: str


FIRST = "least(held.{0}, excluded.{0})"
LAST = "greatest(held.{0}, excluded.{0})"
EVER = "held.{0} OR excluded.{0}"

ORDER_COLUMNS = (
    Column("customer_id", "max(e.customer_id)", LAST),
    Column("channel", "max(e.channel)", LAST),
    Column("currency", "max(e.currency)", LAST),
    Column("labels", "max(e.labels)", LAST),
    Column("placed_at", "min(e.placed_at)", FIRST),
    Column("paid_at", "min(e.paid_at)", FIRST),
    Column("held_at", "min(a.occurred_at) FILTER (WHERE a.type = 'order.held.v1')", FIRST),
    Column("shipped_at", "min(e.shipped_at)", FIRST),
    Column("cancelled_at", "min(a.occurred_at) FILTER (WHERE a.type = 'order.cancelled.v1')", FIRST),
    Column("expired_at", "min(a.occurred_at) FILTER (WHERE a.type = 'order.expired.v1')", FIRST),
    Column("late_at", "max(e.late_at)", LAST),
    Column("breach_at", "max(e.breach_at)", LAST),
    Column("late_since", "min(e.due_at) FILTER (WHERE a.type = 'order.ship_late.v1')", FIRST),
    Column("breached_since", "min(e.due_at) FILTER (WHERE a.type = 'order.ship_breached.v1')", FIRST),
    Column("in_rush", "coalesce(bool_or(e.in_rush), false)", EVER),
    Column("excused", "coalesce(bool_or(e.excused OR a.type = 'order.wait_agreed.v1'), false)", EVER),
    Column("gross", "max(e.gross)", LAST),
    Column("discount", "max(e.discount)", LAST),
    Column("net", "max(e.net)", LAST),
    Column("payable", "max(e.payable)", LAST),
    Column("paid_amount", "max(e.amount)", LAST),
)

FOLD_ORDERS = f"""
INSERT INTO {{schema}}.order_fact AS held (order_id, store_id, {", ".join(kept.name for kept in ORDER_COLUMNS)})
SELECT a.key, min(a.store_id), {", ".join(kept.value for kept in ORDER_COLUMNS)}
FROM reporting.archived_event AS a CROSS JOIN LATERAL jsonb_to_record(a.payload) AS e(
    customer_id text, channel text, currency text, labels text[], placed_at timestamptz, paid_at timestamptz,
    shipped_at timestamptz, late_at timestamptz, breach_at timestamptz, due_at timestamptz, in_rush boolean,
    excused boolean, gross bigint, discount bigint, net bigint, payable bigint, amount bigint)
WHERE a.position > $1 AND a.position <= $2 AND a.type IN (
    'order.placed.v1', 'order.paid.v1', 'order.held.v1', 'order.shipped.v1', 'order.cancelled.v1', 'order.expired.v1',
    'order.ship_due_soon.v1', 'order.ship_late.v1', 'order.ship_breached.v1', 'order.wait_agreed.v1')
GROUP BY a.key
ON CONFLICT (order_id) DO UPDATE SET
    {", ".join(f"{kept.name} = {kept.merge.format(kept.name)}" for kept in ORDER_COLUMNS)}
"""

FOLD_LINES = """
INSERT INTO {schema}.order_line_fact (order_id, line_no, store_id, sku, quantity, net)
SELECT a.key, l.line_no, a.store_id, l.sku, l.quantity, l.net
FROM reporting.archived_event AS a CROSS JOIN LATERAL
    jsonb_to_recordset(a.payload -> 'lines') AS l(line_no integer, sku text, quantity integer, net bigint)
WHERE a.position > $1 AND a.position <= $2 AND a.type = 'order.placed.v1'
ON CONFLICT DO NOTHING
"""

FOLD_REFUNDS = """
INSERT INTO {schema}.refund_fact (refund_id, order_id, store_id, requested_at, amount, reason)
SELECT e.refund_id, a.key, a.store_id, a.occurred_at, e.amount, e.reason
FROM reporting.archived_event AS a CROSS JOIN LATERAL
    jsonb_to_record(a.payload) AS e(refund_id text, amount bigint, reason text)
WHERE a.position > $1 AND a.position <= $2 AND a.type = 'order.refund_requested.v1'
ON CONFLICT DO NOTHING
"""

FOLD_TICKETS = """
INSERT INTO {schema}.ticket_fact AS held (ticket_id, store_id, order_id, kind, opened_at, settle_by, settled_at,
    settled_sequence, reopened_sequence)
SELECT a.key, min(a.store_id), max(e.order_id), max(e.kind),
    min(a.occurred_at) FILTER (WHERE a.type = 'ticket.opened.v1'), max(e.settle_by),
    max(a.occurred_at) FILTER (WHERE a.type = 'ticket.settled.v1'),
    max(a.sequence) FILTER (WHERE a.type = 'ticket.settled.v1'),
    max(a.sequence) FILTER (WHERE a.type = 'ticket.reopened.v1')
FROM reporting.archived_event AS a CROSS JOIN LATERAL
    jsonb_to_record(a.payload) AS e(order_id text, kind text, settle_by timestamptz)
WHERE a.position > $1 AND a.position <= $2
    AND a.type IN ('ticket.opened.v1', 'ticket.settled.v1', 'ticket.reopened.v1')
GROUP BY a.key
ON CONFLICT (ticket_id) DO UPDATE SET
    order_id = greatest(held.order_id, excluded.order_id), kind = greatest(held.kind, excluded.kind),
    opened_at = least(held.opened_at, excluded.opened_at), settle_by = greatest(held.settle_by, excluded.settle_by),
    settled_at = greatest(held.settled_at, excluded.settled_at),
    settled_sequence = greatest(held.settled_sequence, excluded.settled_sequence),
    reopened_sequence = greatest(held.reopened_sequence, excluded.reopened_sequence)
"""

FOLD_STOCK = """
INSERT INTO {schema}.stock_fact (store_id, sku, sequence, kind, occurred_at)
SELECT a.store_id, a.payload ->> 'sku', a.sequence, split_part(a.type, '.', 2), a.occurred_at
FROM reporting.archived_event AS a
WHERE a.position > $1 AND a.position <= $2 AND a.type IN ('stock.low.v1', 'stock.out.v1', 'stock.restored.v1')
ON CONFLICT DO NOTHING
"""

FOLD_LISTINGS = """
INSERT INTO {schema}.listing_fact (listing_id, sequence, store_id, sku, kind, occurred_at)
SELECT a.key, a.sequence, a.store_id, a.payload ->> 'sku', split_part(a.type, '.', 2), a.occurred_at
FROM reporting.archived_event AS a
WHERE a.position > $1 AND a.position <= $2 AND a.type IN ('listing.listed.v1', 'listing.delisted.v1')
ON CONFLICT DO NOTHING
"""

FOLD_TRAFFIC = """
INSERT INTO {schema}.traffic_fact AS held
    (store_id, day, source, terminal, provider, visitors, page_views, recorded_at, sequence)
SELECT DISTINCT ON (a.key, e.day, e.source, e.terminal, e.provider)
    a.key, e.day, e.source, e.terminal, e.provider, e.visitors, e.page_views, a.occurred_at, a.sequence
FROM reporting.archived_event AS a CROSS JOIN LATERAL jsonb_to_record(a.payload) AS e(
    day date, source text, terminal text, provider text, visitors bigint, page_views bigint)
WHERE a.position > $1 AND a.position <= $2 AND a.type = 'traffic.recorded.v1'
ORDER BY a.key, e.day, e.source, e.terminal, e.provider, a.sequence DESC
ON CONFLICT (store_id, day, source, terminal, provider) DO UPDATE SET visitors = excluded.visitors,
    page_views = excluded.page_views, recorded_at = excluded.recorded_at, sequence = excluded.sequence
WHERE excluded.sequence > held.sequence
"""

FOLD_STORES = """
INSERT INTO {schema}.store_fact AS held (store_id, brand_id, name, channel, time_zone, currency, sequence)
SELECT DISTINCT ON (a.key) a.key, e.brand_id, e.name, e.channel, e.time_zone, e.currency, a.sequence
FROM reporting.archived_event AS a CROSS JOIN LATERAL
    jsonb_to_record(a.payload) AS e(brand_id text, name text, channel text, time_zone text, currency text)
WHERE a.position > $1 AND a.position <= $2 AND a.type IN ('store.opened.v1', 'store.changed.v1')
ORDER BY a.key, a.sequence DESC
ON CONFLICT (store_id) DO UPDATE SET brand_id = excluded.brand_id, name = excluded.name,
    channel = excluded.channel, time_zone = excluded.time_zone, currency = excluded.currency,
    sequence = excluded.sequence
WHERE excluded.sequence > held.sequence
"""

FOLDS = (
    Fold("store", "store_fact", FOLD_STORES),
    Fold("order", "order_fact", FOLD_ORDERS),
    Fold("order", "order_line_fact", FOLD_LINES),
    Fold("order", "refund_fact", FOLD_REFUNDS),
    Fold("ticket", "ticket_fact", FOLD_TICKETS),
    Fold("stock", "stock_fact", FOLD_STOCK),
    Fold("listing", "listing_fact", FOLD_LISTINGS),
    Fold("traffic", "traffic_fact", FOLD_TRAFFIC),
)
"""Every table of facts, once."""

FOLDED_TYPES = frozenset(wire_type for fold in FOLDS for wire_type in re.findall(r"'([a-z_.]+\.v\d+)'", fold.statement))
"""The events that become facts; the others are kept in the archive only."""

STATEMENTS = {(schema, fold.table): fold.statement.format(schema=schema) for schema in (LIVE, SHADOW) for fold in FOLDS}
