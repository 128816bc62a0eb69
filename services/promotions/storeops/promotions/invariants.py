"""What must hold of listings and prices at any time; each check answers the rows that break it."""

from collections.abc import Sequence
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.doctor import Invariant


async def sold_out_on_shelf(session: ReadSession) -> Sequence[Any]:
    """Listings on sale while nothing can be sold."""
    return await session.fetch(
        "SELECT listing_id, store_id, sku FROM promotions.listing LEFT JOIN promotions.stock_state "
        "USING (store_id, sku) WHERE on_shelf AND sold_out IS NOT FALSE"
    )


async def without_price(session: ReadSession) -> Sequence[Any]:
    """Listings without a price in their store's currency."""
    return await session.fetch(
        "SELECT listing_id, price_minor, listing.currency, store.currency FROM promotions.listing "
        "JOIN promotions.store USING (store_id) WHERE price_minor <= 0 OR listing.currency <> store.currency"
    )


async def shelf_unlike_history(session: ReadSession) -> Sequence[Any]:
    """Listings that stand elsewhere than the last line of their history says."""
    return await session.fetch(
        "SELECT listing_id, listing.on_shelf, last.on_shelf, listing.delisted_by, last.changed_by "
        "FROM promotions.listing LEFT JOIN LATERAL (SELECT * FROM promotions.listing_history AS line "
        "WHERE line.listing_id = listing.listing_id ORDER BY version DESC LIMIT 1) AS last USING (listing_id) "
        "WHERE (listing.on_shelf, listing.reason, listing.changed_at) "
        "IS DISTINCT FROM (last.on_shelf, last.reason, last.changed_at) "
        "OR listing.delisted_by IS DISTINCT FROM CASE WHEN NOT last.on_shelf THEN last.changed_by END"
    )


async def price_unlike_history(session: ReadSession) -> Sequence[Any]:
    """Listings whose price is not the one of its last change."""
    return await session.fetch(
        "SELECT listing_id, listing.price_minor, last.price_minor FROM promotions.listing "
        "JOIN LATERAL (SELECT * FROM promotions.price_history AS line WHERE line.listing_id = listing.listing_id "
        "ORDER BY version DESC LIMIT 1) AS last USING (listing_id) "
        "WHERE (listing.price_minor, listing.currency) IS DISTINCT FROM (last.price_minor, last.currency)"
    )


invariants = [
    Invariant("LST-3", "nothing is on the shelf that its store cannot sell", sold_out_on_shelf),
    Invariant("LST-1", "every listing has a price in its store's currency", without_price),
    Invariant("LST-3", "a listing stands where the last line of its history says", shelf_unlike_history),
    Invariant("PRM-2", "a price is the one of its last change", price_unlike_history),
]
