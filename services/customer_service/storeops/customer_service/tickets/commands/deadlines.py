"""What becomes of tickets as time runs out: they go up by themselves (CSV-2)."""

from collections.abc import Sequence
from datetime import datetime

from storeops.common.db import WriteSession
from storeops.common.timers import DueTimer
from storeops.customer_service.sla.rules import Level
from storeops.customer_service.tickets import queries, rules
from storeops.customer_service.tickets.commands.writing import Line, insert_facts, update_tickets
from storeops.customer_service.tickets.rules import Fact, FactKind, TicketState


async def lock_due(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Hold the tickets of these deadlines until the transaction ends."""
    await queries.lock_tickets(session, [timer.key for timer in due])


async def escalate_untaken(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Send cases that nobody took half-way to their settle-by up to the after-sales lead."""
    tickets = await queries.lock_tickets(session, [timer.key for timer in due])
    lines: list[Line] = []
    for timer in due:
        ticket = tickets[timer.key]
        if ticket.state == TicketState.OPEN:
            ticket.level = Level.LEAD
            lines.append((ticket, passed(FactKind.ESCALATED, timer.due_at, "nobody took it in 12 h")))
    await insert_facts(session, lines)
    await update_tickets(session, [ticket for ticket, _ in lines])


async def mark_overdue(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Send cases that were not settled in 24 h up to the store manager, and mark them so."""
    tickets = await queries.lock_tickets(session, [timer.key for timer in due])
    lines: list[Line] = []
    for timer in due:
        ticket = tickets[timer.key]
        if ticket.state != TicketState.SETTLED:
            ticket.level, ticket.overdue_at = Level.MANAGER, timer.due_at
            lines.append((ticket, passed(FactKind.OVERDUE, timer.due_at, "not settled in 24 h")))
    await insert_facts(session, lines)
    await update_tickets(session, [ticket for ticket, _ in lines])


def passed(kind: FactKind, due_at: datetime, reason: str) -> Fact:
    """A deadline of the case itself that passed."""
    return Fact(kind, f"{kind}:{due_at.isoformat()}", reason, rules.SYSTEM, due_at)
