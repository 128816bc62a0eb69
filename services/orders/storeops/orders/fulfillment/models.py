"""Fulfillment orders and their parcels."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from storeops.orders.base import INSTANT, Base


class FulfillmentOrder(Base, table=True):
    """An order as work for one warehouse."""

    __tablename__ = "fulfillment_order"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    fulfillment_order_id: str = Field(primary_key=True, sa_type=Text)
    order_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    warehouse_id: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    late_at: datetime = Field(sa_type=INSTANT)
    """The order's, by which the list is sorted: urgent first (ORD-5)."""
    released_at: datetime = Field(sa_type=INSTANT)
    packed_at: datetime | None = Field(sa_type=INSTANT)
    handed_over_at: datetime | None = Field(sa_type=INSTANT)
    cancelled_at: datetime | None = Field(sa_type=INSTANT)


class Parcel(Base, table=True):
    """A packed parcel: it holds its fulfillment order whole."""

    parcel_id: str = Field(primary_key=True, sa_type=Text)
    fulfillment_order_id: str = Field(sa_type=Text)
    order_id: str = Field(sa_type=Text)
    store_id: str = Field(sa_type=Text)
    warehouse_id: str = Field(sa_type=Text)
    courier: str = Field(sa_type=Text)
    waybill_no: str = Field(sa_type=Text)
    packed_at: datetime = Field(sa_type=INSTANT)
    packed_by: str = Field(sa_type=Text)
    handed_over_at: datetime | None = Field(sa_type=INSTANT)
    handed_over_by: str | None = Field(sa_type=Text)
