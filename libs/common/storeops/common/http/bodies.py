"""Request bodies: strict, unknown fields refused, money as decimal strings, ids and texts with limits."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from storeops.common.errors import DomainError
from storeops.common.http.context import CURRENT_REQUEST

STORE_ID = Annotated[str, Field(pattern=r"^sto_[0-9a-f]{32}$", examples=["sto_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f"])]
SKU = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", examples=["TEA-250"])]
QUANTITY = Annotated[int, Field(ge=1, le=10_000)]
MONEY = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$", examples=["19.90"])]
"""A decimal string, not negative; digits after the point as the currency has them."""
CURRENCY = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["CNY"])]
NAME = Annotated[str, Field(min_length=1, max_length=200)]
REASON = Annotated[str, Field(min_length=1, max_length=500)]


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ItemResult(BaseModel):
    """What became of one item of a `:batch`: its resource or its problem."""

    index: int
    status: int
    resource: Any = None
    problem: dict[str, Any] | None = None

    @classmethod
    def refused(cls, index: int, error: DomainError) -> Self:
        """The answer for an item that was refused: its problem, as it would stand in a response of its own."""
        problem: dict[str, Any] = {
            **error.facts,
            "type": f"urn:storeops:problem:{error.code()}",
            "title": error.title,
            "status": error.status,
            "code": error.code(),
            "detail": error.detail,
            "request_id": CURRENT_REQUEST.get(),
        }
        if error.errors:
            problem["errors"] = error.errors
        return cls(index=index, status=error.status, problem=problem)
