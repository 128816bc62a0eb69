"""The catalog over HTTP."""

from typing import Annotated

from fastapi import Path, Query, Response

from storeops.common.auth.permissions import Permission
from storeops.common.errors import DomainError
from storeops.common.http.bodies import ItemResult
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.inventory.catalog import commands, queries
from storeops.inventory.catalog.errors import BrandForbidden, BrandUnknown, SkuDiffers, SkuNotFound
from storeops.inventory.catalog.schemas import NewSku, NewSkus, SkuRead, SkuResults
from storeops.inventory.sessions import Read, Write

router = ServiceRouter("inventory", tags=["catalog"])

SkuCode = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Prefix = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Category = Annotated[str | None, Query(min_length=1, max_length=100)]


@router.endpoint(
    "POST",
    "/v1/skus",
    permission=Permission.CATALOG_MANAGE,
    errors=[SkuDiffers, BrandForbidden, BrandUnknown],
    status=201,
    also={
        200: {
            "description": "The SKU stood there already with the same facts; the brand sells it now, too.",
            "model": SkuRead,
        }
    },
)
async def create_sku(body: NewSku, session: Write, response: Response) -> SkuRead:
    """Add a SKU to the catalog; the same again answers 200, and links it to the brand when that is another one."""
    added = await commands.add_sku(session, body)
    if not added.new:
        response.status_code = 200
    response.headers["location"] = f"/v1/skus/{added.sku.sku}"
    return SkuRead.of(added.sku, added.brand_ids)


@router.endpoint("POST", "/v1/skus:batch", permission=Permission.CATALOG_MANAGE, idempotency="required")
async def create_skus(body: NewSkus, session: Write) -> SkuResults:
    """Add up to 500 SKUs; each item answers for itself: 201 new, 200 there already, or refused.

    200 links the SKU to its item's brand; 409: it exists with other facts, 403: a foreign brand, 422: an unknown one.
    """
    outcomes = await commands.add_skus(session, {f"/body/items/{index}": item for index, item in enumerate(body.items)})
    return SkuResults(
        items=[
            ItemResult.refused(index, outcome)
            if isinstance(outcome, DomainError)
            else ItemResult(
                index=index, status=201 if outcome.new else 200, resource=SkuRead.of(outcome.sku, outcome.brand_ids)
            )
            for index, outcome in enumerate(outcomes)
        ]
    )


@router.endpoint("GET", "/v1/skus", permission=Permission.CATALOG_READ, errors=[CursorMalformed])
async def list_skus(
    session: Read, category: Category = None, prefix: Prefix = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[SkuRead]:
    """SKUs of the caller's brands by code, of one category or beginning with a prefix."""
    after = decode_cursor(cursor, [str])
    rows = await queries.list_skus(
        session, category=category, prefix=prefix, after=after[0] if after else None, limit=limit
    )
    brands = await queries.brands_selling(session, [row.sku for row in rows])
    return page_of(rows, limit, key=lambda sku: [sku.sku], item=lambda sku: SkuRead.of(sku, brands[sku.sku]))


@router.endpoint("GET", "/v1/skus/{sku}", permission=Permission.CATALOG_READ, errors=[SkuNotFound])
async def get_sku(sku: SkuCode, session: Read) -> SkuRead:
    """One SKU."""
    found = await queries.get_sku(session, sku)
    return SkuRead.of(found, (await queries.brands_selling(session, [sku]))[sku])
