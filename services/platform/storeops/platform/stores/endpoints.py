"""HTTP of brands and stores."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Request, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import IfMatchRequired, VersionStale, require_match, set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.platform.sessions import Read, Write
from storeops.platform.stores import commands, queries
from storeops.platform.stores.errors import (
    BrandNameTaken,
    BrandNotFound,
    StoreNameTaken,
    StoreNotFound,
    UnknownBrand,
)
from storeops.platform.stores.schemas import BrandRead, ChangeStore, CreateBrand, OpenStore, StoreRead

router = ServiceRouter("platform", tags=["stores"])

BrandId = Annotated[str, Path(pattern=r"^brd_[0-9a-f]{32}$")]
StoreId = Annotated[str, Path(pattern=r"^sto_[0-9a-f]{32}$")]
OfBrand = Annotated[str | None, Query(pattern=r"^brd_[0-9a-f]{32}$", description="Only stores of this brand.")]


@router.endpoint("POST", "/v1/brands", permission=Permission.STORES_MANAGE, status=201, errors=[BrandNameTaken])
async def create_brand(body: CreateBrand, session: Write) -> BrandRead:
    """Create a brand; its name is its own in the installation."""
    return BrandRead.of(await commands.create_brand(session, name=body.name))


@router.endpoint("GET", "/v1/brands", permission=Permission.STORES_READ, errors=[CursorMalformed])
async def list_brands(session: Read, limit: Limit = 50, cursor: Cursor = None) -> Page[BrandRead]:
    """The brands of the caller's stores, oldest first."""
    [after] = decode_cursor(cursor, [str]) or [None]
    rows = await queries.list_brands(session, after=after, rows=limit + 1)
    return page_of(rows, limit, key=lambda brand: [brand.brand_id], item=BrandRead.of)


@router.endpoint("GET", "/v1/brands/{brand_id}", permission=Permission.STORES_READ, errors=[BrandNotFound])
async def read_brand(brand_id: BrandId, session: Read) -> BrandRead:
    """One brand; the caller sees it with any one of its stores."""
    return BrandRead.of(await queries.get_brand(session, brand_id))


@router.endpoint(
    "POST", "/v1/stores", permission=Permission.STORES_MANAGE, status=201, errors=[UnknownBrand, StoreNameTaken]
)
async def open_store(body: OpenStore, response: Response, session: Write) -> StoreRead:
    """Open a store; the other services learn of it by `store.opened`."""
    store = await commands.open_store(session, body)
    set_etag(response, store.version)
    return StoreRead.of(store)


@router.endpoint("GET", "/v1/stores", permission=Permission.STORES_READ, errors=[CursorMalformed])
async def list_stores(
    session: Read, brand_id: OfBrand = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[StoreRead]:
    """The caller's stores, oldest first."""
    [after] = decode_cursor(cursor, [str]) or [None]
    rows = await queries.list_stores(session, brand_id=brand_id, after=after, rows=limit + 1)
    return page_of(rows, limit, key=lambda store: [store.store_id], item=StoreRead.of)


@router.endpoint("GET", "/v1/stores/{store_id}", permission=Permission.STORES_READ, errors=[StoreNotFound])
async def read_store(store_id: StoreId, response: Response, session: Read) -> StoreRead:
    """One store, with the ETag that an edit must name."""
    store = await queries.get_store(session, store_id)
    set_etag(response, store.version)
    return StoreRead.of(store)


@router.endpoint(
    "PATCH",
    "/v1/stores/{store_id}",
    permission=Permission.STORES_MANAGE,
    errors=[StoreNotFound, StoreNameTaken, IfMatchRequired, VersionStale],
)
async def change_store(
    store_id: StoreId, body: ChangeStore, request: Request, response: Response, session: Write
) -> StoreRead:
    """Change a store's name or time zone; the other services learn of it by `store.changed`."""
    store = await commands.change_store(session, store_id, body, require_version=partial(require_match, request))
    set_etag(response, store.version)
    return StoreRead.of(store)
