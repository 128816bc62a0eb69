"""What pricing must know of the shelf: one statement for any number of baskets."""

from collections.abc import Collection
from typing import NamedTuple

from storeops.common.db import ReadSession


class Offer(NamedTuple):
    """A SKU as a store offers it; `price` is None for a SKU that it has never listed."""

    price: int | None
    currency: str | None
    on_shelf: bool | None


class StoreOffers(NamedTuple):
    """A store's currency and what it offers of the SKUs that were asked for."""

    currency: str
    by_sku: dict[str, Offer]


async def offers_of(session: ReadSession, places: Collection[tuple[str, str]]) -> dict[str, StoreOffers]:
    """What stores offer at these (store, SKU), by store; a store that the session cannot see is absent."""
    rows = await session.fetch(
        "SELECT store.store_id, store.currency, place.sku, listing.price_minor, listing.currency AS price_currency, "
        "listing.on_shelf FROM unnest($1::text[], $2::text[]) AS place(store_id, sku) "
        "JOIN promotions.store ON store.store_id = place.store_id "
        "LEFT JOIN promotions.listing ON listing.store_id = place.store_id AND listing.sku = place.sku",
        [store_id for store_id, _ in places],
        [sku for _, sku in places],
    )
    stores: dict[str, StoreOffers] = {}
    for store_id, currency, sku, price, price_currency, on_shelf in rows:
        known = stores.setdefault(store_id, StoreOffers(currency, {}))
        known.by_sku[sku] = Offer(price, price_currency, on_shelf)
    return stores
