"""Events and quote bodies of the promotions service. Topic `listing`, key the listing id."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from storeops.common.contracts.base import Contract, Event
from storeops.common.money import Minor

Quantity = Annotated[int, Field(ge=1, le=10_000)]


class ListingListed(Event, type="listing.listed.v1", topic="listing", key="listing_id"):
    """A listing went on the shelf."""

    listing_id: str
    store_id: str
    sku: str
    by: str
    """`system` or the person's id."""
    reason: str


class ListingDelisted(Event, type="listing.delisted.v1", topic="listing", key="listing_id"):
    """A listing left the shelf (缺货产品及时下架, LST-3)."""

    listing_id: str
    store_id: str
    sku: str
    by: str
    reason: str


class QuoteCall(Contract):
    """What a caller sends; as in every request, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class QuoteLine(QuoteCall):
    """What a caller wants priced. Lines of one SKU may repeat: thresholds see their sum."""

    sku: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    quantity: Quantity


class QuoteRequest(QuoteCall):
    """A basket to be priced for a store."""

    store_id: str = Field(max_length=64)
    lines: tuple[QuoteLine, ...] = Field(min_length=1, max_length=200)


class AppliedDiscount(Contract):
    """One promotion's part of a line's discount, in minor units."""

    kind: str
    campaign_id: str
    amount: Minor


class PricedLine(Contract):
    """A line with its money: gross less discount is net, all in minor units."""

    sku: str
    quantity: Quantity
    unit_price: Minor
    gross: Minor
    discount: Minor
    net: Minor
    discounts: tuple[AppliedDiscount, ...] = ()


class QuoteNote(Contract):
    """Why a campaign applied or did not (PRM-2): stable code and a sentence; amounts in minor units.

    Codes: `applied`, `below_threshold`, `not_eligible_lines`, `beaten_by_other`.
    """

    campaign_id: str
    name: str
    applied: bool
    code: str
    message: str
    off: Minor = 0
    """What it takes off, or would take off if it did not exclude a better one."""
    missing: Minor = 0
    """How much more must be spent to reach its first tier."""


class Quote(Contract):
    """A priced basket that explains itself."""

    store_id: str
    currency: str
    lines: tuple[PricedLine, ...]
    gross: Minor
    discount: Minor
    net: Minor
    campaign_ids: tuple[str, ...] = ()
    notes: tuple[QuoteNote, ...] = ()


QUOTE_REFUSALS: dict[int, tuple[str, ...]] = {
    409: ("listing_off_shelf", "price_currency_stale"),
    422: ("sku_not_listed", "quote_too_large"),
}
"""Why a basket of a store has no price: codes by status, which whoever asks for a quote may pass on."""


class QuoteRefusal(Contract):
    """Why one basket of a batch has no price: what a problem of its own would say."""

    code: str
    detail: str
    status: int = 422
    errors: tuple[dict[str, Any], ...] = ()
    """Pointer into that basket, value, and what was expected."""


class QuoteBatchRequest(QuoteCall):
    """Up to 500 baskets in one call."""

    quotes: tuple[QuoteRequest, ...] = Field(min_length=1, max_length=500)


class QuoteBatch(Contract):
    """Answers in the order of the request: a quote or a refusal each."""

    items: tuple[Quote | QuoteRefusal, ...]
