"""An order with everything about it."""

from datetime import datetime

from pydantic import BaseModel

from storeops.orders.aftersales.schemas import RefundRead
from storeops.orders.audit.schemas import FindingRead, HoldRead
from storeops.orders.customers.schemas import ContactRead
from storeops.orders.fulfillment.schemas import ParcelRead
from storeops.orders.intake.schemas import OrderRead, PaymentRead


class ClockRead(BaseModel):
    """A deadline of an order: armed, fired or cancelled."""

    kind: str
    due_at: datetime
    state: str
    fired_at: datetime | None


class HistoryEntry(BaseModel):
    """Something that happened to an order, and when."""

    at: datetime
    what: str
    detail: str | None = None


class OrderDetail(OrderRead):
    """An order with its contact, money, holds, parcels, deadlines and history."""

    contact: ContactRead | None
    payments: list[PaymentRead]
    refunds: list[RefundRead]
    holds: list[HoldRead]
    findings: list[FindingRead]
    parcels: list[ParcelRead]
    deadlines: list[ClockRead]
    history: list[HistoryEntry]
