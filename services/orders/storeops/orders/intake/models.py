"""Orders, their lines, and the money that came and goes back."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, SmallInteger, Text
from sqlmodel import Field

from storeops.orders.base import DOCUMENT, INSTANT, TEXTS, Base


class SalesOrder(Base, table=True):
    """An order as the facts that happened to it; what phase it is in is derived. Money in minor units.

    `open_holds` counts the holds in force: it lies in this row so that who locks the row decides on all there is.
    """

    __tablename__ = "sales_order"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    order_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    customer_id: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    channel_order_id: str | None = Field(sa_type=Text)
    content_print: str | None = Field(sa_type=Text)
    """Keyed digest of what the channel sent: a repeat is told from a change."""
    currency: str = Field(sa_type=Text)
    gross: int = Field(sa_type=BigInteger)
    discount: int = Field(sa_type=BigInteger)
    net: int = Field(sa_type=BigInteger)
    payable: int = Field(sa_type=BigInteger)
    placed_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime | None = Field(sa_type=INSTANT)
    """Until when it may be paid; None once it is."""
    allocated_at: datetime | None = Field(sa_type=INSTANT)
    warehouse_id: str | None = Field(sa_type=Text)
    short_lines: list[Any] | None = Field(sa_type=DOCUMENT)
    """What lacked when stock was last short."""
    paid_at: datetime | None = Field(sa_type=INSTANT)
    received: int = Field(sa_type=BigInteger)
    refunded: int = Field(sa_type=BigInteger)
    """Sum of the refunds intended."""
    warn_at: datetime | None = Field(sa_type=INSTANT)
    late_at: datetime | None = Field(sa_type=INSTANT)
    breach_at: datetime | None = Field(sa_type=INSTANT)
    in_rush: bool
    audited_at: datetime | None = Field(sa_type=INSTANT)
    audited_by: str | None = Field(sa_type=Text)
    open_holds: int = Field(sa_type=SmallInteger)
    released_at: datetime | None = Field(sa_type=INSTANT)
    packed_at: datetime | None = Field(sa_type=INSTANT)
    shipped_at: datetime | None = Field(sa_type=INSTANT)
    wait_agreed_at: datetime | None = Field(sa_type=INSTANT)
    cancelled_at: datetime | None = Field(sa_type=INSTANT)
    cancelled_by: str | None = Field(sa_type=Text)
    cancel_reason: str | None = Field(sa_type=Text)
    expired_at: datetime | None = Field(sa_type=INSTANT)
    quote: dict[str, Any] | None = Field(sa_type=DOCUMENT)
    """What promotions answered, for an own-site order."""
    campaign_ids: list[str] = Field(sa_type=TEXTS)
    labels: list[str] = Field(sa_type=TEXTS)
    event_sequence: int = Field(sa_type=BigInteger)
    version: int


class OrderLine(Base, table=True):
    """A line's money: gross less what the shop gives is net. `discounts` has every discount by kind, in minor units;
    those whose kind begins with `platform_` are paid by platform or brand and leave net as it is.
    """

    __tablename__ = "order_line"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    order_id: str = Field(primary_key=True, sa_type=Text)
    line_no: int = Field(primary_key=True)
    store_id: str = Field(sa_type=Text)
    sku: str = Field(sa_type=Text)
    quantity: int
    gross: int = Field(sa_type=BigInteger)
    discounts: dict[str, int] = Field(sa_type=DOCUMENT)
    discount: int = Field(sa_type=BigInteger)
    net: int = Field(sa_type=BigInteger)


class Payment(Base, table=True):
    """Money that arrived. `refund_pending`: for an order that could not take it any more."""

    payment_id: str = Field(primary_key=True, sa_type=Text)
    order_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    provider: str = Field(sa_type=Text)
    provider_ref: str = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    received_at: datetime = Field(sa_type=INSTANT)


class Refund(Base, table=True):
    """Money that must go back: written with its cause, so that it is never forgotten."""

    refund_id: str = Field(primary_key=True, sa_type=Text)
    order_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    requested_at: datetime = Field(sa_type=INSTANT)
    requested_by: str = Field(sa_type=Text)
