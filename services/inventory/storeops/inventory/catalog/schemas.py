"""Bodies of the catalog area."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from storeops.common.http.bodies import NAME, SKU, Body, ItemResult
from storeops.inventory.catalog.models import Sku

BRAND_ID = Annotated[str, Field(pattern=r"^brd_[0-9a-f]{32}$")]
CATEGORY = Annotated[str, Field(min_length=1, max_length=100)]


class NewSku(Body):
    """A kind of goods to keep in stock."""

    sku: SKU
    """The merchant's own code, the same in every service."""
    brand_id: BRAND_ID
    """Who sells it. The same SKU under another brand is sold by both."""
    name: NAME
    category: CATEGORY | None = None
    unit: Annotated[str, Field(min_length=1, max_length=20)] = "piece"


class NewSkus(Body):
    """Up to 500 SKUs at once."""

    items: Annotated[list[NewSku], Field(min_length=1, max_length=500)]


class SkuRead(BaseModel):
    """A SKU."""

    sku: str
    brand_ids: list[str]
    """Who sells it, of the brands whose stores the caller sees."""
    name: str
    category: str | None
    unit: str
    created_at: datetime

    @classmethod
    def of(cls, sku: Sku, brand_ids: list[str]) -> Self:
        """The SKU as it is shown."""
        return cls(brand_ids=brand_ids, **sku.model_dump())


class SkuResults(BaseModel):
    """What became of each item, in the order given."""

    items: list[ItemResult]
