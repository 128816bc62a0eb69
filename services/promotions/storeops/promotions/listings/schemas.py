"""Bodies and answers about listings."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Path, Query
from pydantic import BaseModel, Field

from storeops.common.http.bodies import CURRENCY, MONEY, REASON, SKU, STORE_ID, Body, ItemResult
from storeops.common.money import to_decimal
from storeops.promotions.listings.models import Listing, ListingHistory

ListingId = Annotated[str, Path(pattern=r"^lst_[0-9a-f]{32}$")]
SkuFilter = Annotated[
    str | None, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", description="Only of this SKU.")
]


class CreateListing(Body):
    """A SKU that a store begins to offer. `currency` is the store's; naming it guards against a mistake."""

    store_id: STORE_ID
    sku: SKU
    title: Annotated[str, Field(min_length=1, max_length=200)]
    price: MONEY
    currency: CURRENCY | None = None
    on_shelf: bool = True
    """False: prepared only; a person puts it on the shelf later."""


class CreateListings(Body):
    """Up to 500 listings, each accepted or refused by itself."""

    items: Annotated[list[CreateListing], Field(min_length=1, max_length=500)]


class ChangeShelf(Body):
    """Why a listing goes on or off the shelf."""

    reason: REASON


class ListingRead(BaseModel):
    """A listing as it is now. `delisted_by` is `system` or a person while it is off the shelf."""

    listing_id: str
    store_id: str
    sku: str
    title: str
    price: str
    currency: str
    on_shelf: bool
    delisted_by: str | None
    reason: str
    changed_at: datetime
    version: int

    @classmethod
    def of(cls, listing: Listing) -> Self:
        """The answer for a row."""
        price = to_decimal(listing.price_minor, listing.currency)
        return cls(price=price, **listing.model_dump(exclude={"price_minor", "event_sequence"}))


class ListingChangeRead(BaseModel):
    """One line of a listing's history: who put it on or off the shelf, when and why."""

    version: int
    on_shelf: bool
    changed_by: str
    reason: str
    changed_at: datetime

    @classmethod
    def of(cls, change: ListingHistory) -> Self:
        """The answer for a row."""
        return cls(**change.model_dump(exclude={"listing_id", "store_id"}))


class ListingResults(BaseModel):
    """What became of each item, in the order of the request."""

    items: list[ItemResult]
