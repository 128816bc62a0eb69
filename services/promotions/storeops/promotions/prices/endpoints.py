"""Prices over HTTP."""

from functools import partial

from fastapi import Request, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import IfMatchRequired, VersionStale, require_match, set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.promotions.listings.errors import CurrencyMismatch, ListingNotFound, PriceInvalid
from storeops.promotions.listings.queries import get_listing
from storeops.promotions.listings.rules import version_of
from storeops.promotions.listings.schemas import ListingId, ListingRead
from storeops.promotions.prices import commands, queries
from storeops.promotions.prices.schemas import ChangePrice, PriceChangeRead
from storeops.promotions.sessions import Read, Write

router = ServiceRouter("promotions", tags=["prices"])


@router.endpoint(
    "PUT",
    "/v1/listings/{listing_id}/price",
    permission=Permission.PRICES_MANAGE,
    errors=[ListingNotFound, PriceInvalid, CurrencyMismatch, IfMatchRequired, VersionStale],
)
async def change_price(
    listing_id: ListingId, body: ChangePrice, session: Write, request: Request, response: Response
) -> ListingRead:
    """Give a listing another price. If-Match names the listing's version that the change is based on."""
    listing = await commands.change_price(session, listing_id, body, check_version=partial(require_match, request))
    set_etag(response, listing.version)
    return ListingRead.of(listing)


@router.endpoint(
    "GET",
    "/v1/listings/{listing_id}/prices",
    permission=Permission.LISTINGS_READ,
    errors=[ListingNotFound, CursorMalformed],
)
async def list_price_changes(
    listing_id: ListingId, session: Read, limit: Limit = 50, cursor: Cursor = None
) -> Page[PriceChangeRead]:
    """Every change of a listing's price; the newest first."""
    before = decode_cursor(cursor, [version_of])
    await get_listing(session, listing_id)
    rows = await queries.list_price_changes(session, listing_id, before=before[0] if before else None, limit=limit + 1)
    return page_of(rows, limit, key=lambda change: [change.version], item=PriceChangeRead.of)
