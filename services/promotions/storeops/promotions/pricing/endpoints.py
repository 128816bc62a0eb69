"""Quotes over HTTP. They answer the contract that services use: amounts are integers in minor units."""

from storeops.common.auth.permissions import Permission
from storeops.common.contracts.promotions import Quote, QuoteBatch, QuoteBatchRequest, QuoteRefusal, QuoteRequest
from storeops.common.errors import DomainError
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.promotions.pricing import commands
from storeops.promotions.pricing.errors import ListingOffShelf, PriceCurrencyStale, QuoteTooLarge, SkuNotListed
from storeops.promotions.sessions import Read
from storeops.promotions.stores.errors import StoreNotFound

router = ServiceRouter("promotions", tags=["quotes"])


@router.endpoint(
    "POST",
    "/v1/quotes",
    permission=Permission.QUOTES_MAKE,
    errors=[StoreForbidden, StoreNotFound, SkuNotListed, ListingOffShelf, PriceCurrencyStale, QuoteTooLarge],
)
async def make_quote(body: QuoteRequest, session: Read) -> Quote:
    """Price a basket and explain it line by line (PRM-2). Amounts are integers in minor units of `currency`."""
    return await commands.make_quote(session, body)


@router.endpoint("POST", "/v1/quotes:batch", permission=Permission.QUOTES_MAKE)
async def make_quotes(body: QuoteBatchRequest, session: Read) -> QuoteBatch:
    """Price up to 500 baskets; each has its quote or its refusal, in order. Changes nothing, so it needs no key."""
    answers = await commands.make_quotes(session, body.quotes)
    return QuoteBatch(items=tuple(refusal_of(each) if isinstance(each, DomainError) else each for each in answers))


def refusal_of(error: DomainError) -> QuoteRefusal:
    """A refusal as an item of a batch."""
    return QuoteRefusal(code=error.code(), detail=error.detail, status=error.status, errors=tuple(error.errors))
