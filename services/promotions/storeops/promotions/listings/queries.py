"""Reads of the shelf."""

from collections.abc import Collection, Sequence

from sqlmodel import col, select

from storeops.common.db import ReadSession, WriteSession
from storeops.promotions.listings.errors import ListingNotFound
from storeops.promotions.listings.models import Listing, ListingHistory


async def get_listing(session: ReadSession, listing_id: str) -> Listing:
    """A listing; raises `ListingNotFound`."""
    orm = await session.orm()
    found = (await orm.exec(select(Listing).where(Listing.listing_id == listing_id))).one_or_none()
    if found is None:
        raise ListingNotFound(f"there is no listing {listing_id}")
    return found


async def lock_listing(session: WriteSession, listing_id: str) -> Listing:
    """A listing, locked until the transaction ends; raises `ListingNotFound`."""
    row = await session.fetchrow("SELECT * FROM promotions.listing WHERE listing_id = $1 FOR UPDATE", listing_id)
    if row is None:
        raise ListingNotFound(f"there is no listing {listing_id}")
    return Listing(**row)


async def lock_on_shelf(session: WriteSession, places: Sequence[tuple[str, str]]) -> list[Listing]:
    """The listings of these (store, SKU) that are on the shelf, locked."""
    return await _lock_at(session, places, "listing.on_shelf")


async def lock_taken_off_by(session: WriteSession, places: Sequence[tuple[str, str]], by: str) -> list[Listing]:
    """The listings of these (store, SKU) that `by` took off the shelf, locked."""
    return await _lock_at(session, places, "listing.delisted_by = $3", by)


async def list_listings(
    session: ReadSession,
    *,
    stores: Collection[str] | None,
    sku: str | None,
    on_shelf: bool | None,
    after: str | None,
    limit: int,
) -> Sequence[Listing]:
    """Up to `limit` listings by id, from after `after` on; `stores` None is every store."""
    wanted = select(Listing).order_by(col(Listing.listing_id)).limit(limit)
    if stores is not None:
        wanted = wanted.where(col(Listing.store_id).in_(stores))
    if sku is not None:
        wanted = wanted.where(Listing.sku == sku)
    if on_shelf is not None:
        wanted = wanted.where(Listing.on_shelf == on_shelf)
    if after is not None:
        wanted = wanted.where(col(Listing.listing_id) > after)
    orm = await session.orm()
    return (await orm.exec(wanted)).all()


async def list_history(
    session: ReadSession, listing_id: str, *, before: int | None, limit: int
) -> Sequence[ListingHistory]:
    """Up to `limit` lines of a listing's history, the newest first, from before version `before` on."""
    wanted = select(ListingHistory).where(ListingHistory.listing_id == listing_id)
    if before is not None:
        wanted = wanted.where(col(ListingHistory.version) < before)
    orm = await session.orm()
    return (await orm.exec(wanted.order_by(col(ListingHistory.version).desc()).limit(limit))).all()


async def _lock_at(
    session: WriteSession, places: Sequence[tuple[str, str]], condition: str, *args: str
) -> list[Listing]:
    rows = await session.fetch(
        "SELECT listing.* FROM unnest($1::text[], $2::text[]) AS place(store_id, sku) "
        "JOIN promotions.listing ON listing.store_id = place.store_id AND listing.sku = place.sku "
        f"WHERE {condition} ORDER BY listing.listing_id FOR UPDATE OF listing",
        [store_id for store_id, _ in places],
        [sku for _, sku in places],
        *args,
    )
    return [Listing(**row) for row in rows]
