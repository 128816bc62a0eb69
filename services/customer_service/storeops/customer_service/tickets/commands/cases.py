"""What people do to tickets: open, take, note and settle them."""

from collections.abc import Sequence

from storeops.common import timers
from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.customer_service.stores.queries import require_known_store
from storeops.customer_service.tickets import queries, rules
from storeops.customer_service.tickets.commands.writing import (
    ESCALATION,
    Line,
    insert_facts,
    insert_notes,
    insert_tickets,
    mark_settled,
    new_ticket,
    unwatch,
    update_tickets,
)
from storeops.customer_service.tickets.errors import (
    OutcomeNotOffered,
    TicketAlreadyOpen,
    TicketSettled,
    TicketTaken,
)
from storeops.customer_service.tickets.models import Ticket, TicketNote
from storeops.customer_service.tickets.rules import Fact, FactKind, Outcome, TicketKind, TicketState
from storeops.customer_service.tickets.schemas import OpenTicket, SettleItem


async def open_ticket(session: WriteSession, wanted: OpenTicket) -> Ticket:
    """Open a case that a person brings up (CSV-1).

    Raises `StoreNotFound` (404), and `TicketAlreadyOpen` (409) when the order has an unsettled case of that kind.
    """
    await require_known_store(session, wanted.store_id)
    now, actor = await session.now(), session.scope.actor
    fact = Fact(FactKind.OPENED, "opened", wanted.reason, actor, now)
    ticket = new_ticket(wanted.kind, wanted.store_id, wanted.order_id, fact)
    if not await insert_tickets(session, [ticket]):
        cause = (ticket.store_id, ticket.cause_key)
        held = (await queries.lock_latest(session, [cause]))[cause]
        message = f"ticket {held.ticket_id} is open for the same cause"
        raise TicketAlreadyOpen(message, ticket_id=held.ticket_id)
    await insert_facts(session, [(ticket, fact)])
    return ticket


async def take_ticket(session: WriteSession, ticket_id: str, *, take_over: bool) -> Ticket:
    """Make a case the caller's own; taking one's own again changes nothing.

    Raises `TicketNotFound` (404), `TicketSettled` (409), and `TicketTaken` (409) unless it is to be taken over.
    """
    ticket = await queries.lock_ticket(session, ticket_id)
    actor = session.scope.actor
    require_unsettled(ticket)
    if ticket.assignee == actor:
        return ticket
    if ticket.assignee is not None and not take_over:
        message = f"{ticket.assignee} works on ticket {ticket_id}"
        raise TicketTaken(message, assignee=ticket.assignee)
    ticket.state, ticket.assignee = TicketState.TAKEN, actor
    taken = Fact(FactKind.TAKEN, f"taken:{ticket.version}", "", actor, await session.now())
    await insert_facts(session, [(ticket, taken)])
    await update_tickets(session, [ticket])
    await timers.cancel(session, [ticket_id], kinds=[ESCALATION])
    return ticket


async def write_note(session: WriteSession, ticket_id: str, text: str) -> TicketNote:
    """Remember something about a case, settled or not. Raises `TicketNotFound` (404)."""
    ticket = await queries.lock_ticket(session, ticket_id)
    [note] = await insert_notes(session, [(ticket, text)])
    await update_tickets(session, [ticket])
    return note


async def settle_ticket(session: WriteSession, item: SettleItem) -> Ticket:
    """Settle a case with the customer's choice; orders acts on it (ORD-4).

    Raises `TicketNotFound` (404), `TicketSettled` (409) and `OutcomeNotOffered` (422).
    """
    [answer] = await settle_tickets(session, [item], at="/body")
    if isinstance(answer, DomainError):
        raise answer
    return answer


async def settle_tickets(
    session: WriteSession, items: Sequence[SettleItem], *, at: str = "/body/items/{}"
) -> list[Ticket | DomainError]:
    """Settle each of these cases by itself: answers the ticket or its refusal, in the order of the items.

    `at` says where an item lies in the request.
    """
    now, actor = await session.now(), session.scope.actor
    tickets = await queries.lock_tickets(session, [item.ticket_id for item in items])
    answers: list[Ticket | DomainError] = []
    lines: list[Line] = []
    notes: list[tuple[Ticket, str]] = []
    for index, item in enumerate(items):
        try:
            ticket = settleable(tickets.get(item.ticket_id), item, at=at.format(index))
        except DomainError as refusal:
            answers.append(refusal)
            continue
        mark_settled(session, ticket, outcome=item.outcome, by=actor, at=now)
        lines.append((ticket, Fact(FactKind.SETTLED, f"settled:{ticket.version}", item.outcome, actor, now)))
        if item.note is not None:
            notes.append((ticket, item.note))
        answers.append(ticket)
    settled = [ticket for ticket, _ in lines]
    await insert_facts(session, lines)
    await insert_notes(session, notes)
    await update_tickets(session, settled)
    await unwatch(session, settled)
    return answers


def settleable(ticket: Ticket | None, item: SettleItem, *, at: str) -> Ticket:
    """The ticket if it may be settled so; raises what `settle_ticket` does. `at` is where the item lies."""
    if ticket is None:
        raise queries.not_found(item.ticket_id)
    require_unsettled(ticket)
    offered = rules.offered_outcomes(TicketKind(ticket.kind), ticket.order_id)
    if item.outcome not in offered:
        expected = f"one of {', '.join(outcome for outcome in Outcome if outcome in offered)}"
        message = f"a ticket of kind {ticket.kind} is settled with {expected}"
        error = {"pointer": f"{at}/outcome", "value": item.outcome, "expected": expected}
        raise OutcomeNotOffered(message, errors=[error])
    return ticket


def require_unsettled(ticket: Ticket) -> None:
    """Raise `TicketSettled` (409) when the case is closed."""
    if ticket.state == TicketState.SETTLED:
        message = f"ticket {ticket.ticket_id} was settled with outcome {ticket.outcome}"
        raise TicketSettled(message, outcome=ticket.outcome)
