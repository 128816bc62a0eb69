"""What a ticket is about, what its history says, and what a fact does to it. Pure: no I/O, no clock.

Whatever keeps one order from shipping is one cause, and so one ticket of kind `shipping_delay` (CSV-8). What is told
of it after the ticket was settled is added to its history, and opens the ticket again when the customer has not agreed
to it: a new hold, a deadline that nobody excused or that something else is to blame for, the breach at 48 h whatever
was agreed (the latest, without exception), and a parcel that left although the order was settled to be off. No
customer may find out first (ORD-3, ORD-4).
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from storeops.common.contracts.orders import (
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderHeld,
    OrderHoldReleased,
    OrderShipBreached,
    OrderShipDueSoon,
    OrderShipLate,
    OrderShipped,
    ShipDeadlineEvent,
)

SYSTEM = "system"


class TicketKind(StrEnum):
    """What a case is (CSV-1)."""

    PRE_SALE_INQUIRY = "pre_sale_inquiry"
    ORDER_CHANGE = "order_change"
    SHIPPING_DELAY = "shipping_delay"
    OUT_OF_STOCK = "out_of_stock"
    PARCEL_LOST_OR_DAMAGED = "parcel_lost_or_damaged"
    RETURN = "return"
    EXCHANGE = "exchange"
    REFUND = "refund"
    INVOICE = "invoice"
    COMPLAINT = "complaint"
    DISPUTE = "dispute"
    BAD_REVIEW = "bad_review"
    QUESTION = "question"


class TicketState(StrEnum):
    """How far a case is."""

    OPEN = "open"
    TAKEN = "taken"
    SETTLED = "settled"


class Outcome(StrEnum):
    """How a case was settled; orders acts on wait, cancel and refund (ORD-4). `resolved` asks nothing of it."""

    WAIT = "wait"
    CANCEL = "cancel"
    REFUND = "refund"
    RESOLVED = "resolved"


class FactKind(StrEnum):
    """A line of a ticket's history."""

    HELD = "held"
    HOLD_RELEASED = "hold_released"
    SHIP_DUE_SOON = "ship_due_soon"
    SHIP_LATE = "ship_late"
    SHIP_BREACHED = "ship_breached"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    OPENED = "opened"
    TAKEN = "taken"
    ESCALATED = "escalated"
    OVERDUE = "overdue"
    SETTLED = "settled"


DELAYS = frozenset({FactKind.HELD, FactKind.SHIP_DUE_SOON, FactKind.SHIP_LATE, FactKind.SHIP_BREACHED})
"""What keeps an order from shipping in time."""
ENDINGS = frozenset({FactKind.SHIPPED, FactKind.CANCELLED, FactKind.EXPIRED})
"""After these nothing about a delay is left to settle."""
DEADLINES: dict[type[OrderEvent], FactKind] = {
    OrderShipDueSoon: FactKind.SHIP_DUE_SOON,
    OrderShipLate: FactKind.SHIP_LATE,
    OrderShipBreached: FactKind.SHIP_BREACHED,
}


class Fact(NamedTuple):
    """Something that happened to a case, ready to stand in its history."""

    kind: FactKind
    source: str
    """What makes it one and the same when it is told twice."""
    reason: str
    by: str
    at: datetime
    deadline: datetime | None = None
    """When the order is late, if the fact says so."""
    blocker: str | None = None
    """What keeps the order: shortage, audit, manual, packing or handover."""
    in_rush: bool = False
    excused: bool = False
    """The customer had agreed to wait when it was told."""
    over: bool = False
    """The order had left when it was told: nothing is to be settled any more."""


class Standing(NamedTuple):
    """How the latest ticket of a cause stands when a fact is told."""

    state: TicketState
    outcome: Outcome | None = None
    blocker: str | None = None
    """What kept the order when the ticket was last open, as far as it is known."""


class Effect(StrEnum):
    """What a fact does to the ticket of its cause."""

    NONE = "none"
    OPEN = "open"
    REOPEN = "reopen"
    RESOLVE = "resolve"


def fact_of(event: OrderEvent) -> Fact:
    """The line of history that an order's event makes."""
    match event:
        case OrderHeld():
            source = f"held:{event.hold_id}"
            return Fact(FactKind.HELD, source, event.reason, SYSTEM, event.occurred_at, event.deadline, event.kind)
        case OrderHoldReleased():
            source = f"hold_released:{event.hold_id}"
            return Fact(FactKind.HOLD_RELEASED, source, event.kind, event.by, event.occurred_at)
        case ShipDeadlineEvent():
            kind = DEADLINES[type(event)]
            source = f"{kind}:{event.due_at.isoformat()}"
            return Fact(
                kind,
                source,
                event.reason,
                SYSTEM,
                event.occurred_at,
                event.late_at,
                event.reason,
                in_rush=event.in_rush,
                excused=event.excused,
                over=event.shipped_at is not None,
            )
        case OrderShipped():
            return Fact(FactKind.SHIPPED, "shipped", "the last parcel left", SYSTEM, event.occurred_at)
        case OrderCancelled():
            return Fact(FactKind.CANCELLED, "cancelled", event.reason, SYSTEM, event.occurred_at)
        case OrderExpired():
            return Fact(FactKind.EXPIRED, "expired", "not paid in time", SYSTEM, event.occurred_at)
        case _:
            message = f"{event.type} is nothing that a ticket's history tells of"
            raise TypeError(message)


def effect_of(fact: Fact, latest: Standing | None) -> Effect:
    """What an order's fact does, given how the latest ticket of its cause stands (None: there is none).

    Orders of a campaign rush that pass 24 h make no ticket of their own (ORD-3), nor do orders that have left.
    """
    if fact.over:
        return Effect.NONE
    if latest is None:
        return Effect.OPEN if is_delay(fact) else Effect.NONE
    if latest.state is TicketState.SETTLED:
        return Effect.REOPEN if reopens(fact, latest) else Effect.NONE
    return Effect.RESOLVE if fact.kind in ENDINGS else Effect.NONE


def is_delay(fact: Fact) -> bool:
    """Whether a fact is a case of its own: in a rush, passing 24 h is none (ORD-3)."""
    return fact.kind in DELAYS and not (fact.kind is FactKind.SHIP_LATE and fact.in_rush)


def reopens(fact: Fact, settled: Standing) -> bool:
    """Whether a fact is something that the customer of a settled ticket was not asked about."""
    if fact.kind in (FactKind.SHIP_DUE_SOON, FactKind.SHIP_LATE):
        return is_delay(fact) and not (fact.excused and fact.blocker == settled.blocker)
    if fact.kind is FactKind.SHIPPED:
        return settled.outcome in (Outcome.CANCEL, Outcome.REFUND)
    return fact.kind in DELAYS


def reason_of(fact: Fact, effect: Effect, latest: Standing) -> str | None:
    """The reason that a fact gives the ticket it is told to; None leaves the ticket its own."""
    if fact.kind is FactKind.SHIPPED and effect is Effect.REOPEN:
        return f"shipped, though settled to {latest.outcome}"
    return fact.reason if fact.kind in DELAYS else None


def cause_key(kind: TicketKind, subject: str) -> str:
    """What a ticket is about, as one word: `shipping_delay:ord_…`."""
    return f"{kind}:{subject}"


def offered_outcomes(kind: TicketKind, order_id: str | None) -> frozenset[Outcome]:
    """How a person may settle a case: a delay always with the customer (ORD-4).

    Without an order there is nothing to cancel or refund.
    """
    if order_id is None:
        return frozenset({Outcome.WAIT, Outcome.RESOLVED})
    if kind in (TicketKind.SHIPPING_DELAY, TicketKind.OUT_OF_STOCK):
        return frozenset({Outcome.WAIT, Outcome.CANCEL, Outcome.REFUND})
    return frozenset(Outcome)
