"""Bodies and answers of the ticket endpoints."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from storeops.common.http.bodies import REASON, STORE_ID, Body, ItemResult
from storeops.customer_service.sla.rules import Level
from storeops.customer_service.tickets.rules import FactKind, Outcome, TicketKind, TicketState

TICKET_PATTERN = r"^tkt_[0-9a-f]{32}$"
ORDER_PATTERN = r"^ord_[0-9a-f]{32}$"
TicketId = Annotated[str, Field(pattern=TICKET_PATTERN, examples=["tkt_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f"])]
OrderId = Annotated[str, Field(pattern=ORDER_PATTERN, examples=["ord_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f"])]
NoteText = Annotated[str, Field(min_length=1, max_length=4000)]


class OpenTicket(Body):
    """A case that a person brings up (CSV-1)."""

    store_id: STORE_ID
    order_id: OrderId | None = None
    kind: TicketKind
    reason: REASON


class TakeTicket(Body):
    """Who works on a case."""

    take_over: bool = False
    """Take it from whoever has it, as at a change of shifts."""


class WriteNote(Body):
    """Something to remember about a case."""

    text: NoteText


class SettleTicket(Body):
    """How a case was settled with the customer (ORD-4)."""

    outcome: Outcome
    note: NoteText | None = None


class SettleItem(SettleTicket):
    """One ticket of a batch."""

    ticket_id: TicketId


class SettleTickets(Body):
    """Up to 500 tickets in one call; each is settled or refused by itself."""

    items: Annotated[list[SettleItem], Field(min_length=1, max_length=500)]


class SettledTickets(BaseModel):
    """What became of each item: the ticket or its problem."""

    items: list[ItemResult]


class FactRead(BaseModel):
    """A line of a ticket's history."""

    model_config = ConfigDict(from_attributes=True)

    kind: FactKind
    reason: str
    by: str
    """`system` or the person's id."""
    at: datetime


class NoteRead(BaseModel):
    """A note, for agents' eyes only."""

    model_config = ConfigDict(from_attributes=True)

    note_id: str
    text: str
    by: str
    at: datetime


class TicketRead(BaseModel):
    """A case as it stands."""

    model_config = ConfigDict(from_attributes=True)

    ticket_id: str
    store_id: str
    order_id: str | None
    kind: TicketKind
    reason: str
    """The latest reason told."""
    deadline: datetime | None
    """When the order is late (ORD-3)."""
    state: TicketState
    level: Level
    """Whose case it is: agent, after-sales lead or store manager (CSV-2)."""
    assignee: str | None
    opened_at: datetime
    opened_by: str
    settle_by: datetime
    """24 h after opening, by the clock (CSV-2)."""
    overdue_at: datetime | None
    """Set when `settle_by` passed unsettled."""
    outcome: Outcome | None
    settled_at: datetime | None
    settled_by: str | None
    version: int


class TicketDetail(TicketRead):
    """A case with all that happened to it, oldest first."""

    history: list[FactRead]
    notes: list[NoteRead]
