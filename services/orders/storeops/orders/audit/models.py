"""Holds, findings of the review, and what a store reviews by hand."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from storeops.orders.base import INSTANT, Base


class Hold(Base, table=True):
    """Something that keeps an order from the warehouse, until it is released."""

    hold_id: str = Field(primary_key=True, sa_type=Text)
    order_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    placed_at: datetime = Field(sa_type=INSTANT)
    placed_by: str = Field(sa_type=Text)
    released_at: datetime | None = Field(sa_type=INSTANT)
    released_by: str | None = Field(sa_type=Text)


class Finding(Base, table=True):
    """What the review noticed about an order."""

    order_id: str = Field(primary_key=True, sa_type=Text)
    code: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    blocks: bool
    message: str = Field(sa_type=Text)
    found_at: datetime = Field(sa_type=INSTANT)


class AuditPolicy(Base, table=True):
    """What a store has reviewed by a person; a store without a row has no limit."""

    __tablename__ = "audit_policy"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    store_id: str = Field(primary_key=True, sa_type=Text)
    review_above: int | None = Field(sa_type=BigInteger)
    """Orders that cost more, in minor units, wait for a person."""
    version: int
    changed_at: datetime = Field(sa_type=INSTANT)
    changed_by: str = Field(sa_type=Text)
