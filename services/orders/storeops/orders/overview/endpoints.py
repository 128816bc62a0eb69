"""Orders to look at over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.orders.deadlines.schemas import Instant, instant_of
from storeops.orders.intake.errors import OrderNotFound
from storeops.orders.intake.schemas import OrderId, OrderSummary
from storeops.orders.overview import queries
from storeops.orders.overview.queries import OrderFilter
from storeops.orders.overview.schemas import OrderDetail
from storeops.orders.sessions import Read, stores_asked
from storeops.orders.stores.schemas import StoreFilter

router = ServiceRouter("orders", tags=["orders"])

Flag = Annotated[bool | None, Query()]
InstantFilter = Annotated[Instant | None, Query()]
ChannelOrderId = Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]


@router.endpoint("GET", "/v1/orders", permission=Permission.ORDERS_READ, errors=[StoreForbidden, CursorMalformed])
async def list_orders(
    session: Read,
    *,
    store_id: StoreFilter = None,
    channel_order_id: ChannelOrderId = None,
    placed_from: InstantFilter = None,
    placed_to: InstantFilter = None,
    paid: Flag = None,
    shipped: Flag = None,
    cancelled: Flag = None,
    held: Flag = None,
    late: Flag = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OrderSummary]:
    """Orders, the latest placed first; without contacts. `late` orders passed 24 h unshipped, or shipped after it."""
    after = decode_cursor(cursor, [instant_of, str])
    wanted = OrderFilter(
        stores_asked(session, store_id), channel_order_id, placed_from, placed_to, paid, shipped, cancelled, held, late
    )
    orders = await queries.list_orders(session, wanted, before=(after[0], after[1]) if after else None, limit=limit + 1)
    now = await session.now()
    return page_of(
        orders,
        limit,
        key=lambda order: [order.placed_at, order.order_id],
        item=lambda order: OrderSummary.of(order, now=now),
    )


@router.endpoint("GET", "/v1/orders/{order_id}", permission=Permission.ORDERS_READ, errors=[OrderNotFound])
async def get_order(order_id: OrderId, session: Read, response: Response) -> OrderDetail:
    """An order with its contact, lines, money, holds, parcels, deadlines and history."""
    order, version = await queries.read_order(session, order_id)
    set_etag(response, version)
    return order
