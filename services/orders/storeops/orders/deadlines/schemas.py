"""Bodies and answers about promises and rushes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from storeops.common.http.bodies import STORE_ID, Body
from storeops.orders.deadlines.models import ShipRush
from storeops.orders.deadlines.rules import ShipPromise

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def in_utc(instant: datetime) -> datetime:
    """The same instant in UTC; outside of 2000 to 2200 it is a mistake of the caller."""
    if not EARLIEST.replace(tzinfo=instant.tzinfo) < instant < LATEST.replace(tzinfo=instant.tzinfo):
        raise ValueError("must lie between the years 2000 and 2200")
    return instant.astimezone(UTC)


def instant_of(text: str) -> datetime:
    """The instant in a cursor; raises `ValueError` for what no list gave out."""
    return in_utc(datetime.fromisoformat(text))


Instant = Annotated[AwareDatetime, AfterValidator(in_utc), Field(examples=["2026-03-02T09:30:00Z"])]
"""A point in time with its zone, turned to UTC."""
RushId = Annotated[str, Path(pattern=r"^rsh_[0-9a-f]{32}$")]
Minutes = Annotated[int, Field(ge=1, le=30 * 24 * 60)]
CAMPAIGN_ID = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class SetShipPromise(Body):
    """How long a store takes to ship, in minutes from payment; `expire_after_minutes` is how long it waits for that."""

    warn_after_minutes: Minutes = 1200
    late_after_minutes: Minutes = 1440
    breach_after_minutes: Minutes = 2880
    expire_after_minutes: Minutes = 30

    def promise(self) -> ShipPromise:
        """The promise of this body."""
        return ShipPromise(
            timedelta(minutes=self.warn_after_minutes),
            timedelta(minutes=self.late_after_minutes),
            timedelta(minutes=self.breach_after_minutes),
            timedelta(minutes=self.expire_after_minutes),
        )


class ShipPromiseRead(BaseModel):
    """A store's promise, in minutes from payment; version 0 is the default that nobody has set."""

    store_id: str
    warn_after_minutes: int
    late_after_minutes: int
    breach_after_minutes: int
    expire_after_minutes: int
    version: int

    @classmethod
    def of(cls, store_id: str, promise: ShipPromise, version: int) -> "ShipPromiseRead":
        """The answer for a store."""
        warn, late, breach, expire = (int(span.total_seconds() // 60) for span in promise)
        return cls(
            store_id=store_id,
            warn_after_minutes=warn,
            late_after_minutes=late,
            breach_after_minutes=breach,
            expire_after_minutes=expire,
            version=version,
        )


class DeclareRush(Body):
    """A campaign rush of a store: orders paid from `from` until `to`; no campaigns named means every order."""

    store_id: STORE_ID
    from_at: Instant = Field(alias="from")
    to_at: Instant = Field(alias="to")
    campaign_ids: list[CAMPAIGN_ID] = Field(default=[], max_length=50)


class RushRead(BaseModel):
    """A declared rush."""

    rush_id: str
    store_id: str
    from_at: datetime = Field(serialization_alias="from")
    to_at: datetime = Field(serialization_alias="to")
    campaign_ids: list[str]
    declared_at: datetime
    declared_by: str
    ended_at: datetime | None
    ended_by: str | None

    @classmethod
    def of(cls, rush: ShipRush) -> "RushRead":
        """The answer for a row."""
        return cls(**rush.model_dump())
