"""Cancelling and refunds over HTTP."""

from fastapi import Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.orders.aftersales import commands, queries
from storeops.orders.aftersales.errors import OrderNotCancellable
from storeops.orders.aftersales.schemas import CancelOrder, RefundRead
from storeops.orders.deadlines.schemas import instant_of
from storeops.orders.intake.errors import OrderNotFound
from storeops.orders.intake.schemas import OrderId, OrderSummary
from storeops.orders.sessions import Read, Write, stores_asked
from storeops.orders.stores.schemas import StoreFilter

router = ServiceRouter("orders", tags=["aftersales"])


@router.endpoint(
    "POST",
    "/v1/orders/{order_id}/cancel",
    permission=Permission.ORDERS_CANCEL,
    errors=[OrderNotFound, OrderNotCancellable],
)
async def cancel_order(order_id: OrderId, body: CancelOrder, session: Write, response: Response) -> OrderSummary:
    """Cancel an order that is not packed; what was paid is marked to go back."""
    order = await commands.cancel_order(session, order_id, reason=body.reason)
    set_etag(response, order.version)
    return OrderSummary.of(order, now=await session.now())


@router.endpoint("GET", "/v1/refunds", permission=Permission.REFUNDS_READ, errors=[StoreForbidden, CursorMalformed])
async def list_refunds(
    session: Read, store_id: StoreFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[RefundRead]:
    """Money that must go back, the latest first."""
    after = decode_cursor(cursor, [instant_of, str])
    rows = await queries.list_refunds(
        session,
        stores=stores_asked(session, store_id),
        before=(after[0], after[1]) if after else None,
        limit=limit + 1,
    )
    return page_of(rows, limit, key=lambda refund: [refund.requested_at, refund.refund_id], item=lambda row: row)
