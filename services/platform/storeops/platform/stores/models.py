"""Tables of brands and stores."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Text
from sqlmodel import Field

from storeops.platform.base import Base


class Brand(Base, table=True):
    """A brand that stores sell under."""

    brand_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class Store(Base, table=True):
    """A shop of a brand on one sales channel."""

    store_id: str = Field(primary_key=True, sa_type=Text)
    brand_id: str = Field(sa_type=Text, foreign_key="platform.brand.brand_id")
    name: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    time_zone: str = Field(sa_type=Text)
    currency: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=DateTime(timezone=True))
    version: int
    event_sequence: int = Field(sa_type=BigInteger)
