"""Placing and paying over HTTP."""

from typing import Annotated

from fastapi import Header, Request, Response

from storeops.common.auth.permissions import Permission
from storeops.common.clients import PeerRefused, PeerUnavailable
from storeops.common.contracts.promotions import QUOTE_REFUSALS
from storeops.common.errors import DomainError
from storeops.common.http.bodies import ItemResult
from storeops.common.http.etags import set_etag
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.orders.intake import decisions, quoting
from storeops.orders.intake.commands.paying import pay_order
from storeops.orders.intake.commands.placing import Placed, place_orders
from storeops.orders.intake.errors import (
    AmountMalformed,
    BuyerUnknown,
    ChannelOrderExists,
    CurrencyMismatch,
    LineMoneyWrong,
    OrderNotFound,
    OrderNotPayable,
    PayableWrong,
    PaymentAmountWrong,
    ProviderRefUsed,
    StockShort,
    TimesImpossible,
)
from storeops.orders.intake.queries import lines_of
from storeops.orders.intake.schemas import (
    OrderId,
    OrderRead,
    OwnSiteOrder,
    PaymentRead,
    PayOrder,
    PlacedItem,
    PlacedOrders,
    PlaceOrder,
    PlaceOrders,
    lines_read,
    summary_fields,
)
from storeops.orders.sessions import Write
from storeops.orders.settings import contact_key_of
from storeops.orders.stores.errors import StoreNotFound

router = ServiceRouter("orders", tags=["orders"])

Prefer = Annotated[str | None, Header(max_length=200, description="`wait=N`: seconds to wait for stock, 30 at most.")]
PLACING_ERRORS: list[type[DomainError]] = [
    StoreForbidden,
    StoreNotFound,
    CurrencyMismatch,
    AmountMalformed,
    LineMoneyWrong,
    PayableWrong,
    BuyerUnknown,
    TimesImpossible,
    ChannelOrderExists,
    StockShort,
    PeerUnavailable,
]


@router.endpoint(
    "POST",
    "/v1/orders",
    permission=Permission.ORDERS_PLACE,
    errors=PLACING_ERRORS,
    passed_on=QUOTE_REFUSALS,
    status=201,
    idempotency="required",
    also={
        200: {"model": OrderRead, "description": "The channel sent this order before."},
        202: {"model": OrderRead, "description": "Placed; its stock is not decided yet."},
    },
)
async def place_order(
    body: PlaceOrder, session: Write, request: Request, response: Response, prefer: Prefer = None
) -> OrderRead:
    """Place an order.

    `own_site`: priced by promotions; it becomes payable or is cancelled as short. The answer is 202 with its address,
    or with `Prefer: wait=N` the decision: 201 payable, 409 `stock_short` with the short lines, 202 if there is none in
    time. `channel`: enters paid with the channel's own money (201); the same again is 200 with the order that is here.
    """
    session.scope.require_store(body.store_id)
    quotes: dict[int, quoting.Quoted] = {}
    if isinstance(body, OwnSiteOrder):
        seconds = decisions.seconds_preferred(prefer)
        if seconds is not None:
            decisions.answer_when_decided(request, session.scope, seconds=seconds)
        quotes[0] = await quoting.ask_quote(request, body)
    [placed] = await place_orders(session, [body], quotes, contact_key=contact_key_of(request), at="/body")
    if isinstance(placed, DomainError):
        raise placed
    order = placed.order
    response.status_code = status_of(placed)
    response.headers["location"] = f"/v1/orders/{order.order_id}"
    set_etag(response, order.version)
    decisions.expect_decision(request, order.order_id)
    lines = await lines_of(session, order) if placed.lines is None else lines_read(placed.lines, order.currency)
    return OrderRead(**summary_fields(order, now=await session.now()), lines=lines)


@router.endpoint(
    "POST",
    "/v1/orders:batch",
    permission=Permission.ORDERS_PLACE,
    errors=[PeerUnavailable],
    idempotency="required",
)
async def place_orders_in_batch(body: PlaceOrders, session: Write, request: Request) -> PlacedOrders:
    """Place up to 500 orders of any store and kind; each is placed or refused by itself.

    An item's `status` is what the order alone would have been answered: 201 for a channel's order, 202 for an own
    site's whose stock is to be decided, 200 for what was here before; else `problem` says why not.
    """
    own = {
        index: item
        for index, item in enumerate(body.items)
        if isinstance(item, OwnSiteOrder) and session.scope.allows(item.store_id)
    }
    quotes = await quoting.ask_quotes(request, own)
    outcomes = await place_orders(session, body.items, quotes, contact_key=contact_key_of(request))
    return PlacedOrders(items=[result_of(index, outcome) for index, outcome in enumerate(outcomes)])


@router.endpoint(
    "POST",
    "/v1/orders/{order_id}/payments",
    permission=Permission.ORDERS_PAY,
    errors=[OrderNotFound, OrderNotPayable, PaymentAmountWrong, AmountMalformed, CurrencyMismatch, ProviderRefUsed],
    status=201,
    idempotency="required",
    also={200: {"model": PaymentRead, "description": "The provider told of this payment before."}},
)
async def pay_for_order(order_id: OrderId, body: PayOrder, session: Write, response: Response) -> PaymentRead:
    """Take a payment and start the order's ship clocks (ORD-3).

    Money for an order that is cancelled, expired or paid already is kept with state `refund_pending` and goes back.
    """
    payment, fresh = await pay_order(session, order_id, body)
    if not fresh:
        response.status_code = 200
    return payment


def result_of(index: int, outcome: Placed | DomainError) -> ItemResult:
    """One item's answer; what promotions refused, in promotions' words."""
    if isinstance(outcome, PeerRefused):
        return ItemResult(index=index, status=outcome.peer_status, problem=dict(outcome.problem))
    if isinstance(outcome, DomainError):
        return ItemResult.refused(index, outcome)
    return ItemResult(index=index, status=status_of(outcome), resource=PlacedItem.of(outcome.order))


def status_of(placed: Placed) -> int:
    """200 for what was here before, 201 for a channel's order, 202 while stock is to be decided."""
    if not placed.fresh:
        return 200
    return 202 if placed.order.channel_order_id is None else 201
