"""The statements and events that every change of tickets is made of; all set-based."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from storeops.common import timers
from storeops.common.contracts.customer_service import TicketOpened, TicketReopened, TicketSettled
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.common.timers import Arming
from storeops.customer_service.sla import rules as sla
from storeops.customer_service.sla.rules import Level
from storeops.customer_service.tickets import rules
from storeops.customer_service.tickets.models import Ticket, TicketNote
from storeops.customer_service.tickets.rules import Fact, Outcome, TicketKind, TicketState

SETTLE_BY = "ticket_settle_by"
ESCALATION = "ticket_escalation"
"""Timer kinds; their key is the ticket id."""

INSERTED = (
    "ticket_id", "store_id", "order_id", "kind", "cause_key", "reason", "blocker", "deadline", "opened_at",
    "opened_by", "settle_by",
)  # fmt: skip
UPDATED = (
    "ticket_id", "reason", "blocker", "deadline", "settle_by", "state", "level", "assignee", "overdue_at", "outcome",
    "settled_at", "settled_by", "event_sequence", "version",
)  # fmt: skip
"""Columns in the order of their statements' parameters."""

Line = tuple[Ticket, Fact]
"""A fact and the ticket in whose history it belongs."""


def new_ticket(kind: TicketKind, store_id: str, order_id: str | None, fact: Fact) -> Ticket:
    """A case as it begins, not yet written. One without an order is a cause of its own."""
    ticket_id = new_id("tkt")
    return Ticket(
        ticket_id=ticket_id,
        store_id=store_id,
        order_id=order_id,
        kind=kind,
        cause_key=rules.cause_key(kind, order_id or ticket_id),
        reason=fact.reason,
        blocker=fact.blocker,
        deadline=fact.deadline,
        opened_at=fact.at,
        opened_by=fact.by,
        settle_by=sla.settle_by(fact.at),
        state=TicketState.OPEN,
        level=Level.AGENT,
        assignee=None,
        overdue_at=None,
        outcome=None,
        settled_at=None,
        settled_by=None,
        event_sequence=1,
        version=1,
    )


async def insert_tickets(session: WriteSession, tickets: Collection[Ticket]) -> bool:
    """Write, watch and publish those of these cases whose cause has no open one; answers whether there was any."""
    ordered = sorted(tickets, key=lambda ticket: (ticket.store_id, ticket.cause_key))
    rows = await session.fetch(
        f"INSERT INTO customer_service.ticket ({', '.join(INSERTED)}, state, level, event_sequence, version) SELECT "
        "t.*, 'open', 'agent', 1, 1 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
        "$6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::timestamptz[]) AS t "
        "ON CONFLICT (store_id, cause_key) WHERE state <> 'settled' DO NOTHING RETURNING ticket_id",
        *columns(tuple(getattr(ticket, name) for name in INSERTED) for ticket in ordered),
    )
    written = {row["ticket_id"] for row in rows}
    begun = [ticket for ticket in ordered if ticket.ticket_id in written]
    for ticket in begun:
        # A person's words may name the buyer: they stay here.
        reason = ticket.reason if ticket.opened_by == rules.SYSTEM else ticket.kind
        opened = TicketOpened(**case_of(ticket, reason), occurred_at=ticket.opened_at)
        publish(session, opened, sequence=ticket.event_sequence)
    await watch(session, begun)
    return bool(begun)


async def update_tickets(session: WriteSession, tickets: Iterable[Ticket]) -> None:
    """Write locked tickets as they are now, each a version on."""
    changed = list({ticket.ticket_id: ticket for ticket in tickets}.values())
    if not changed:
        return
    for ticket in changed:
        ticket.version += 1
    await session.fetch(
        f"UPDATE customer_service.ticket AS held SET {', '.join(f'{name} = t.{name}' for name in UPDATED[1:])} "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], "
        "$7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::text[], $13::bigint[], "
        "$14::bigint[]) "
        f"AS t({', '.join(UPDATED)}) WHERE held.ticket_id = t.ticket_id",
        *columns(tuple(getattr(ticket, name) for name in UPDATED) for ticket in changed),
    )


async def insert_facts(session: WriteSession, lines: Sequence[Line]) -> list[Line]:
    """Add lines to the tickets' histories; answers those that did not stand there yet."""
    if not lines:
        return []
    rows = await session.fetch(
        "INSERT INTO customer_service.ticket_fact (ticket_id, store_id, kind, source, reason, by, at) SELECT "
        "ticket_id, store_id, kind, source, reason, by, at FROM unnest($1::text[], $2::text[], $3::text[], "
        "$4::text[], $5::text[], $6::text[], $7::timestamptz[]) WITH ORDINALITY "
        "AS t(ticket_id, store_id, kind, source, reason, by, at, n) ORDER BY n "
        "ON CONFLICT (ticket_id, source) DO NOTHING RETURNING ticket_id, source",
        *columns((t.ticket_id, t.store_id, f.kind, f.source, f.reason, f.by, f.at) for t, f in lines),
    )
    written = {(row["ticket_id"], row["source"]) for row in rows}
    return [(ticket, fact) for ticket, fact in lines if (ticket.ticket_id, fact.source) in written]


async def insert_notes(session: WriteSession, texts: Sequence[tuple[Ticket, str]]) -> list[TicketNote]:
    """Add the caller's notes to tickets."""
    now, actor = await session.now(), session.scope.actor
    notes = [
        TicketNote(
            note_id=new_id("nte"), ticket_id=ticket.ticket_id, store_id=ticket.store_id, text=text, by=actor, at=now
        )
        for ticket, text in texts
    ]
    (await session.orm()).add_all(notes)
    return notes


def mark_settled(session: WriteSession, ticket: Ticket, *, outcome: Outcome, by: str, at: datetime) -> None:
    """Close a locked case and publish how."""
    ticket.state, ticket.outcome, ticket.settled_by, ticket.settled_at = TicketState.SETTLED, outcome, by, at
    ticket.event_sequence += 1
    settled = TicketSettled(
        ticket_id=ticket.ticket_id,
        store_id=ticket.store_id,
        order_id=ticket.order_id,
        kind=ticket.kind,
        outcome=outcome,
        by=by,
        opened_at=ticket.opened_at,
        settle_by=ticket.settle_by,
        occurred_at=at,
    )
    publish(session, settled, sequence=ticket.event_sequence)


def mark_reopened(session: WriteSession, ticket: Ticket, at: datetime) -> None:
    """Begin a locked, settled case anew, with a day of its own, and publish it with the event's reason it has now."""
    ticket.state, ticket.level, ticket.assignee = TicketState.OPEN, Level.AGENT, None
    ticket.outcome = ticket.settled_at = ticket.settled_by = ticket.overdue_at = None
    ticket.settle_by = sla.settle_by(at)
    ticket.event_sequence += 1
    reopened = TicketReopened(**case_of(ticket, ticket.reason), occurred_at=at)
    publish(session, reopened, sequence=ticket.event_sequence)


def case_of(ticket: Ticket, reason: str) -> dict[str, Any]:
    """What the events of a beginning case tell of it; `reason` must be nobody's own words."""
    return {
        "ticket_id": ticket.ticket_id,
        "store_id": ticket.store_id,
        "order_id": ticket.order_id,
        "kind": ticket.kind,
        "reason": reason,
        "deadline": ticket.deadline,
        "settle_by": ticket.settle_by,
    }


async def watch(session: WriteSession, tickets: Iterable[Ticket]) -> None:
    """Arm the deadlines of cases that are open from now on."""
    await timers.arm(
        session,
        [
            Arming(kind, ticket.ticket_id, due_at)
            for ticket in tickets
            for kind, due_at in ((ESCALATION, sla.escalates_at(ticket.settle_by)), (SETTLE_BY, ticket.settle_by))
        ],
    )


async def unwatch(session: WriteSession, tickets: Iterable[Ticket]) -> None:
    """Take back the deadlines of cases that are settled."""
    await timers.cancel(session, [ticket.ticket_id for ticket in tickets], kinds=[ESCALATION, SETTLE_BY])


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows turned into columns, as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)]
