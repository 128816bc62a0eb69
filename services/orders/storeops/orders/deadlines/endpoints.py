"""Ship promises and campaign rushes over HTTP."""

from fastapi import Request, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import IfMatchRequired, VersionStale, require_match, set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.orders.deadlines import commands, queries
from storeops.orders.deadlines.errors import PromiseInvalid, RushNotFound, RushTimesInvalid
from storeops.orders.deadlines.schemas import DeclareRush, RushId, RushRead, SetShipPromise, ShipPromiseRead
from storeops.orders.sessions import Read, Write, stores_asked
from storeops.orders.stores.errors import StoreNotFound
from storeops.orders.stores.queries import require_store
from storeops.orders.stores.schemas import StoreFilter, StoreId

router = ServiceRouter("orders", tags=["deadlines"])


@router.endpoint(
    "GET",
    "/v1/ship-promises/{store_id}",
    permission=Permission.ORDERS_READ,
    errors=[StoreForbidden, StoreNotFound],
)
async def get_ship_promise(store_id: StoreId, session: Read, response: Response) -> ShipPromiseRead:
    """How long a store takes to ship, counted from payment (ORD-3)."""
    await require_store(session, store_id)
    promise, version = await queries.find_promise(session, store_id)
    set_etag(response, version)
    return ShipPromiseRead.of(store_id, promise, version)


@router.endpoint(
    "PUT",
    "/v1/ship-promises/{store_id}",
    permission=Permission.PROMISES_MANAGE,
    errors=[StoreForbidden, StoreNotFound, PromiseInvalid, IfMatchRequired, VersionStale],
)
async def set_ship_promise(
    store_id: StoreId, body: SetShipPromise, session: Write, request: Request, response: Response
) -> ShipPromiseRead:
    """Change what the store promises for orders paid from now on; running clocks keep their times."""
    await require_store(session, store_id)
    _, version = await queries.find_promise(session, store_id)
    require_match(request, version)
    version = await commands.set_promise(session, store_id, promise=body.promise(), version=version)
    set_etag(response, version)
    return ShipPromiseRead.of(store_id, body.promise(), version)


@router.endpoint(
    "POST",
    "/v1/ship-rushes",
    permission=Permission.PROMISES_MANAGE,
    errors=[StoreForbidden, StoreNotFound, RushTimesInvalid],
    status=201,
)
async def declare_ship_rush(body: DeclareRush, session: Write, response: Response) -> RushRead:
    """Declare a campaign rush: orders paid in it that pass 24 h are counted apart and warned of before 48 h (ORD-3)."""
    rush = await commands.declare_rush(session, body)
    response.headers["location"] = f"/v1/ship-rushes?store_id={rush.store_id}"
    return RushRead.of(rush)


@router.endpoint("GET", "/v1/ship-rushes", permission=Permission.ORDERS_READ, errors=[StoreForbidden, CursorMalformed])
async def list_ship_rushes(
    session: Read, store_id: StoreFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[RushRead]:
    """Declared rushes, the latest first."""
    stores = stores_asked(session, store_id)
    after = decode_cursor(cursor, [str])
    rushes = await queries.list_rushes(session, stores, before=after[0] if after else None, limit=limit + 1)
    return page_of(rushes, limit, key=lambda rush: [rush.rush_id], item=RushRead.of)


@router.endpoint("POST", "/v1/ship-rushes/{rush_id}/end", permission=Permission.PROMISES_MANAGE, errors=[RushNotFound])
async def end_ship_rush(rush_id: RushId, session: Write) -> RushRead:
    """End a rush before its time; orders paid until now keep its terms."""
    return RushRead.of(await commands.end_rush(session, rush_id))
