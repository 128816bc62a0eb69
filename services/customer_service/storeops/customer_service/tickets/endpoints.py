"""Routes of tickets."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query, Response

from storeops.common.auth.permissions import Permission
from storeops.common.errors import DomainError
from storeops.common.http.bodies import STORE_ID, ItemResult
from storeops.common.http.etags import set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.customer_service.sessions import Read, Write
from storeops.customer_service.stores.errors import StoreNotFound
from storeops.customer_service.tickets import queries
from storeops.customer_service.tickets.commands import cases
from storeops.customer_service.tickets.errors import (
    OutcomeNotOffered,
    TicketAlreadyOpen,
    TicketNotFound,
    TicketSettled,
    TicketTaken,
)
from storeops.customer_service.tickets.models import Ticket
from storeops.customer_service.tickets.queries import TicketFilter
from storeops.customer_service.tickets.rules import TicketKind, TicketState
from storeops.customer_service.tickets.schemas import (
    ORDER_PATTERN,
    TICKET_PATTERN,
    FactRead,
    NoteRead,
    OpenTicket,
    SettledTickets,
    SettleItem,
    SettleTicket,
    SettleTickets,
    TakeTicket,
    TicketDetail,
    TicketRead,
    WriteNote,
)

router = ServiceRouter("customer_service", tags=["tickets"])

TicketPath = Annotated[str, Path(pattern=TICKET_PATTERN)]


@router.endpoint("GET", "/v1/tickets", permission=Permission.TICKETS_READ, errors=[StoreForbidden, CursorMalformed])
async def list_tickets(
    session: Read,
    *,
    store_id: STORE_ID | None = None,
    state: Annotated[list[TicketState] | None, Query(description="Any of these states.")] = None,
    order_id: Annotated[str | None, Query(pattern=ORDER_PATTERN)] = None,
    kind: TicketKind | None = None,
    assignee: Annotated[str | None, Query(max_length=64)] = None,
    overdue: Annotated[bool | None, Query(description="Whether `settle_by` passed before it was settled.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TicketRead]:
    """List cases, those to be settled first at the top (CSV-2)."""
    if store_id is not None:
        session.scope.require_store(store_id)
    wanted = TicketFilter(store_id, state, order_id, kind, assignee, overdue)
    after = decode_cursor(cursor, (instant, str))
    rows = await queries.list_tickets(session, wanted, after=after, limit=limit + 1)
    return page_of(rows, limit, key=lambda row: (row.settle_by, row.ticket_id), item=TicketRead.model_validate)


@router.endpoint("GET", "/v1/tickets/{ticket_id}", permission=Permission.TICKETS_READ, errors=[TicketNotFound])
async def get_ticket(ticket_id: TicketPath, session: Read, response: Response) -> TicketDetail:
    """Show a case with its history and notes."""
    ticket = await queries.get_ticket(session, ticket_id)
    history = await queries.history_of(session, ticket_id)
    notes = await queries.notes_of(session, ticket_id)
    set_etag(response, ticket.version)
    return TicketDetail(
        **TicketRead.model_validate(ticket).model_dump(),
        history=[FactRead.model_validate(fact) for fact in history],
        notes=[NoteRead.model_validate(note) for note in notes],
    )


@router.endpoint(
    "POST",
    "/v1/tickets",
    permission=Permission.TICKETS_WORK,
    errors=[StoreForbidden, StoreNotFound, TicketAlreadyOpen],
    status=201,
)
async def open_ticket(body: OpenTicket, session: Write, response: Response) -> TicketRead:
    """Open a case by hand (CSV-1); an order has at most one open case of a kind (CSV-8)."""
    session.scope.require_store(body.store_id)
    ticket = await cases.open_ticket(session, body)
    response.headers["location"] = f"/v1/tickets/{ticket.ticket_id}"
    return answered(ticket, response)


@router.endpoint(
    "POST",
    "/v1/tickets/{ticket_id}/take",
    permission=Permission.TICKETS_WORK,
    errors=[TicketNotFound, TicketTaken, TicketSettled],
)
async def take_ticket(
    ticket_id: TicketPath, session: Write, response: Response, body: TakeTicket | None = None
) -> TicketRead:
    """Take a case; with `take_over` also from somebody else."""
    ticket = await cases.take_ticket(session, ticket_id, take_over=body is not None and body.take_over)
    return answered(ticket, response)


@router.endpoint(
    "POST",
    "/v1/tickets/{ticket_id}/notes",
    permission=Permission.TICKETS_WORK,
    errors=[TicketNotFound],
    status=201,
)
async def write_note(ticket_id: TicketPath, body: WriteNote, session: Write) -> NoteRead:
    """Write something down about a case."""
    return NoteRead.model_validate(await cases.write_note(session, ticket_id, body.text))


@router.endpoint(
    "POST",
    "/v1/tickets/{ticket_id}/settle",
    permission=Permission.TICKETS_SETTLE,
    errors=[TicketNotFound, TicketSettled, OutcomeNotOffered],
)
async def settle_ticket(ticket_id: TicketPath, body: SettleTicket, session: Write, response: Response) -> TicketRead:
    """Settle a case with the customer's choice; the order follows it (ORD-4)."""
    item = SettleItem(ticket_id=ticket_id, outcome=body.outcome, note=body.note)
    return answered(await cases.settle_ticket(session, item), response)


@router.endpoint("POST", "/v1/tickets:settle", permission=Permission.TICKETS_SETTLE, idempotency="required")
async def settle_tickets(body: SettleTickets, session: Write) -> SettledTickets:
    """Settle up to 500 cases in one call; one that is refused changes nothing and stops no other."""
    answers = await cases.settle_tickets(session, body.items)
    return SettledTickets(items=[result_of(index, answer) for index, answer in enumerate(answers)])


def instant(text: str) -> datetime:
    """A point in time out of a cursor; raises `ValueError` for one without a zone."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(text)
    return value


def answered(ticket: Ticket, response: Response) -> TicketRead:
    """A case as it stands, with its ETag."""
    set_etag(response, ticket.version)
    return TicketRead.model_validate(ticket)


def result_of(index: int, answer: Ticket | DomainError) -> ItemResult:
    """One item's answer."""
    if isinstance(answer, DomainError):
        return ItemResult.refused(index, answer)
    return ItemResult(index=index, status=200, resource=TicketRead.model_validate(answer))
