"""Changes prices and keeps who changed them, when and from what."""

from collections.abc import Callable

from storeops.common.db import WriteSession
from storeops.promotions.listings import commands as listings
from storeops.promotions.listings.models import Listing
from storeops.promotions.listings.queries import lock_listing
from storeops.promotions.listings.rules import minor_price
from storeops.promotions.prices.schemas import ChangePrice
from storeops.promotions.stores.queries import get_store


async def change_price(
    session: WriteSession, listing_id: str, body: ChangePrice, *, check_version: Callable[[int], None]
) -> Listing:
    """Give a listing another price; `check_version` refuses an edit that is based on an older version.

    Raises `ListingNotFound`, `PriceInvalid` or `CurrencyMismatch`.
    """
    listing = await lock_listing(session, listing_id)
    check_version(listing.version)
    store = await get_store(session, listing.store_id)
    price = minor_price(body.price, body.currency, sold_in=store.currency, pointer="/body")
    changed = await listings.set_price(session, listing, price, store.currency)
    await session.fetch(
        "INSERT INTO promotions.price_history (listing_id, version, store_id, previous_minor, previous_currency, "
        "price_minor, currency, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        changed.listing_id,
        changed.version,
        changed.store_id,
        listing.price_minor,
        listing.currency,
        changed.price_minor,
        changed.currency,
        session.scope.actor,
        await session.now(),
    )
    return changed
