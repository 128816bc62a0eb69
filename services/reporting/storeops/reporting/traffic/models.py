"""Tables of the traffic intake."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from storeops.reporting.base import Base


class TrafficCounter(Base, table=True):
    """How many traffic events a store has had."""

    __tablename__ = "traffic_counter"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    store_id: str = Field(primary_key=True, sa_type=Text)
    event_sequence: int = Field(sa_type=BigInteger)
