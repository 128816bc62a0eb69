"""Events of the customer service. Topic `ticket`, key the ticket id."""

from datetime import datetime

from storeops.common.contracts.base import Event


class TicketOpened(Event, type="ticket.opened.v1", topic="ticket", key="ticket_id"):
    """A case began: one per cause, however many events tell of it (CSV-8)."""

    ticket_id: str
    store_id: str
    order_id: str | None
    kind: str
    reason: str
    """What an order's event said; the kind again when a person opened it, whose words stay with the case."""
    deadline: datetime | None
    """When the order is late (ORD-4)."""
    settle_by: datetime
    """24 h after opening (CSV-2)."""


class TicketSettled(Event, type="ticket.settled.v1", topic="ticket", key="ticket_id"):
    """A case was settled with the customer; orders acts on the outcome (ORD-4)."""

    ticket_id: str
    store_id: str
    order_id: str | None
    kind: str
    outcome: str
    """wait, cancel or refund; resolved asks nothing of orders."""
    by: str
    """`system` when the order shipped or ended meanwhile, else the person's id."""
    opened_at: datetime
    settle_by: datetime


class TicketReopened(Event, type="ticket.reopened.v1", topic="ticket", key="ticket_id", public=True):
    """A settled case began anew: something was told that its customer had not agreed to (ORD-3, ORD-4)."""

    ticket_id: str
    store_id: str
    order_id: str | None
    kind: str
    reason: str
    deadline: datetime | None
    """When the order is late (ORD-4)."""
    settle_by: datetime
    """24 h after reopening (CSV-2)."""
