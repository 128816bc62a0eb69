"""Makes quotes: any number of baskets with two statements, one for the shelf and one for the campaigns."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from storeops.common.contracts.promotions import Quote, QuoteRequest
from storeops.common.db import ReadSession
from storeops.common.errors import DomainError
from storeops.promotions.campaigns.queries import running_terms
from storeops.promotions.campaigns.rules import CampaignTerms
from storeops.promotions.pricing.errors import ListingOffShelf, PriceCurrencyStale, SkuNotListed
from storeops.promotions.pricing.queries import StoreOffers, offers_of
from storeops.promotions.pricing.rules import price_basket
from storeops.promotions.stores.errors import StoreNotFound


async def make_quote(session: ReadSession, request: QuoteRequest) -> Quote:
    """The price of one basket; raises why it has none."""
    [answer] = await make_quotes(session, [request])
    if isinstance(answer, DomainError):
        raise answer
    return answer


async def make_quotes(session: ReadSession, requests: Sequence[QuoteRequest]) -> list[Quote | DomainError]:
    """The price of each basket, or why it has none, in order; no basket hinders another."""
    places = {(request.store_id, line.sku) for request in requests for line in request.lines}
    now = await session.now()
    stores = await offers_of(session, places)
    campaigns = await running_terms(session, stores.keys(), {sku for _, sku in places}, now)
    answers: list[Quote | DomainError] = []
    for request in requests:
        try:
            session.scope.require_store(request.store_id)
            answers.append(quote_of(request, stores, campaigns.get(request.store_id, []), now))
        except DomainError as refusal:
            answers.append(refusal)
    return answers


def quote_of(
    request: QuoteRequest, stores: Mapping[str, StoreOffers], campaigns: Sequence[CampaignTerms], now: datetime
) -> Quote:
    """One basket's price; raises `StoreNotFound`, `SkuNotListed`, `ListingOffShelf` and what else stands against it."""
    store = stores.get(request.store_id)
    if store is None:
        raise StoreNotFound(f"there is no store {request.store_id}")
    prices = sellable_prices(request, store)
    basket = price_basket(request.lines, prices, campaigns, now, currency=store.currency)
    return Quote(store_id=request.store_id, currency=store.currency, **basket._asdict())


def sellable_prices(request: QuoteRequest, store: StoreOffers) -> dict[str, int]:
    """The price of every SKU of a basket, in minor units; raises what cannot be sold, naming every such line."""
    offers = {line.sku: store.by_sku[line.sku] for line in request.lines}
    prices = {
        sku: price
        for sku, (price, currency, on_shelf) in offers.items()
        if price is not None and on_shelf and currency == store.currency
    }
    if len(prices) < len(offers):
        raise refusal_of(request, store)
    return prices


def refusal_of(request: QuoteRequest, store: StoreOffers) -> DomainError:
    """What stands against a basket of which a line cannot be sold."""
    offers = [store.by_sku[line.sku] for line in request.lines]
    unknown = [offer.price is None for offer in offers]
    if any(unknown):
        return refusal(SkuNotListed, request, unknown, "a SKU that the store lists")
    hidden = [not offer.on_shelf for offer in offers]
    if any(hidden):
        return refusal(ListingOffShelf, request, hidden, "a SKU that is on the shelf")
    stale = [offer.currency != store.currency for offer in offers]
    return refusal(PriceCurrencyStale, request, stale, f"a SKU with a price in {store.currency}")


def refusal(error: type[DomainError], request: QuoteRequest, wrong: Sequence[bool], expected: str) -> DomainError:
    """An `error` with a pointer to every line that is wrong."""
    errors = [
        {"pointer": f"/body/lines/{place}/sku", "value": line.sku, "expected": expected}
        for place, (line, refused) in enumerate(zip(request.lines, wrong, strict=True))
        if refused
    ]
    return error(f"{', '.join(str(each['value']) for each in errors)}: expected {expected}", errors=errors)
