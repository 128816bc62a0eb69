"""Promises and rushes of stores. The clocks themselves are timers of the spine."""

from datetime import datetime, timedelta

from sqlalchemy import Interval, Text
from sqlmodel import Field

from storeops.orders.base import INSTANT, TEXTS, Base


class ShipPromiseSet(Base, table=True):
    """A store's own promise; a store without a row has the default."""

    __tablename__ = "ship_promise"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    store_id: str = Field(primary_key=True, sa_type=Text)
    warn_after: timedelta = Field(sa_type=Interval)
    late_after: timedelta = Field(sa_type=Interval)
    breach_after: timedelta = Field(sa_type=Interval)
    expire_after: timedelta = Field(sa_type=Interval)
    version: int
    changed_at: datetime = Field(sa_type=INSTANT)
    changed_by: str = Field(sa_type=Text)


class ShipRush(Base, table=True):
    """A declared campaign rush. `ended_at` cuts it short; what was paid before keeps its terms."""

    __tablename__ = "ship_rush"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    rush_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    from_at: datetime = Field(sa_type=INSTANT)
    to_at: datetime = Field(sa_type=INSTANT)
    campaign_ids: list[str] = Field(sa_type=TEXTS)
    declared_at: datetime = Field(sa_type=INSTANT)
    declared_by: str = Field(sa_type=Text)
    ended_at: datetime | None = Field(sa_type=INSTANT)
    ended_by: str | None = Field(sa_type=Text)
