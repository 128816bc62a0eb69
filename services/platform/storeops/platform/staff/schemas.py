"""Bodies and answers about people and their grants."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from storeops.common.auth.permissions import Role
from storeops.common.http.bodies import NAME, STORE_ID, Body
from storeops.platform.staff.models import GrantTerms, Staff
from storeops.platform.stores.schemas import BRAND_ID

LOGIN = Annotated[
    str,
    Field(min_length=2, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]+$", examples=["lin.yue"]),
    AfterValidator(str.lower),
]
"""A name to sign in with; capitals make no difference."""
PASSWORD = Annotated[SecretStr, Field(min_length=12, max_length=200)]


class GrantScope(StrEnum):
    """Where a role holds."""

    ALL = "all"
    BRANDS = "brands"
    STORES = "stores"


class GrantBody(Body):
    """A role and where it holds: over all stores, those a brand has at any time, or named ones."""

    role: Role
    scope: GrantScope
    brand_ids: list[BRAND_ID] = Field(default_factory=list[str], max_length=200)
    store_ids: list[STORE_ID] = Field(default_factory=list[str], max_length=1000)

    @model_validator(mode="after")
    def fits_its_scope(self) -> Self:
        """Refuse ids that the scope does not use, and roles that people and keys cannot hold that way."""
        if bool(self.brand_ids) != (self.scope == GrantScope.BRANDS):
            message = "brand_ids with scope brands, and only then"
            raise ValueError(message)
        if bool(self.store_ids) != (self.scope == GrantScope.STORES):
            message = "store_ids with scope stores, and only then"
            raise ValueError(message)
        if self.role == Role.SERVICE:
            message = "a role of people or channels; service is for our own processes"
            raise ValueError(message)
        if self.role == Role.OWNER and self.scope != GrantScope.ALL:
            message = "scope all for the role owner, who manages the installation"
            raise ValueError(message)
        return self


Grants = Annotated[list[GrantBody], Field(max_length=50)]


class GrantRead(BaseModel):
    """A grant as it was given; to a caller who sees some stores, only what touches those."""

    grant_id: str
    role: Role
    scope: GrantScope
    brand_ids: list[str]
    store_ids: list[str]
    created_at: datetime

    @classmethod
    def of(cls, grant: GrantTerms) -> Self:
        """The grant as it is shown."""
        return cls.model_validate(grant, from_attributes=True)


class CreateStaff(Body):
    """A new person."""

    login: LOGIN
    name: NAME
    password: PASSWORD
    grants: Grants = Field(default_factory=list[GrantBody])


class StaffRead(BaseModel):
    """A person and what they may do where."""

    staff_id: str
    login: str
    name: str
    active: bool
    created_at: datetime
    grants: list[GrantRead]

    @classmethod
    def of(cls, person: Staff, grants: Iterable[GrantRead]) -> Self:
        """The person as shown, with these of their grants."""
        return cls(
            staff_id=person.staff_id,
            login=person.login,
            name=person.name,
            active=person.active,
            created_at=person.created_at,
            grants=list(grants),
        )
