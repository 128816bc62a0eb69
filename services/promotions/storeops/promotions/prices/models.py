"""The ledger of price changes."""

from datetime import datetime

from sqlmodel import Field

from storeops.promotions.base import INSTANT, MINOR, Base


class PriceHistory(Base, table=True):
    """One change of a listing's price, in minor units; never changed. `version` is the listing's after it.

    The first price stands in the first change as `previous_minor`, and on the listing until then.
    """

    __tablename__ = "price_history"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    listing_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    store_id: str
    previous_minor: int = Field(sa_type=MINOR)
    previous_currency: str
    price_minor: int = Field(sa_type=MINOR)
    currency: str
    changed_by: str
    changed_at: datetime = Field(sa_type=INSTANT)
