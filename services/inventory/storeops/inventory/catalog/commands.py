"""Adds SKUs to the catalog and says which brands sell them. A SKU's code is the merchant's and never changes; stock is
not its concern.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.inventory.catalog import queries
from storeops.inventory.catalog.errors import BrandForbidden, BrandUnknown, SkuDiffers
from storeops.inventory.catalog.models import Sku
from storeops.inventory.catalog.schemas import NewSku
from storeops.inventory.stores.queries import brands_of


class Added(NamedTuple):
    """A SKU that is in the catalog now."""

    sku: Sku
    brand_ids: list[str]
    """Who sells it, of the brands that the caller sees."""
    new: bool
    """False: it stood there already with the same facts."""


class Link(NamedTuple):
    """A brand sells a SKU."""

    sku: str
    brand_id: str


async def add_sku(session: WriteSession, new: NewSku) -> Added:
    """Add a SKU; the same again is no error. Raises `SkuDiffers`, `BrandForbidden`, `BrandUnknown`."""
    [outcome] = await add_skus(session, {"/body": new})
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


async def add_skus(session: WriteSession, items: Mapping[str, NewSku]) -> list[Added | DomainError]:
    """Add SKUs, each under its place in the request; what became of each, in order.

    Each is added, found identical (and then sold by its brand, too) or refused by itself: `SkuDiffers`,
    `BrandForbidden`, `BrandUnknown`.
    """
    brands = await brands_of(session, {item.brand_id for item in items.values()})
    allowed = [item for item in items.values() if item.brand_id in brands]
    # Links come first: a caller sees a SKU only through a brand that sells it.
    linked = await link_brands(session, {link_of(item) for item in allowed})
    inserted = await insert_missing(session, {item.sku: item for item in reversed(allowed)})
    stored = await queries.get_skus(session, {item.sku for item in allowed})
    identical = {link_of(item) for item in allowed if facts(stored[item.sku]) == facts(item)}
    await unlink_brands(session, linked - identical)
    selling = await queries.brands_selling(session, {link.sku for link in identical})
    outcomes: list[Added | DomainError] = []
    for pointer, item in items.items():
        if item.brand_id not in brands:
            outcomes.append(brand_refusal(session, item.brand_id, f"{pointer}/brand_id"))
        elif facts(stored[item.sku]) != facts(item):
            outcomes.append(SkuDiffers(f"SKU {item.sku} exists with other facts"))
        else:
            outcomes.append(Added(stored[item.sku], selling[item.sku], new=item.sku in inserted))
            inserted.discard(item.sku)
    return outcomes


def brand_refusal(session: WriteSession, brand_id: str, pointer: str) -> DomainError:
    """Why a brand that the caller sees no store of cannot sell a SKU."""
    if session.scope.stores is not None:
        return BrandForbidden(f"no right to add SKUs of brand {brand_id}")
    errors = [{"pointer": pointer, "value": brand_id, "expected": "a brand that has a store"}]
    return BrandUnknown(f"no store of brand {brand_id}", errors=errors)


async def link_brands(session: WriteSession, links: Collection[Link]) -> set[Link]:
    """Let brands sell SKUs; answers the links that are new."""
    rows = await session.fetch(
        "INSERT INTO inventory.sku_brand (sku, brand_id) "
        "SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING RETURNING sku, brand_id",
        *columns(links),
    )
    return {Link(*row) for row in rows}


async def unlink_brands(session: WriteSession, links: Collection[Link]) -> None:
    """Undo links."""
    if links:
        await session.fetch(
            "DELETE FROM inventory.sku_brand WHERE (sku, brand_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            *columns(links),
        )


async def insert_missing(session: WriteSession, items: dict[str, NewSku]) -> set[str]:
    """Write those SKUs that nobody has added yet; answers which."""
    new = [items[sku] for sku in sorted(items)]
    rows = await session.fetch(
        "INSERT INTO inventory.sku (sku, name, category, unit, created_at) "
        "SELECT *, $5::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) "
        "ON CONFLICT DO NOTHING RETURNING sku",
        [item.sku for item in new],
        [item.name for item in new],
        [item.category for item in new],
        [item.unit for item in new],
        await session.now(),
    )
    return {row[0] for row in rows}


def columns(links: Collection[Link]) -> tuple[list[str], list[str]]:
    """Links as the two arrays that `unnest` takes, in the order in which they are locked."""
    ordered = sorted(links)
    return [link.sku for link in ordered], [link.brand_id for link in ordered]


def link_of(item: NewSku) -> Link:
    """The link that an item asks for."""
    return Link(item.sku, item.brand_id)


def facts(sku: Sku | NewSku) -> tuple[str, str | None, str]:
    """What makes two SKUs of one code the same."""
    return (sku.name, sku.category, sku.unit)
