"""Tables of the shelf."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from storeops.promotions.base import INSTANT, MINOR, Base


class Listing(Base, table=True):
    """A SKU that a store offers, with its one price; at most one a store and SKU."""

    listing_id: str = Field(primary_key=True)
    store_id: str
    sku: str
    title: str
    price_minor: int = Field(sa_type=MINOR)
    currency: str
    on_shelf: bool
    delisted_by: str | None
    """`system` or a person's id while off the shelf: what the system took off, a restock puts back (LST-3)."""
    reason: str
    """Why it is where it is."""
    changed_at: datetime = Field(sa_type=INSTANT)
    """When it last went on or off the shelf, or another became answerable for that; business time."""
    version: int
    """Of shelf and price together: what the ETag names."""
    event_sequence: int = Field(sa_type=BigInteger)


class ListingHistory(Base, table=True):
    """Who put a listing where, when and why; never changed. `version` is the listing's after it."""

    __tablename__ = "listing_history"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    listing_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    store_id: str
    on_shelf: bool
    changed_by: str
    reason: str
    changed_at: datetime = Field(sa_type=INSTANT)


class StockState(Base, table=True):
    """Whether a store can sell a piece of a SKU, as inventory last said; known before the SKU is listed.

    Its row is locked by whoever puts the SKU on the shelf and by the news of its stock, so that the two cannot miss
    each other.
    """

    __tablename__ = "stock_state"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a method

    store_id: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    sold_out: bool
    changed_at: datetime = Field(sa_type=INSTANT)
