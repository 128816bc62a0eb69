"""What must hold after the faults: all that `storeops doctor` checks, what lies between services, and the client's own
record against what is there.

Answers findings as the doctor does; one that nothing breaks has `broken` 0. Changes nothing but reporting's shadow.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
from storeops.app.rebuild import rebuild
from storeops.common.contracts.orders import OrderCancelled
from storeops.common.db import Database
from storeops.common.doctor import Finding, examine
from storeops.common.service import Service
from storeops.orders.deadlines.rules import ShipPromise

from .history import History, Operation

SHOWN = 5


class Subject(NamedTuple):
    """An installation at rest, and what is known of it from outside."""

    services: Mapping[str, Service]
    databases: Mapping[str, Database]
    admin: "asyncpg.Connection[asyncpg.Record]"
    """As the superuser: sees every service's schema."""
    history: History
    poisoned: frozenset[str] = frozenset()
    """Keys of the messages that were made to fail."""
    began: datetime | None = None
    """Business time before the load."""


BETWEEN_SERVICES = {
    "X1 every order has one allocation, and every allocation its order": """
        SELECT o.order_id, a.order_id FROM orders.sales_order AS o
        FULL JOIN inventory.order_allocation AS a USING (order_id) WHERE o.order_id IS NULL OR a.order_id IS NULL""",
    "X2 orders and inventory agree on what each order is promised": """
        SELECT o.order_id, a.state, o.allocated_at, o.cancelled_at, o.expired_at, o.shipped_at
        FROM orders.sales_order AS o JOIN inventory.order_allocation AS a USING (order_id)
        WHERE a.state <> CASE WHEN o.cancelled_at IS NOT NULL OR o.expired_at IS NOT NULL THEN 'released'
            WHEN o.shipped_at IS NOT NULL THEN 'issued' WHEN o.allocated_at IS NOT NULL THEN 'allocated'
            ELSE 'short' END
            OR (a.state IN ('allocated', 'issued') AND a.warehouse_id IS DISTINCT FROM o.warehouse_id)""",
    "X3 an order that passed its clocks unshipped has one ticket, which tells of each once": """
        SELECT o.order_id, count(DISTINCT t.ticket_id), count(f.*) FROM orders.sales_order AS o
        LEFT JOIN customer_service.ticket AS t ON t.order_id = o.order_id AND t.kind = 'shipping_delay'
        LEFT JOIN customer_service.ticket_fact AS f ON f.ticket_id = t.ticket_id
            AND f.kind IN ('ship_due_soon', 'ship_late', 'ship_breached')
        WHERE o.breach_at < (SELECT now FROM sandbox.clock)
            AND o.shipped_at IS NULL AND o.cancelled_at IS NULL
        GROUP BY o.order_id HAVING count(DISTINCT t.ticket_id) <> 1 OR count(f.*) <> 3 OR count(DISTINCT f.kind) <> 3
        UNION ALL
        SELECT order_id, count(*), 0 FROM customer_service.ticket WHERE kind = 'shipping_delay'
        GROUP BY order_id HAVING count(*) > 1""",
    "X4 what happens to an order once is told once": """
        SELECT type, key, count(*) FROM reporting.archived_event WHERE type IN ('order.placed.v1', 'order.paid.v1',
            'order.audited.v1', 'order.released.v1', 'order.shipped.v1', 'order.cancelled.v1', 'order.expired.v1',
            'order.ship_due_soon.v1', 'order.ship_late.v1', 'order.ship_breached.v1', 'stock.allocated.v1',
            'stock.short.v1')
        GROUP BY type, key HAVING count(*) > 1""",
    "X5 every aggregate counts as many events as the archive holds of it": """
        WITH counted (topic, key, n) AS (
            SELECT 'order', order_id, event_sequence FROM orders.sales_order
            UNION ALL SELECT 'allocation', order_id, event_sequence FROM inventory.order_allocation
            UNION ALL SELECT 'ticket', ticket_id, event_sequence FROM customer_service.ticket
            UNION ALL SELECT 'stock', store_id || ':' || sku, event_sequence FROM inventory.store_stock
            UNION ALL SELECT 'movement', warehouse_id || ':' || sku, movement_sequence FROM inventory.stock_level
        ), held AS (
            SELECT topic, key, count(*) AS n FROM reporting.archived_event
            WHERE topic IN ('order', 'allocation', 'ticket', 'stock', 'movement') GROUP BY topic, key
        )
        SELECT topic, key, counted.n, held.n FROM counted FULL JOIN held USING (topic, key)
        WHERE coalesce(counted.n, 0) <> coalesce(held.n, 0) AND key <> ALL ($1)""",
    "X6 the archive has the events of a key in their order": """
        SELECT topic, key, sequence, before FROM (SELECT topic, key, sequence,
            lag(sequence) OVER (PARTITION BY topic, key ORDER BY position) AS before FROM reporting.archived_event)
        WHERE before >= sequence""",
    "X7 every shipped order gave out the pieces it was promised, once": """
        SELECT o.order_id, l.sku FROM orders.sales_order AS o
        JOIN inventory.allocation_line AS l USING (order_id)
        LEFT JOIN (SELECT ref, sku, sum(on_hand_delta) AS gone FROM inventory.movement WHERE kind = 'issued'
            GROUP BY ref, sku) AS m ON m.sku = l.sku
            AND m.ref IN (SELECT parcel_id FROM orders.parcel AS p WHERE p.order_id = o.order_id)
        WHERE o.shipped_at IS NOT NULL GROUP BY o.order_id, l.sku, l.quantity
        HAVING coalesce(-sum(m.gone), 0) <> l.quantity""",
}
"""Sentences and the queries for what breaks them; `$1` are the poisoned keys."""


async def check(subject: Subject) -> list[Finding]:
    """Every finding about an installation at rest, good and bad."""
    findings: list[Finding] = []
    for name, service in subject.services.items():
        examined = await examine(subject.databases[name], name, service.invariants)
        findings += [one for one in examined if one.sentence != "no message is parked"]
    for sentence, sql in BETWEEN_SERVICES.items():
        arguments = [list(subject.poisoned)] if "$1" in sql else []
        findings.append(finding("services", sentence, await subject.admin.fetch(sql, *arguments)))
    findings.append(finding("spine", "I8 outboxes are empty", await left_in_outboxes(subject)))
    findings.append(finding("spine", "I8 what is parked is what was poisoned", await wrongly_parked(subject)))
    findings.append(finding("spine", "I7 nothing overtakes a parked message of its key", await overtaking(subject)))
    findings.append(finding("spine", "I6 every group handled every event of its types", await unhandled(subject)))
    findings.append(finding("spine", "I7 no group's position moves back", await went_back(subject)))
    findings.append(finding("spine", "I15 no two transactions wait for each other", await deadlocks(subject)))
    report = await rebuild(subject.databases["reporting"], progress=lambda _done, _total: None)
    differing = [table for table in report.tables if table.differing]
    findings.append(finding("reporting", "I11 the figures are what the archive makes of them", differing))
    for sentence, look in HISTORY.items():
        findings.append(finding("client", sentence, await look(subject)))
    return findings


def finding(service: str, sentence: str, rows: Sequence[Any]) -> Finding:
    """A finding out of the rows that break a sentence, whose first word is its id."""
    name, _, words = sentence.partition(" ")
    return Finding(
        service,
        name,
        words,
        len(rows),
        [str(tuple(row) if isinstance(row, asyncpg.Record) else row) for row in rows[:SHOWN]],
    )


WATCH = """
CREATE TABLE public.went_back (grp text, topic text, partition integer, old bigint, new bigint);
CREATE FUNCTION public.note_going_back() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO public.went_back VALUES (NEW.grp, NEW.topic, NEW.partition, OLD.next_offset, NEW.next_offset);
    RETURN NEW;
END $$;
CREATE TRIGGER watch BEFORE UPDATE ON bus.group_offset FOR EACH ROW WHEN (NEW.next_offset < OLD.next_offset)
    EXECUTE FUNCTION public.note_going_back()"""
"""Notes every group whose position moves back: only a fault may do that, and it does so unseen."""


async def watch_positions(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Watch the positions of groups from now on."""
    await admin.execute(WATCH)


async def went_back(subject: Subject) -> Sequence[Any]:
    """Positions that a member moved back."""
    return await subject.admin.fetch("SELECT * FROM public.went_back")


async def deadlocks(subject: Subject) -> Sequence[Any]:
    """How many transactions waited for each other in a circle, if any."""
    return await subject.admin.fetch(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0"
    )


async def left_in_outboxes(subject: Subject) -> Sequence[Any]:
    """Events that never left."""
    union = " UNION ALL ".join(f"SELECT '{name}', id, type, key FROM {name}.outbox" for name in subject.services)
    return await subject.admin.fetch(union)


async def wrongly_parked(subject: Subject) -> Sequence[Any]:
    """Messages that are parked although nobody poisoned their key, and poisoned keys that a group let pass."""
    union = " UNION ALL ".join(f"SELECT consumer, key, type, error FROM {name}.parked" for name in subject.services)
    rows = await subject.admin.fetch(union)
    parked = {(row["consumer"], row["key"]) for row in rows}
    concerned = [
        router.group
        for service in subject.services.values()
        for router in service.events
        if OrderCancelled.type in router.handlers
    ]
    passed = [(group, key) for group in concerned for key in subject.poisoned if (group, key) not in parked]
    return [*(row for row in rows if row["key"] not in subject.poisoned), *passed]


async def overtaking(subject: Subject) -> Sequence[Any]:
    """Events that a group handled although an earlier one of their key is parked for it."""
    union = " UNION ALL ".join(
        f"SELECT i.consumer, e.type, e.key, e.sequence FROM {name}.parked AS p JOIN reporting.archived_event AS e "
        f"ON e.topic = p.topic AND e.key = p.key AND e.sequence > p.sequence "
        f"JOIN {name}.inbox AS i ON i.consumer = p.consumer AND i.event_id = e.event_id"
        for name in subject.services
    )
    return await subject.admin.fetch(union)


async def unhandled(subject: Subject) -> Sequence[Any]:
    """Archived events that a group should have handled and has no inbox row for."""
    missing: list[Any] = []
    for name, service in subject.services.items():
        for router in service.events:
            missing += await subject.admin.fetch(
                "SELECT $1::text, e.type, e.key, e.sequence FROM reporting.archived_event AS e "
                "WHERE ($2::text[] IS NULL OR e.type = ANY ($2)) AND e.key <> ALL ($3) AND NOT EXISTS "
                f"(SELECT FROM {name}.inbox AS i WHERE i.consumer = $1 AND i.event_id = e.event_id)",
                router.group,
                None if router.raw is not None else list(router.handlers),
                list(subject.poisoned),
            )
    return missing


async def lost_orders(subject: Subject) -> Sequence[Any]:
    """Acknowledged orders that are not there, or not with the lines that were sent."""
    rows = await subject.admin.fetch(
        "SELECT o.order_id, o.labels, jsonb_agg(jsonb_build_array(l.sku, l.quantity) ORDER BY l.line_no) AS lines "
        "FROM orders.sales_order AS o JOIN orders.order_line AS l USING (order_id) GROUP BY o.order_id"
    )
    there = {row["order_id"]: (row["labels"], json.loads(row["lines"])) for row in rows}
    return [
        (one.id, one.answer["order_id"], there.get(one.answer["order_id"]))
        for one in subject.history.of("place", "take")
        if "order_id" in one.answer
        and there.get(one.answer["order_id"])
        != (one.body["labels"], [[line["sku"], line["quantity"]] for line in one.body["lines"]])
    ]


async def doubled_orders(subject: Subject) -> Sequence[Any]:
    """Requests that made more than one order."""
    return await subject.admin.fetch(
        "SELECT label, count(*) FROM orders.sales_order, unnest(labels) AS label GROUP BY label HAVING count(*) > 1"
    )


async def refused_orders(subject: Subject) -> Sequence[Any]:
    """Orders of requests that were refused; one that is short is there, cancelled for it and promised nothing."""
    refused = {one.id: one for one in subject.history.of("place", "take", outcome="fail")}
    rows = await subject.admin.fetch(
        "SELECT label, o.order_id, o.cancel_reason, a.state FROM orders.sales_order AS o CROSS JOIN unnest(labels) "
        "AS label JOIN inventory.order_allocation AS a USING (order_id) WHERE label = ANY ($1)",
        list(refused),
    )
    there = {row["label"]: row for row in rows}
    wrong: list[Any] = []
    for one in refused.values():
        row = there.get(one.id)
        short = one.answer.get("code") == "stock_short"
        if (row is not None) != short or (
            row is not None and (row["cancel_reason"], row["state"]) != ("short", "released")
        ):
            wrong.append((one.id, one.status, one.answer.get("code"), row))
    return wrong


async def lost_payments(subject: Subject) -> Sequence[Any]:
    """Acknowledged payments that are not there, or on another order."""
    rows = await subject.admin.fetch("SELECT provider_ref, order_id, state FROM orders.payment")
    there = {row["provider_ref"]: (row["order_id"], row["state"]) for row in rows}
    return [
        (one.id, one.subject, there.get(one.id))
        for one in subject.history.of("pay", outcome="ok")
        if there.get(one.id) != (one.subject, one.answer["state"])
    ]


async def paid_twice(subject: Subject) -> Sequence[Any]:
    """Orders that took money more than once."""
    return await subject.admin.fetch(
        "SELECT order_id, count(*) FROM orders.payment WHERE state = 'accepted' GROUP BY order_id HAVING count(*) > 1"
    )


async def lost_parcels(subject: Subject) -> Sequence[Any]:
    """Acknowledged packings without their one parcel, and handovers that are not written down."""
    rows = await subject.admin.fetch("SELECT waybill_no, parcel_id, handed_over_at FROM orders.parcel")
    packed = {row["waybill_no"]: row["parcel_id"] for row in rows}
    gone = {row["parcel_id"] for row in rows if row["handed_over_at"] is not None}
    doubled = await subject.admin.fetch(
        "SELECT fulfillment_order_id, count(*) FROM orders.parcel GROUP BY 1 HAVING count(*) > 1"
    )
    return [
        *(one.id for one in subject.history.of("pack", outcome="ok") if packed.get(one.id) != one.answer["parcel_id"]),
        *(one.id for one in subject.history.of("handover", outcome="ok") if one.subject not in gone),
        *doubled,
    ]


async def lost_cancellations(subject: Subject) -> Sequence[Any]:
    """Acknowledged cancellations of orders that live on."""
    asked = {one.subject for one in subject.history.of("cancel", outcome="ok")}
    return await subject.admin.fetch(
        "SELECT order_id FROM orders.sales_order WHERE order_id = ANY ($1) AND cancelled_at IS NULL", list(asked)
    )


async def two_answers(subject: Subject) -> Sequence[Any]:
    """Repeats of a channel's order that named another order than before."""
    return [
        (one.id, one.subject, one.answer.get("order_id"))
        for one in subject.history.of("take", outcome="ok")
        if one.subject and one.answer["order_id"] != one.subject
    ]


async def wrong_clocks(subject: Subject) -> Sequence[Any]:
    """Acknowledged orders whose clocks do not count from the payment as the client knows it (ORD-3)."""
    rows = await subject.admin.fetch("SELECT order_id, paid_at, warn_at, late_at, breach_at FROM orders.sales_order")
    there = {row["order_id"]: row for row in rows}
    paid = {
        one.answer["order_id"]: paid_at_of(one)
        for one in subject.history.of("take", "pay", outcome="ok")
        if one.answer.get("state") != "refund_pending"
    }
    promise = ShipPromise()
    wrong: list[Any] = []
    for order_id, paid_at in paid.items():
        row = there.get(order_id)
        due = [paid_at + after for after in (timedelta(0), *promise[:3])]
        if row is not None and [row["paid_at"], row["warn_at"], row["late_at"], row["breach_at"]] != due:
            wrong.append((order_id, paid_at.isoformat(), row["late_at"]))
    return wrong


def paid_at_of(operation: Operation) -> datetime:
    """When an order was paid, as its client knows it."""
    said = operation.body["paid_at"] if operation.kind == "take" else operation.answer["received_at"]
    return datetime.fromisoformat(said)


async def out_of_time(subject: Subject) -> Sequence[Any]:
    """Orders and payments whose business time lies outside of what the clock showed."""
    if subject.began is None:
        return []
    return await subject.admin.fetch(
        "SELECT order_id, placed_at FROM orders.sales_order WHERE channel_order_id IS NULL "
        "AND placed_at NOT BETWEEN $1 AND (SELECT now FROM sandbox.clock) UNION ALL "
        "SELECT order_id, received_at FROM orders.payment "
        "WHERE received_at NOT BETWEEN $1 AND (SELECT now FROM sandbox.clock)",
        subject.began,
    )


async def faulty_answers(subject: Subject) -> Sequence[Any]:
    """Answers that are never right, and requests that nobody answered after all was well again."""
    return subject.history.faulty


Look = Callable[[Subject], Awaitable[Sequence[Any]]]
HISTORY: dict[str, Look] = {
    "I5 every acknowledged order is there as it was sent": lost_orders,
    "I6 no request made two orders": doubled_orders,
    "I5 a refused request left no order but one cancelled as short": refused_orders,
    "I5 every acknowledged payment is there": lost_payments,
    "I6 no order took money twice": paid_twice,
    "I5 every acknowledged parcel is there, once, and has left if it was said": lost_parcels,
    "I5 every acknowledged cancellation holds": lost_cancellations,
    "I6 a repeated channel order is the one that was there": two_answers,
    "I3 clocks count from the payment as the client knows it": wrong_clocks,
    "I3 business time is the clock's": out_of_time,
    "I13 no 500, every error a problem, every request answered in the end": faulty_answers,
}
