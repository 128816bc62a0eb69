"""Look-ups of stores."""

from collections.abc import Collection

from storeops.common.db import ReadSession


async def known_stores(session: ReadSession, store_ids: Collection[str]) -> set[str]:
    """Which of these stores have been heard of."""
    rows = await session.fetch(
        "SELECT store_id FROM inventory.store WHERE store_id = ANY($1::text[])", sorted(store_ids)
    )
    return {row[0] for row in rows}


async def brands_of(session: ReadSession, brand_ids: Collection[str]) -> set[str]:
    """Which of these brands have a store that the caller sees."""
    rows = await session.fetch(
        "SELECT DISTINCT brand_id FROM inventory.store "
        "WHERE brand_id = ANY($1::text[]) AND ($2::text[] IS NULL OR store_id = ANY($2))",
        sorted(brand_ids),
        None if session.scope.stores is None else sorted(session.scope.stores),
    )
    return {row[0] for row in rows}


async def hold_supply(session: ReadSession, store_ids: Collection[str], *, alone: bool) -> None:
    """Lock the stores' rows in order until the transaction ends: which levels serve them stands still.

    Allocations hold them together; what must know every order that found too little holds them `alone`, and so waits
    for the allocations under way.
    """
    strength = "UPDATE" if alone else "KEY SHARE"
    await session.fetch(
        f"SELECT FROM inventory.store WHERE store_id = ANY($1::text[]) ORDER BY store_id FOR {strength}",
        sorted(store_ids),
    )
