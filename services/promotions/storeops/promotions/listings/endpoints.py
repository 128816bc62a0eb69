"""Listings over HTTP."""

from fastapi import Response

from storeops.common.auth.permissions import Permission
from storeops.common.errors import DomainError
from storeops.common.http.bodies import ItemResult
from storeops.common.http.etags import set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.promotions.listings import commands, queries
from storeops.promotions.listings.errors import (
    CurrencyMismatch,
    ListingExists,
    ListingNotFound,
    ListingOutOfStock,
    PriceInvalid,
    TitleTooLong,
)
from storeops.promotions.listings.rules import version_of
from storeops.promotions.listings.schemas import (
    ChangeShelf,
    CreateListing,
    CreateListings,
    ListingChangeRead,
    ListingId,
    ListingRead,
    ListingResults,
    SkuFilter,
)
from storeops.promotions.sessions import Read, Write
from storeops.promotions.stores.errors import StoreNotFound
from storeops.promotions.stores.schemas import StoreFilter

router = ServiceRouter("promotions", tags=["listings"])


@router.endpoint(
    "POST",
    "/v1/listings",
    permission=Permission.LISTINGS_MANAGE,
    errors=[StoreForbidden, StoreNotFound, ListingExists, TitleTooLong, PriceInvalid, CurrencyMismatch],
    status=201,
)
async def create_listing(body: CreateListing, session: Write, response: Response) -> ListingRead:
    """Offer a SKU in a store.

    It goes on the shelf unless `on_shelf` is false; while its goods are out, or never came in, it is made off the
    shelf by the system and goes on by itself as soon as a piece can be sold (LST-3).
    """
    listing = await commands.create_listing(session, body)
    set_etag(response, listing.version)
    response.headers["location"] = f"/v1/listings/{listing.listing_id}"
    return ListingRead.of(listing)


@router.endpoint(
    "POST", "/v1/listings:batch", permission=Permission.LISTINGS_MANAGE, status=200, idempotency="required"
)
async def create_listings(body: CreateListings, session: Write) -> ListingResults:
    """Offer up to 500 SKUs; each item is accepted (201 with the listing) or refused with its problem by itself.

    A body that does not fit its schema is refused as a whole.
    """
    drafts = [commands.Draft(item, f"/body/items/{index}") for index, item in enumerate(body.items)]
    answers = await commands.create_listings(session, drafts)
    return ListingResults(
        items=[
            ItemResult.refused(index, answer)
            if isinstance(answer, DomainError)
            else ItemResult(index=index, status=201, resource=ListingRead.of(answer))
            for index, answer in enumerate(answers)
        ]
    )


@router.endpoint("GET", "/v1/listings", permission=Permission.LISTINGS_READ, errors=[StoreForbidden, CursorMalformed])
async def list_listings(
    session: Read,
    *,
    store_id: StoreFilter = None,
    sku: SkuFilter = None,
    on_shelf: bool | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ListingRead]:
    """Listings in the order of their making."""
    if store_id is not None:
        session.scope.require_store(store_id)
    after = decode_cursor(cursor, [str])
    rows = await queries.list_listings(
        session,
        stores=session.scope.stores if store_id is None else [store_id],
        sku=sku,
        on_shelf=on_shelf,
        after=after[0] if after else None,
        limit=limit + 1,
    )
    return page_of(rows, limit, key=lambda listing: [listing.listing_id], item=ListingRead.of)


@router.endpoint("GET", "/v1/listings/{listing_id}", permission=Permission.LISTINGS_READ, errors=[ListingNotFound])
async def read_listing(listing_id: ListingId, session: Read, response: Response) -> ListingRead:
    """A listing as it is now; its ETag covers shelf and price."""
    listing = await queries.get_listing(session, listing_id)
    set_etag(response, listing.version)
    return ListingRead.of(listing)


@router.endpoint(
    "POST",
    "/v1/listings/{listing_id}/list",
    permission=Permission.LISTINGS_MANAGE,
    errors=[ListingNotFound, ListingOutOfStock],
)
async def put_listing_on_shelf(
    listing_id: ListingId, body: ChangeShelf, session: Write, response: Response
) -> ListingRead:
    """Put a listing on the shelf (上架). One that is there stays as it is; with nothing to sell: 409 (LST-3)."""
    listing = await commands.put_on_shelf(session, listing_id, body.reason)
    set_etag(response, listing.version)
    return ListingRead.of(listing)


@router.endpoint(
    "POST", "/v1/listings/{listing_id}/delist", permission=Permission.LISTINGS_MANAGE, errors=[ListingNotFound]
)
async def take_listing_off_shelf(
    listing_id: ListingId, body: ChangeShelf, session: Write, response: Response
) -> ListingRead:
    """Take a listing off the shelf (下架), until a person puts it back.

    One that the system took off for want of stock becomes the caller's, and no restock puts it back (LST-3).
    """
    listing = await commands.take_off_shelf(session, listing_id, body.reason)
    set_etag(response, listing.version)
    return ListingRead.of(listing)


@router.endpoint(
    "GET",
    "/v1/listings/{listing_id}/history",
    permission=Permission.LISTINGS_READ,
    errors=[ListingNotFound, CursorMalformed],
)
async def list_listing_history(
    listing_id: ListingId, session: Read, limit: Limit = 50, cursor: Cursor = None
) -> Page[ListingChangeRead]:
    """Who put a listing on and off the shelf, when and why; the newest first."""
    before = decode_cursor(cursor, [version_of])
    await queries.get_listing(session, listing_id)
    rows = await queries.list_history(session, listing_id, before=before[0] if before else None, limit=limit + 1)
    return page_of(rows, limit, key=lambda change: [change.version], item=ListingChangeRead.of)
