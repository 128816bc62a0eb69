"""What a spend-X-get-Y-off campaign is and when it runs (PRM-1). Pure: no clock but its argument."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from storeops.common.money import to_decimal
from storeops.promotions.campaigns.errors import CampaignTiersInvalid

SPEND_OFF = "spend_off"
"""The kind: spend X, get Y off (满减)."""


class Tier(NamedTuple):
    """From `threshold` on, `off` is taken off; minor units."""

    threshold: int
    off: int


class CampaignStatus(StrEnum):
    """Where a campaign stands in its time."""

    PLANNED = "planned"
    RUNNING = "running"
    ENDED = "ended"


class CampaignTerms(NamedTuple):
    """A campaign as a basket meets it. `skus` None: every SKU of the store takes part."""

    campaign_id: str
    name: str
    tiers: Sequence[Tier]
    """Ascending."""
    skus: frozenset[str] | None
    starts_at: datetime
    ends_at: datetime

    def status_at(self, now: datetime) -> CampaignStatus:
        """Where it stands: it runs from `starts_at` until just before `ends_at`."""
        return campaign_status(self.starts_at, self.ends_at, ended_at=None, now=now)

    def takes(self, sku: str) -> bool:
        """Whether a SKU takes part."""
        return self.skus is None or sku in self.skus

    def tier_for(self, spent: int) -> Tier | None:
        """The highest tier that `spent` reaches."""
        return next((tier for tier in reversed(self.tiers) if spent >= tier.threshold), None)


def campaign_status(
    starts_at: datetime, ends_at: datetime, *, ended_at: datetime | None, now: datetime
) -> CampaignStatus:
    """Planned before its start, running until its end, ended after that or once a person ended it."""
    if ended_at is not None or now >= ends_at:
        return CampaignStatus.ENDED
    return CampaignStatus.RUNNING if now >= starts_at else CampaignStatus.PLANNED


def check_tiers(tiers: Sequence[Tier], currency: str) -> None:
    """Raise `CampaignTiersInvalid` unless 0 < off < threshold in each tier, and both rise from tier to tier."""
    before = Tier(0, 0)
    for index, tier in enumerate(tiers):
        if not 0 < tier.off < tier.threshold:
            raise _tier_refused(index, "off", to_decimal(tier.off, currency), "over zero and less than the threshold")
        if tier.threshold <= before.threshold:
            raise _tier_refused(
                index, "threshold", to_decimal(tier.threshold, currency), "more than in the tier before"
            )
        if tier.off <= before.off:
            raise _tier_refused(index, "off", to_decimal(tier.off, currency), "more than in the tier before")
        before = tier


def _tier_refused(index: int, field: str, value: str, expected: str) -> CampaignTiersInvalid:
    errors = [{"pointer": f"/body/tiers/{index}/{field}", "value": value, "expected": expected}]
    return CampaignTiersInvalid(f"tier {index + 1}: {field} {value} must be {expected}", errors=errors)
