"""Tables of people, their passwords and their grants."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from storeops.platform.base import Base


class Staff(Base, table=True):
    """A person who signs in. Who left stays, inactive and without grants: what they did names them."""

    staff_id: str = Field(primary_key=True, sa_type=Text)
    login: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    active: bool
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    event_sequence: int = Field(sa_type=BigInteger)


class StaffPassword(Base, table=True):
    """A person's password, hashed; apart from the person, so that no list can show it."""

    __tablename__ = "staff_password"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    staff_id: str = Field(primary_key=True, sa_type=Text, foreign_key="platform.staff.staff_id")
    hash: str = Field(sa_type=Text)


class GrantTerms(Base):
    """A role over all stores, those of some brands, or some stores; columns of every table of grants."""

    grant_id: str = Field(primary_key=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    brand_ids: list[str] = Field(sa_type=ARRAY(Text))
    store_ids: list[str] = Field(sa_type=ARRAY(Text))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class StaffGrant(GrantTerms, table=True):
    """What a person may do where (ROL-1 … ROL-9)."""

    __tablename__ = "staff_grant"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    staff_id: str = Field(sa_type=Text, foreign_key="platform.staff.staff_id")
