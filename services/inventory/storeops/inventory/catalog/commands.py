"""Adds SKUs to the catalog. A SKU's code is the merchant's and never changes; stock is not its concern."""

from collections.abc import Sequence
from typing import NamedTuple

from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.inventory.catalog import queries
from storeops.inventory.catalog.errors import BrandForbidden, SkuDiffers
from storeops.inventory.catalog.models import Sku
from storeops.inventory.catalog.schemas import NewSku
from storeops.inventory.stores.queries import brands_of


class Added(NamedTuple):
    """A SKU that is in the catalog now."""

    sku: Sku
    new: bool
    """False: it stood there already with the same facts."""


async def add_sku(session: WriteSession, new: NewSku) -> Added:
    """Add a SKU; the same again is no error. Raises `SkuDiffers`, `BrandForbidden`."""
    [outcome] = await add_skus(session, [new])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


async def add_skus(session: WriteSession, items: Sequence[NewSku]) -> list[Added | DomainError]:
    """Add SKUs; each item is added, found identical or refused by itself (`SkuDiffers`, `BrandForbidden`)."""
    open_brands = await brands_of(session, {item.brand_id for item in items})
    every_brand = session.scope.stores is None
    allowed = [item for item in items if every_brand or item.brand_id in open_brands]
    inserted = await insert_missing(session, {item.sku: item for item in reversed(allowed)})
    stored = await queries.get_skus(session, {item.sku for item in allowed})
    outcomes: list[Added | DomainError] = []
    for item in items:
        if not every_brand and item.brand_id not in open_brands:
            outcomes.append(BrandForbidden(f"no right to add SKUs of brand {item.brand_id}"))
            continue
        found = stored.get(item.sku)
        if found is None or facts(found) != facts(item):
            outcomes.append(SkuDiffers(f"SKU {item.sku} exists with other facts"))
            continue
        outcomes.append(Added(found, new=item.sku in inserted))
        inserted.discard(item.sku)
    return outcomes


async def insert_missing(session: WriteSession, items: dict[str, NewSku]) -> set[str]:
    """Write those SKUs that nobody has added yet; answers which."""
    new = [items[sku] for sku in sorted(items)]
    rows = await session.fetch(
        "INSERT INTO inventory.sku (sku, brand_id, name, category, unit, created_at) SELECT "
        "*, $6::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) "
        "ON CONFLICT DO NOTHING RETURNING sku",
        [item.sku for item in new],
        [item.brand_id for item in new],
        [item.name for item in new],
        [item.category for item in new],
        [item.unit for item in new],
        await session.now(),
    )
    return {row[0] for row in rows}


def facts(sku: Sku | NewSku) -> tuple[str, str, str | None, str]:
    """What makes two SKUs of one code the same."""
    return (sku.brand_id, sku.name, sku.category, sku.unit)
