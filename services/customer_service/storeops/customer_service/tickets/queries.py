"""Every read of tickets. Locks are taken in the order of ticket ids, so that batches never wait in a circle."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlmodel import and_, col, or_, select

from storeops.common.db import ReadSession, WriteSession
from storeops.customer_service.tickets.errors import TicketNotFound
from storeops.customer_service.tickets.models import Ticket, TicketFact, TicketNote
from storeops.customer_service.tickets.rules import TicketKind, TicketState

COLUMNS = ", ".join(Ticket.model_fields)

Cause = tuple[str, str]
"""A store's id and a cause key."""


class TicketFilter(NamedTuple):
    """What a list of tickets is narrowed to; None does not narrow."""

    store_id: str | None = None
    states: Sequence[TicketState] | None = None
    order_id: str | None = None
    kind: TicketKind | None = None
    assignee: str | None = None
    overdue: bool | None = None


async def list_tickets(
    session: ReadSession, wanted: TicketFilter, *, after: Sequence[Any] | None, limit: int
) -> Sequence[Ticket]:
    """Tickets of the caller's stores, those to be settled first at the top.

    `after` is the settle-by and the id of the row before.
    """
    query = select(Ticket).order_by(col(Ticket.settle_by), col(Ticket.ticket_id)).limit(limit)
    if session.scope.stores is not None:
        query = query.where(col(Ticket.store_id).in_(session.scope.stores))
    if wanted.store_id is not None:
        query = query.where(Ticket.store_id == wanted.store_id)
    if wanted.states:
        query = query.where(col(Ticket.state).in_(wanted.states))
    if wanted.order_id is not None:
        query = query.where(Ticket.order_id == wanted.order_id)
    if wanted.kind is not None:
        query = query.where(Ticket.kind == wanted.kind)
    if wanted.assignee is not None:
        query = query.where(Ticket.assignee == wanted.assignee)
    if wanted.overdue is not None:
        query = query.where(col(Ticket.overdue_at).is_not(None) if wanted.overdue else col(Ticket.overdue_at).is_(None))
    if after is not None:
        settle_by, ticket_id = after
        later = and_(Ticket.settle_by == settle_by, col(Ticket.ticket_id) > ticket_id)
        query = query.where(or_(col(Ticket.settle_by) > settle_by, later))
    return (await (await session.orm()).exec(query)).all()


async def get_ticket(session: ReadSession, ticket_id: str) -> Ticket:
    """A ticket; raises `TicketNotFound` (404)."""
    ticket = await (await session.orm()).get(Ticket, ticket_id)
    if ticket is None:
        raise not_found(ticket_id)
    return ticket


async def history_of(session: ReadSession, ticket_id: str) -> Sequence[TicketFact]:
    """What happened to a ticket, oldest first."""
    query = select(TicketFact).where(TicketFact.ticket_id == ticket_id).order_by(col(TicketFact.fact_no))
    return (await (await session.orm()).exec(query)).all()


async def notes_of(session: ReadSession, ticket_id: str) -> Sequence[TicketNote]:
    """What agents wrote about a ticket, oldest first."""
    query = select(TicketNote).where(TicketNote.ticket_id == ticket_id).order_by(col(TicketNote.note_id))
    return (await (await session.orm()).exec(query)).all()


async def lock_ticket(session: WriteSession, ticket_id: str) -> Ticket:
    """A ticket that nobody else changes until the transaction ends; raises `TicketNotFound` (404)."""
    found = await lock_tickets(session, [ticket_id])
    if ticket_id not in found:
        raise not_found(ticket_id)
    return found[ticket_id]


async def lock_tickets(session: WriteSession, ticket_ids: Sequence[str]) -> dict[str, Ticket]:
    """Those of these tickets that there are, locked."""
    rows = await session.fetch(
        f"SELECT {COLUMNS} FROM customer_service.ticket WHERE ticket_id = ANY($1::text[]) "
        "ORDER BY ticket_id FOR UPDATE",
        list(ticket_ids),
    )
    return {row["ticket_id"]: Ticket(**dict(row)) for row in rows}


async def lock_latest(session: WriteSession, causes: Sequence[Cause]) -> dict[Cause, Ticket]:
    """The youngest ticket of each cause that has one, settled or not, locked."""
    rows = await session.fetch(
        f"SELECT {COLUMNS} FROM customer_service.ticket WHERE ticket_id = ANY(ARRAY("
        "SELECT latest.ticket_id FROM unnest($1::text[], $2::text[]) AS wanted(store_id, cause_key) "
        "CROSS JOIN LATERAL (SELECT t.ticket_id FROM customer_service.ticket AS t "
        "WHERE t.store_id = wanted.store_id AND t.cause_key = wanted.cause_key "
        "ORDER BY t.ticket_id DESC LIMIT 1) AS latest)) ORDER BY ticket_id FOR UPDATE",
        [store_id for store_id, _ in causes],
        [cause_key for _, cause_key in causes],
    )
    return {(row["store_id"], row["cause_key"]): Ticket(**dict(row)) for row in rows}


def not_found(ticket_id: str) -> TicketNotFound:
    """The refusal of a ticket that is not there for this caller."""
    return TicketNotFound(f"no ticket {ticket_id}")
