"""Tables of the catalog area."""

from datetime import datetime

from sqlmodel import Field

from storeops.inventory.base import INSTANT, Base


class Sku(Base, table=True):
    """A kind of goods by the merchant's own code; visible to whoever sees a store of a brand that sells it."""

    sku: str = Field(primary_key=True)
    name: str
    category: str | None = None
    unit: str
    created_at: datetime = Field(sa_type=INSTANT)


class SkuBrand(Base, table=True):
    """A brand sells a SKU; several brands of the company may sell the same goods."""

    __tablename__ = "sku_brand"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    sku: str = Field(primary_key=True)
    brand_id: str = Field(primary_key=True)
