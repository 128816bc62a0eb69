"""The copy of a store."""

from sqlmodel import Field

from storeops.promotions.base import Base


class Store(Base, table=True):
    """A store, as the platform last described it."""

    store_id: str = Field(primary_key=True)
    brand_id: str
    name: str
    channel: str
    time_zone: str
    currency: str
