"""Tables of the archive."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from storeops.reporting.base import INSTANT, Base


class ArchivedEvent(Base, table=True):
    """An event as it lay on the bus; positions grow in the order of commits, and per key in the order of sequences."""

    __tablename__ = "archived_event"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    position: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: UUID = Field(unique=True)
    topic: str = Field(sa_type=Text)
    partition: int
    key: str = Field(sa_type=Text)
    sequence: int = Field(sa_type=BigInteger)
    type: str = Field(sa_type=Text)
    store_id: str | None = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=INSTANT)
    headers: dict[str, Any] = Field(sa_type=JSONB)
    payload: dict[str, Any] = Field(sa_type=JSONB)


class Fold(Base, table=True):
    """How far the archive is folded into facts: one row, whose lock makes its holder the only writer of both."""

    one: bool = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)
