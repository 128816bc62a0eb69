"""Prices a basket and says why (PRM-2). Pure: no I/O, no clock but its argument; amounts in minor units.

Campaigns of the kind spend-X-get-Y-off exclude each other: the one that takes most off applies, alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from storeops.common.contracts.promotions import AppliedDiscount, PricedLine, QuoteLine, QuoteNote
from storeops.common.money import MAX_MINOR, spread, to_decimal
from storeops.promotions.campaigns.rules import SPEND_OFF, CampaignStatus, CampaignTerms
from storeops.promotions.pricing.errors import QuoteTooLarge


class PricedBasket(NamedTuple):
    """The parts of a quote that depend on lines, prices and campaigns."""

    lines: tuple[PricedLine, ...]
    gross: int
    discount: int
    net: int
    campaign_ids: tuple[str, ...]
    notes: tuple[QuoteNote, ...]


class Claim(NamedTuple):
    """What one campaign makes of a basket on its own."""

    campaign: CampaignTerms
    eligible: tuple[int, ...]
    """The places of the lines that take part."""
    off: int
    missing: int
    """Up to the first tier; 0 when it is reached."""


def price_basket(
    lines: Sequence[QuoteLine],
    prices: Mapping[str, int],
    campaigns: Sequence[CampaignTerms],
    now: datetime,
    *,
    currency: str,
) -> PricedBasket:
    """A basket with its money line by line, and a note for every campaign that runs at `now`.

    `prices` holds every SKU of the lines; `currency` is for the sentences. Of campaigns that take the same off, the
    oldest applies. Raises `QuoteTooLarge`.
    """
    gross = [prices[line.sku] * line.quantity for line in lines]
    if sum(gross) >= MAX_MINOR:
        raise QuoteTooLarge(
            f"the basket is worth {to_decimal(sum(gross), currency)} {currency}, more than can be priced"
        )
    running = [campaign for campaign in campaigns if campaign.status_at(now) is CampaignStatus.RUNNING]
    claims = [claim_of(campaign, lines, gross) for campaign in sorted(running, key=lambda c: c.campaign_id)]
    best = max((claim for claim in claims if claim.off), key=lambda claim: claim.off, default=None)
    discounts = [0] * len(lines)
    if best is not None:
        shares = spread(best.off, [gross[place] for place in best.eligible])
        for place, share in zip(best.eligible, shares, strict=True):
            discounts[place] = share
    return PricedBasket(
        lines=tuple(
            priced_line(line, prices[line.sku], discount, best) for line, discount in zip(lines, discounts, strict=True)
        ),
        gross=sum(gross),
        discount=sum(discounts),
        net=sum(gross) - sum(discounts),
        campaign_ids=() if best is None else (best.campaign.campaign_id,),
        notes=tuple(note_of(claim, best, currency) for claim in claims),
    )


def claim_of(campaign: CampaignTerms, lines: Sequence[QuoteLine], gross: Sequence[int]) -> Claim:
    """What a campaign would take off a basket if it were the only one."""
    eligible = tuple(place for place, line in enumerate(lines) if campaign.takes(line.sku))
    spent = sum(gross[place] for place in eligible)
    tier = campaign.tier_for(spent)
    if tier is None:
        return Claim(campaign, eligible, off=0, missing=campaign.tiers[0].threshold - spent)
    return Claim(campaign, eligible, off=tier.off, missing=0)


def priced_line(line: QuoteLine, unit_price: int, discount: int, best: Claim | None) -> PricedLine:
    """A line with its share of the discount."""
    gross = unit_price * line.quantity
    applied: tuple[AppliedDiscount, ...] = ()
    if best is not None and discount:
        applied = (AppliedDiscount(kind=SPEND_OFF, campaign_id=best.campaign.campaign_id, amount=discount),)
    return PricedLine(
        sku=line.sku,
        quantity=line.quantity,
        unit_price=unit_price,
        gross=gross,
        discount=discount,
        net=gross - discount,
        discounts=applied,
    )


def note_of(claim: Claim, best: Claim | None, currency: str) -> QuoteNote:
    """Why a running campaign applied or did not."""
    code, message = verdict_of(claim, best, currency)
    return QuoteNote(
        campaign_id=claim.campaign.campaign_id,
        name=claim.campaign.name,
        applied=claim is best,
        code=code,
        message=message,
        off=claim.off,
        missing=claim.missing,
    )


def verdict_of(claim: Claim, best: Claim | None, currency: str) -> tuple[str, str]:
    """The stable code and the sentence of a note."""

    def money(minor: int) -> str:
        return f"{to_decimal(minor, currency)} {currency}"

    if not claim.eligible:
        return "not_eligible_lines", "nothing in this basket takes part"
    if best is None or not claim.off:
        first = claim.campaign.tiers[0]
        return "below_threshold", f"{money(claim.missing)} more would take {money(first.off)} off"
    if claim is best:
        return "applied", f"{money(claim.off)} off, spread over {len(claim.eligible)} lines"
    beaten = f"{money(claim.off)} off, but {best.campaign.name!r} takes {money(best.off)} off; only one may apply"
    return "beaten_by_other", beaten
