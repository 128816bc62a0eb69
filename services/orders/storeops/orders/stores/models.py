"""The copy of a store."""

from sqlalchemy import Text
from sqlmodel import Field

from storeops.orders.base import Base


class Store(Base, table=True):
    """A store, as the platform last described it."""

    store_id: str = Field(primary_key=True, sa_type=Text)
    brand_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    time_zone: str = Field(sa_type=Text)
    currency: str = Field(sa_type=Text)
