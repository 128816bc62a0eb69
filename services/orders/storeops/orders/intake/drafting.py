"""Turns bodies and quotes into drafts: an order whose money is known to add up, not yet written.

Apart because placing by request and by import both begin with it, and commands should only write.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storeops.common.contracts.promotions import AppliedDiscount, Quote
from storeops.common.errors import DomainError
from storeops.common.ids import new_id
from storeops.common.money import MoneyError, to_decimal, to_minor
from storeops.orders.customers.rules import ContactFacts, identity_of, keyed_print
from storeops.orders.customers.schemas import contact_facts
from storeops.orders.deadlines.rules import ShipClocks, StoreTerms
from storeops.orders.intake.errors import (
    AmountMalformed,
    BuyerUnknown,
    CurrencyMismatch,
    LineMoneyWrong,
    PayableWrong,
    TimesImpossible,
)
from storeops.orders.intake.rules import AHEAD, LineMoney, payable_of
from storeops.orders.intake.schemas import ChannelLine, ChannelOrder, OwnSiteOrder
from storeops.orders.stores.errors import StoreNotFound

OWN_CHANNEL = "own"
"""The channel of orders that come in by the own site, whatever else their store sells on."""


class Draft(NamedTuple):
    """An order to write; money in minor units. It is paid when it has clocks, else it expires."""

    order_id: str
    store_id: str
    channel: str
    channel_order_id: str | None
    content_print: str | None
    currency: str
    lines: Sequence[LineMoney]
    payable: int
    placed_at: datetime
    expires_at: datetime | None
    paid_at: datetime | None
    clocks: ShipClocks | None
    contact: ContactFacts
    identity: str
    quote: str | None
    campaign_ids: Sequence[str]
    labels: Sequence[str]

    @property
    def gross(self) -> int:
        """Before discounts."""
        return sum(line.gross for line in self.lines)

    @property
    def received(self) -> int:
        """What the buyer has paid."""
        return 0 if self.paid_at is None else self.payable

    @property
    def net(self) -> int:
        """What the shop receives."""
        return sum(line.net for line in self.lines)


def draft_order(
    body: OwnSiteOrder | ChannelOrder,
    quote: Quote | DomainError | None,
    terms: StoreTerms | None,
    *,
    at: str,
    now: datetime,
    contact_key: str,
) -> Draft:
    """The draft of a body; raises why there is none. `at` is where the body lies in the request."""
    if isinstance(quote, DomainError):
        raise quote
    if terms is None:
        raise StoreNotFound(f"there is no store {body.store_id}")
    if isinstance(body, ChannelOrder):
        return draft_channel(body, terms, at=at, now=now, contact_key=contact_key)
    assert quote is not None
    return draft_own_site(body, quote, terms, now=now, contact_key=contact_key)


def draft_own_site(body: OwnSiteOrder, quote: Quote, terms: StoreTerms, *, now: datetime, contact_key: str) -> Draft:
    """An own-site order at its quote, waiting for its payment (ORD-2)."""
    contact = contact_facts(body.customer, body.remark)
    identity = identity_of(contact_key, body.store_id, contact)
    assert identity is not None
    lines = [
        LineMoney(line.sku, line.quantity, line.gross, discounts_by_kind(line.discounts), line.net)
        for line in quote.lines
    ]
    return Draft(
        order_id=new_id("ord"),
        store_id=body.store_id,
        channel=OWN_CHANNEL,
        channel_order_id=None,
        content_print=None,
        currency=quote.currency,
        lines=lines,
        payable=payable_of(lines),
        placed_at=now,
        expires_at=now + terms.promise.expire_after,
        paid_at=None,
        clocks=None,
        contact=contact,
        identity=identity,
        quote=quote.model_dump_json(),
        campaign_ids=quote.campaign_ids,
        labels=body.labels,
    )


def draft_channel(body: ChannelOrder, terms: StoreTerms, *, at: str, now: datetime, contact_key: str) -> Draft:
    """A channel's paid order with its own money.

    `at` is where the body lies in the request. Raises what is wrong with it, naming the line: `CurrencyMismatch`,
    `AmountMalformed`, `LineMoneyWrong`, `PayableWrong`, `BuyerUnknown`, `TimesImpossible`.
    """
    require_currency(body.currency, terms.currency, at=at)
    require_times(body, at=at, now=now)
    contact = contact_facts(body.customer, body.remark)
    identity = identity_of(contact_key, body.store_id, contact)
    if identity is None:
        errors = [{"pointer": f"{at}/customer/account", "value": None, "expected": "an account or a phone"}]
        raise BuyerUnknown("the order names neither its buyer's account nor a phone", errors=errors)
    lines = [line_money(line, body.currency, at=f"{at}/lines/{index}") for index, line in enumerate(body.lines)]
    payable = minor(body.payable, body.currency, at=f"{at}/payable")
    if payable != payable_of(lines):
        expected = to_decimal(payable_of(lines), body.currency)
        errors = [{"pointer": f"{at}/payable", "value": body.payable, "expected": expected}]
        raise PayableWrong(f"the lines' net less what platform or brand pays is {expected}", errors=errors)
    return Draft(
        order_id=new_id("ord"),
        store_id=body.store_id,
        channel=terms.channel,
        channel_order_id=body.channel_order_id,
        content_print=keyed_print(contact_key, "content", body.model_dump_json()),
        currency=body.currency,
        lines=lines,
        payable=payable,
        placed_at=body.placed_at,
        expires_at=None,
        paid_at=body.paid_at,
        clocks=terms.clocks(body.paid_at, body.campaign_ids),
        contact=contact,
        identity=identity,
        quote=None,
        campaign_ids=body.campaign_ids,
        labels=body.labels,
    )


def line_money(line: ChannelLine, currency: str, *, at: str) -> LineMoney:
    """A channel's line in minor units; raises `LineMoneyWrong` unless its amounts add up to the cent."""
    discounts = {kind: minor(amount, currency, at=f"{at}/discounts/{kind}") for kind, amount in line.discounts.items()}
    money = LineMoney(
        line.sku,
        line.quantity,
        minor(line.gross, currency, at=f"{at}/gross"),
        discounts,
        minor(line.net, currency, at=f"{at}/net"),
    )
    if not money.balanced:
        expected = f"gross less the shop's discounts: {to_decimal(money.gross - money.discount, currency)}"
        if money.subsidy > money.net:
            expected = f"at least what platform or brand pays: {to_decimal(money.subsidy, currency)}"
        errors = [{"pointer": f"{at}/net", "value": line.net, "expected": expected}]
        raise LineMoneyWrong(f"the money of {line.sku} does not add up: net must be {expected}", errors=errors)
    return money


def minor(amount: str, currency: str, *, at: str) -> int:
    """An amount in minor units; raises `AmountMalformed` naming where it stands."""
    try:
        return to_minor(amount, currency)
    except MoneyError as error:
        errors = [{"pointer": at, "value": amount, "expected": f"an amount of {currency}"}]
        raise AmountMalformed(str(error), errors=errors) from error


def require_currency(given: str, wanted: str, *, at: str) -> None:
    """Raise `CurrencyMismatch` unless money is in the currency that is wanted."""
    if given != wanted:
        errors = [{"pointer": f"{at}/currency", "value": given, "expected": wanted}]
        raise CurrencyMismatch(f"the money must be in {wanted}", errors=errors)


def require_times(body: ChannelOrder, *, at: str, now: datetime) -> None:
    """Raise `TimesImpossible` when an order was paid before it was placed, or well ahead of now."""
    if body.paid_at < body.placed_at:
        errors = [{"pointer": f"{at}/paid_at", "value": body.paid_at.isoformat(), "expected": "placed_at or later"}]
        raise TimesImpossible("the order was paid before it was placed", errors=errors)
    if body.paid_at > now + AHEAD:
        errors = [{"pointer": f"{at}/paid_at", "value": body.paid_at.isoformat(), "expected": "no later than now"}]
        raise TimesImpossible("the order was paid in the future", errors=errors)


def discounts_by_kind(discounts: Sequence[AppliedDiscount]) -> dict[str, int]:
    """A quoted line's discounts, summed by kind."""
    by_kind: dict[str, int] = {}
    for discount in discounts:
        by_kind[discount.kind] = by_kind.get(discount.kind, 0) + discount.amount
    return by_kind
