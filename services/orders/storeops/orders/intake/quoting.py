"""Asks promotions for prices. Decides nothing about orders.

Apart because the call must come before the command and its transaction, never inside them.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request

from storeops.common.clients import PeerRefused
from storeops.common.contracts.promotions import (
    Quote,
    QuoteBatch,
    QuoteBatchRequest,
    QuoteLine,
    QuoteRefusal,
    QuoteRequest,
)
from storeops.common.errors import DomainError
from storeops.common.http.context import context_of
from storeops.common.http.routing import caller_of
from storeops.orders.intake.schemas import OwnSiteOrder

Quoted = Quote | DomainError


async def ask_quote(request: Request, order: OwnSiteOrder) -> Quote:
    """The price of one order; a refusal of promotions is passed on as it is."""
    return Quote.model_validate_json(await call_promotions(request, "/v1/quotes", quote_request(order)))


async def ask_quotes(request: Request, orders: Mapping[int, OwnSiteOrder]) -> dict[int, Quoted]:
    """The prices of many orders by one call, by the orders' places; those without one get their refusal."""
    if not orders:
        return {}
    wanted = QuoteBatchRequest(quotes=tuple(quote_request(order) for order in orders.values()))
    answers = QuoteBatch.model_validate_json(await call_promotions(request, "/v1/quotes:batch", wanted))
    return {
        index: passed_on(answer, index) if isinstance(answer, QuoteRefusal) else answer
        for index, answer in zip(orders, answers.items, strict=True)
    }


def passed_on(refusal: QuoteRefusal, index: int) -> PeerRefused:
    """Promotions' refusal of the order at a place of the request, as the order alone would get it.

    An order's lines lie in its basket as they lie in the order.
    """
    errors = [
        error | {"pointer": str(error["pointer"]).replace("/body", f"/body/items/{index}", 1)}
        for error in refusal.errors
    ]
    title = HTTPStatus(refusal.status).phrase
    problem = {
        "type": f"urn:storeops:problem:{refusal.code}",
        "title": title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "errors": errors,
    }
    return PeerRefused(refusal.status, problem)


async def call_promotions(request: Request, path: str, body: QuoteRequest | QuoteBatchRequest) -> bytes:
    """Promotions' answer; the call carries our token and on whose behalf it is made."""
    context = context_of(request)
    caller = await caller_of(request)
    headers = {
        "authorization": f"Bearer {await context.service_tokens.of('orders')}",
        "storeops-subject": caller.subject,
    }
    return await context.peers.call("promotions", "POST", path, body=body.model_dump_json().encode(), headers=headers)


def quote_request(order: OwnSiteOrder) -> QuoteRequest:
    """What promotions is asked for an order."""
    lines = tuple(QuoteLine(sku=line.sku, quantity=line.quantity) for line in order.lines)
    return QuoteRequest(store_id=order.store_id, lines=lines)
