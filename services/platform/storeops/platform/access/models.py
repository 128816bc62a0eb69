"""Tables of signing keys, API keys and failed sign-ins."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Identity, Text
from sqlmodel import Field

from storeops.platform.base import Base
from storeops.platform.staff.models import GrantTerms


class SigningKey(Base, table=True):
    """A key that signs tokens, private part and all; the one that is not retired signs."""

    __tablename__ = "signing_key"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    kid: str = Field(primary_key=True, sa_type=Text)
    private_jwk: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    retired_at: datetime | None = Field(sa_type=DateTime(timezone=True))


class SignInFailure(Base, table=True):
    """A failed sign-in, by machine time. Of the name only a digest: people type passwords into the wrong field."""

    __tablename__ = "sign_in_failure"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    failure_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=[Identity(always=True)])
    login_digest: str = Field(sa_type=Text)
    failed_at: datetime = Field(sa_type=DateTime(timezone=True))


class ApiKey(Base, table=True):
    """A machine's key: its secret only as SHA-256, which is enough for 256 random bits."""

    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    key_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    secret_hash: str = Field(sa_type=Text)
    created_by: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ApiKeyGrant(GrantTerms, table=True):
    """What a machine may do where."""

    __tablename__ = "api_key_grant"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    key_id: str = Field(sa_type=Text, foreign_key="platform.api_key.key_id")
