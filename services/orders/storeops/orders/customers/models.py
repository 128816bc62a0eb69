"""Customers, and the contacts of their orders."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from storeops.orders.base import INSTANT, Base


class Customer(Base, table=True):
    """A buyer of one store. `identity` is the keyed print of their channel account or phone."""

    customer_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    identity: str = Field(sa_type=Text)
    first_seen_at: datetime = Field(sa_type=INSTANT)


class Contact(Base, table=True):
    """Whom and where to an order goes, and what its buyer wrote. Nothing of it is ever published.

    The prints are keyed digests of the normalised phone and address, by which orders of one place are found.
    """

    order_id: str = Field(primary_key=True, sa_type=Text)
    store_id: str = Field(sa_type=Text)
    account: str | None = Field(sa_type=Text)
    name: str | None = Field(sa_type=Text)
    phone: str | None = Field(sa_type=Text)
    province: str | None = Field(sa_type=Text)
    city: str | None = Field(sa_type=Text)
    district: str | None = Field(sa_type=Text)
    street: str | None = Field(sa_type=Text)
    postcode: str | None = Field(sa_type=Text)
    remark: str | None = Field(sa_type=Text)
    phone_print: str | None = Field(sa_type=Text)
    address_print: str | None = Field(sa_type=Text)
