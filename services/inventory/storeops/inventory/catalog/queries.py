"""Look-ups of SKUs. Row-level security shows a caller what the brands of its stores sell."""

from collections.abc import Collection, Sequence

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.inventory.catalog.errors import SkuNotFound
from storeops.inventory.catalog.models import Sku, SkuBrand
from storeops.inventory.stores.models import Store


async def get_sku(session: ReadSession, sku: str) -> Sku:
    """One SKU; raises `SkuNotFound`."""
    found = await (await session.orm()).get(Sku, sku)
    if found is None:
        raise SkuNotFound(f"no SKU {sku}")
    return found


async def get_skus(session: ReadSession, skus: Collection[str]) -> dict[str, Sku]:
    """Those of these SKUs that exist and that the caller sees."""
    orm = await session.orm()
    return {found.sku: found for found in await orm.exec(select(Sku).where(col(Sku.sku).in_(sorted(skus))))}


async def brands_selling(session: ReadSession, skus: Collection[str]) -> dict[str, list[str]]:
    """For each of these SKUs the brands that sell it, of those whose stores the caller sees."""
    rows = await session.fetch(
        "SELECT link.sku, link.brand_id FROM inventory.sku_brand AS link WHERE link.sku = ANY($1::text[]) "
        "AND ($2::text[] IS NULL OR link.brand_id IN "
        "(SELECT store.brand_id FROM inventory.store AS store WHERE store.store_id = ANY($2))) ORDER BY 1, 2",
        sorted(skus),
        None if session.scope.stores is None else sorted(session.scope.stores),
    )
    found: dict[str, list[str]] = {sku: [] for sku in skus}
    for sku, brand_id in rows:
        found[sku].append(brand_id)
    return found


async def list_skus(
    session: ReadSession, *, category: str | None, prefix: str | None, after: str | None, limit: int
) -> Sequence[Sku]:
    """SKUs by code, after one of them, at most `limit + 1`."""
    wanted = select(Sku).order_by(col(Sku.sku)).limit(limit + 1)
    if session.scope.stores is not None:
        sold = (
            select(SkuBrand.sku)
            .join(Store, col(Store.brand_id) == col(SkuBrand.brand_id))
            .where(col(Store.store_id).in_(sorted(session.scope.stores)))
        )
        wanted = wanted.where(col(Sku.sku).in_(sold))
    if category is not None:
        wanted = wanted.where(Sku.category == category)
    if prefix is not None:
        # The code's alphabet ends before "~": a range is served by the key's index, LIKE is not.
        wanted = wanted.where(col(Sku.sku) >= prefix, col(Sku.sku) < prefix + "~")
    if after is not None:
        wanted = wanted.where(col(Sku.sku) > after)
    return (await (await session.orm()).exec(wanted)).all()
