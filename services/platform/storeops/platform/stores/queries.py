"""Reading brands and stores. What the caller may not see is not there."""

from collections.abc import Collection, Iterable, Sequence

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.platform.stores.errors import BrandNotFound, StoreNotFound
from storeops.platform.stores.models import Brand, Store


async def get_brand(session: ReadSession, brand_id: str) -> Brand:
    """A brand; raises `BrandNotFound` (404)."""
    brand = (await (await session.orm()).exec(select(Brand).where(Brand.brand_id == brand_id))).one_or_none()
    if brand is None:
        message = f"no brand {brand_id}"
        raise BrandNotFound(message)
    return brand


async def list_brands(session: ReadSession, *, after: str | None, rows: int) -> Sequence[Brand]:
    """Brands by id, narrowed to those of the caller's stores."""
    query = select(Brand).order_by(col(Brand.brand_id)).limit(rows)
    if after is not None:
        query = query.where(col(Brand.brand_id) > after)
    if session.scope.stores is not None:
        query = query.where(col(Brand.brand_id).in_(await brands_of_stores(session, session.scope.stores)))
    return (await (await session.orm()).exec(query)).all()


async def get_store(session: ReadSession, store_id: str, *, for_update: bool = False) -> Store:
    """A store, locked when it is to be changed; raises `StoreNotFound` (404)."""
    query = select(Store).where(Store.store_id == store_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    store = (await (await session.orm()).exec(query)).one_or_none()
    if store is None:
        message = f"no store {store_id}"
        raise StoreNotFound(message)
    return store


async def list_stores(session: ReadSession, *, brand_id: str | None, after: str | None, rows: int) -> Sequence[Store]:
    """Stores by id, narrowed to the caller's."""
    query = select(Store).order_by(col(Store.store_id)).limit(rows)
    if brand_id is not None:
        query = query.where(Store.brand_id == brand_id)
    if after is not None:
        query = query.where(col(Store.store_id) > after)
    if session.scope.stores is not None:
        query = query.where(col(Store.store_id).in_(session.scope.stores))
    return (await (await session.orm()).exec(query)).all()


async def store_name_taken(session: ReadSession, brand_id: str, name: str) -> bool:
    """Whether a store of the brand has this name."""
    sql = "SELECT EXISTS (SELECT FROM platform.store WHERE brand_id = $1 AND name = $2)"
    return bool(await session.fetchval(sql, brand_id, name))


async def lock_brand(session: ReadSession, brand_id: str) -> bool:
    """Hold a brand, so that names within it are given one at a time; answers whether there is such a brand."""
    return await session.fetchval("SELECT 1 FROM platform.brand WHERE brand_id = $1 FOR UPDATE", brand_id) is not None


async def brands_of_stores(session: ReadSession, stores: Collection[str]) -> frozenset[str]:
    """The brands that these stores belong to."""
    rows = await session.fetch(
        "SELECT DISTINCT brand_id FROM platform.store WHERE store_id = ANY ($1::text[])", list(stores)
    )
    return frozenset(row["brand_id"] for row in rows)


async def stores_of_brands(session: ReadSession, brands: Iterable[str]) -> dict[str, frozenset[str]]:
    """The ids of the stores that each brand has now, whatever the caller may see: for turning a grant into stores."""
    rows = await session.fetch("SELECT brand_id, store_id FROM platform.stores_of_brands($1::text[])", list(brands))
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["brand_id"], set()).add(row["store_id"])
    return {brand: frozenset(stores) for brand, stores in found.items()}


async def unknown_brands(session: ReadSession, brands: Collection[str]) -> frozenset[str]:
    """Which of these are no brands."""
    rows = await session.fetch("SELECT brand_id FROM platform.brand WHERE brand_id = ANY ($1::text[])", list(brands))
    return frozenset(brands) - {row["brand_id"] for row in rows}


async def unknown_stores(session: ReadSession, stores: Collection[str]) -> frozenset[str]:
    """Which of these are no stores."""
    rows = await session.fetch("SELECT store_id FROM platform.store WHERE store_id = ANY ($1::text[])", list(stores))
    return frozenset(stores) - {row["store_id"] for row in rows}
