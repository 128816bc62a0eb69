"""Tables of the catalog area."""

from datetime import datetime

from sqlmodel import Field

from storeops.inventory.base import INSTANT, Base


class Sku(Base, table=True):
    """A kind of goods by the merchant's own code; visible to whoever sees a store of its brand."""

    sku: str = Field(primary_key=True)
    brand_id: str
    name: str
    category: str | None = None
    unit: str
    created_at: datetime = Field(sa_type=INSTANT)
