"""When a paid order must leave the warehouse (ORD-3). Pure: no I/O, no clock but its argument."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

LATEST_BREACH = timedelta(hours=48)
"""No store may promise itself more time than this, without exception (ORD-3)."""


LONGEST_RUSH = timedelta(days=31)
"""What lasts longer is no rush but the usual state of affairs."""


class TimerKind(StrEnum):
    """The deadlines of an order."""

    SHIP_DUE_SOON = "ship_due_soon"
    SHIP_LATE = "ship_late"
    SHIP_BREACHED = "ship_breached"
    ORDER_EXPIRY = "order_expiry"


SHIP_CLOCKS = (TimerKind.SHIP_DUE_SOON, TimerKind.SHIP_LATE, TimerKind.SHIP_BREACHED)


class ShipPromise(NamedTuple):
    """How long a store takes to ship, counted from payment, and how long it waits for the payment (ORD-2)."""

    warn_after: timedelta = timedelta(hours=20)
    late_after: timedelta = timedelta(hours=24)
    breach_after: timedelta = timedelta(hours=48)
    expire_after: timedelta = timedelta(minutes=30)

    def fault(self) -> str | None:
        """What makes it no promise, if anything."""
        if not timedelta(0) < self.warn_after < self.late_after < self.breach_after:
            return "warning, late and breach must follow each other"
        if self.breach_after > LATEST_BREACH:
            return "48 hours is the latest, without exception"
        return None


class Rush(NamedTuple):
    """A time in which a store ships by 48 h what was paid; `campaign_ids` empty means every order of the store."""

    from_at: datetime
    to_at: datetime
    campaign_ids: frozenset[str]

    def covers(self, paid_at: datetime, campaign_ids: Collection[str]) -> bool:
        """Whether an order paid then, of those campaigns, is one of the rush."""
        if not self.from_at <= paid_at < self.to_at:
            return False
        return not self.campaign_ids or not self.campaign_ids.isdisjoint(campaign_ids)


class ShipClocks(NamedTuple):
    """When an order is warned of, late and breached."""

    warn_at: datetime
    late_at: datetime
    breach_at: datetime
    in_rush: bool


class StoreTerms(NamedTuple):
    """What a store's orders are under: currency, channel, promise and the rushes around their payment."""

    store_id: str
    channel: str
    currency: str
    promise: ShipPromise
    rushes: tuple[Rush, ...]

    def clocks(self, paid_at: datetime, campaign_ids: Collection[str]) -> ShipClocks:
        """The clocks of an order paid then: a rush moves the warning from before late to before breach."""
        warn_after, late_after, breach_after, _ = self.promise
        in_rush = any(rush.covers(paid_at, campaign_ids) for rush in self.rushes)
        if in_rush:
            warn_after = breach_after - (late_after - warn_after)
        return ShipClocks(paid_at + warn_after, paid_at + late_after, paid_at + breach_after, in_rush)


class DeadlineState(StrEnum):
    """Where a paid order stands against its promise."""

    ON_TRACK = "on_track"
    DUE_SOON = "due_soon"
    LATE = "late"
    BREACHED = "breached"
    MET = "met"
    MISSED = "missed"


def deadline_state(clocks: ShipClocks, *, shipped_at: datetime | None, now: datetime) -> DeadlineState:
    """Where an order stands. Shipping ends the matter: what left in time stays `MET` whenever that is read."""
    if shipped_at is not None:
        return DeadlineState.MET if shipped_at <= clocks.late_at else DeadlineState.MISSED
    if now >= clocks.breach_at:
        return DeadlineState.BREACHED
    if now >= clocks.late_at:
        return DeadlineState.LATE
    return DeadlineState.DUE_SOON if now >= clocks.warn_at else DeadlineState.ON_TRACK


class ClockRow(NamedTuple):
    """A deadline of an order, as the spine keeps it."""

    kind: str
    due_at: datetime
    state: str
    fired_at: datetime | None
