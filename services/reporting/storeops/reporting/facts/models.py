"""Tables of facts. Only instants are kept; the day of a fact is that of the store's zone, found when it is read."""

from datetime import date, datetime

from sqlalchemy import ARRAY, BigInteger, Text
from sqlmodel import Field

from storeops.reporting.base import INSTANT, Base


class StoreFact(Base, table=True):
    """A store as the platform last told of it."""

    __tablename__ = "store_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    store_id: str = Field(primary_key=True, sa_type=Text)
    brand_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    time_zone: str = Field(sa_type=Text)
    currency: str = Field(sa_type=Text)
    sequence: int = Field(sa_type=BigInteger)


class OrderFact(Base, table=True):
    """An order, with the instants of its life and its money in minor units; what has not happened is NULL."""

    __tablename__ = "order_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    order_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    customer_id: str | None = Field(sa_type=Text)
    channel: str | None = Field(sa_type=Text)
    currency: str | None = Field(sa_type=Text)
    labels: list[str] | None = Field(sa_type=ARRAY(Text))
    placed_at: datetime | None = Field(sa_type=INSTANT)
    paid_at: datetime | None = Field(sa_type=INSTANT)
    held_at: datetime | None = Field(sa_type=INSTANT)
    shipped_at: datetime | None = Field(sa_type=INSTANT)
    cancelled_at: datetime | None = Field(sa_type=INSTANT)
    expired_at: datetime | None = Field(sa_type=INSTANT)
    late_at: datetime | None = Field(sa_type=INSTANT)
    breach_at: datetime | None = Field(sa_type=INSTANT)
    late_since: datetime | None = Field(sa_type=INSTANT)
    breached_since: datetime | None = Field(sa_type=INSTANT)
    in_rush: bool
    excused: bool
    gross: int | None = Field(sa_type=BigInteger)
    discount: int | None = Field(sa_type=BigInteger)
    net: int | None = Field(sa_type=BigInteger)
    payable: int | None = Field(sa_type=BigInteger)
    paid_amount: int | None = Field(sa_type=BigInteger)


class OrderLineFact(Base, table=True):
    """A line of an order as it was placed."""

    __tablename__ = "order_line_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    order_id: str = Field(primary_key=True, sa_type=Text)
    line_no: int = Field(primary_key=True)
    store_id: str = Field(sa_type=Text)
    sku: str = Field(sa_type=Text)
    quantity: int
    net: int = Field(sa_type=BigInteger)


class RefundFact(Base, table=True):
    """Money that must go back to a buyer."""

    __tablename__ = "refund_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    refund_id: str = Field(primary_key=True, sa_type=Text)
    order_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    requested_at: datetime = Field(sa_type=INSTANT)
    amount: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)


class TicketFact(Base, table=True):
    """A case of the customer service; settled unless it was reopened later."""

    __tablename__ = "ticket_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    ticket_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    order_id: str | None = Field(sa_type=Text)
    kind: str | None = Field(sa_type=Text)
    opened_at: datetime | None = Field(sa_type=INSTANT)
    settle_by: datetime | None = Field(sa_type=INSTANT)
    settled_at: datetime | None = Field(sa_type=INSTANT)
    settled_sequence: int | None = Field(sa_type=BigInteger)
    reopened_sequence: int | None = Field(sa_type=BigInteger)


class StockFact(Base, table=True):
    """A store's sellable stock of a SKU crossed a line: low, out or restored (STK-4)."""

    __tablename__ = "stock_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    store_id: str = Field(primary_key=True, sa_type=Text)
    sku: str = Field(primary_key=True, sa_type=Text)
    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=INSTANT)


class ListingFact(Base, table=True):
    """A listing went on the shelf or left it."""

    __tablename__ = "listing_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    listing_id: str = Field(primary_key=True, sa_type=Text)
    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    store_id: str = Field(sa_type=Text)
    sku: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=INSTANT)


class TrafficFact(Base, table=True):
    """Visitors and page views as one provider last gave them for a store's day, source and terminal."""

    __tablename__ = "traffic_fact"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    store_id: str = Field(primary_key=True, sa_type=Text)
    day: date = Field(primary_key=True)
    source: str = Field(primary_key=True, sa_type=Text)
    terminal: str = Field(primary_key=True, sa_type=Text)
    provider: str = Field(primary_key=True, sa_type=Text)
    visitors: int = Field(sa_type=BigInteger)
    page_views: int = Field(sa_type=BigInteger)
    recorded_at: datetime = Field(sa_type=INSTANT)
    sequence: int = Field(sa_type=BigInteger)
