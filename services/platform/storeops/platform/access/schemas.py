"""Bodies and answers of signing in and of API keys."""

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field, SecretStr

from storeops.common.auth.callers import Grant
from storeops.common.auth.permissions import Permission, Role
from storeops.common.http.bodies import NAME, Body
from storeops.platform.staff.schemas import GrantRead, Grants


class PasswordGrant(Body):
    """A person signs in."""

    grant_type: Literal["password"]
    login: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=200)]


class ApiKeyExchange(Body):
    """A machine turns its key into a token."""

    grant_type: Literal["api_key"]
    api_key: Annotated[SecretStr, Field(min_length=1, max_length=500)]


class ServiceGrant(Body):
    """One of our own services proves itself by the installation's secret."""

    grant_type: Literal["service"]
    service: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]
    proof: Annotated[SecretStr, Field(min_length=1, max_length=200)]


TokenRequest = Annotated[PasswordGrant | ApiKeyExchange | ServiceGrant, Field(discriminator="grant_type")]


class TokenRead(BaseModel):
    """A token, to be sent as `Authorization: Bearer …`."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of a token is no secret
    expires_in: int
    """Seconds."""
    subject: str


class Subject(NamedTuple):
    """Who was admitted: `kind` staff, key or service."""

    id: str
    kind: str
    grants: list[Grant]


class JwksRead(BaseModel):
    """The public keys that tokens are checked with (RFC 7517)."""

    keys: list[dict[str, Any]]


class CallerGrantRead(BaseModel):
    """A role and its stores; null is every store."""

    role: Role
    stores: list[str] | None


class CallerRead(BaseModel):
    """The caller as the token says."""

    subject: str
    kind: str
    grants: list[CallerGrantRead]
    permissions: list[Permission]
    """What the caller may do somewhere."""


class CreateApiKey(Body):
    """A new API key."""

    name: NAME
    grants: Annotated[Grants, Field(min_length=1)]


class ApiKeyRead(BaseModel):
    """An API key, without its secret."""

    key_id: str
    name: str
    created_by: str
    created_at: datetime
    revoked_at: datetime | None
    grants: list[GrantRead]


class ApiKeyCreated(ApiKeyRead):
    """A new API key with its secret, which is shown this once."""

    api_key: str
