"""The tables of cases, what happened to them, and what agents wrote down."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from storeops.customer_service.base import INSTANT, Base


class Ticket(Base, table=True):
    """A case of one store. `cause_key` says what it is about: at most one unsettled ticket has it (CSV-8)."""

    ticket_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    order_id: str | None = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    cause_key: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    blocker: str | None = Field(sa_type=Text)
    """What kept the order when the ticket was last open; None when a person opened it and nothing was told since."""
    deadline: datetime | None = Field(sa_type=INSTANT)
    """When the order is late (ORD-3)."""
    opened_at: datetime = Field(sa_type=INSTANT)
    opened_by: str = Field(sa_type=Text)
    settle_by: datetime = Field(sa_type=INSTANT)
    state: str = Field(sa_type=Text)
    level: str = Field(sa_type=Text)
    assignee: str | None = Field(sa_type=Text)
    overdue_at: datetime | None = Field(sa_type=INSTANT)
    outcome: str | None = Field(sa_type=Text)
    settled_at: datetime | None = Field(sa_type=INSTANT)
    settled_by: str | None = Field(sa_type=Text)
    event_sequence: int = Field(sa_type=BigInteger)
    version: int = Field(sa_type=BigInteger)


class TicketFact(Base, table=True):
    """One line of a ticket's history; never changed. `source` keeps what happened once from standing there twice."""

    __tablename__ = "ticket_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    fact_no: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    ticket_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    by: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=INSTANT)


class TicketNote(Base, table=True):
    """What an agent wrote down. It may name the customer and so never leaves this service by an event."""

    __tablename__ = "ticket_note"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    note_id: str = Field(primary_key=True, sa_type=Text)
    ticket_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    by: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=INSTANT)
