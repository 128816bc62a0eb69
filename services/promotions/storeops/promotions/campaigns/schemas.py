"""Bodies and answers about campaigns."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, Field

from storeops.common.http.bodies import MONEY, NAME, SKU, STORE_ID, Body
from storeops.common.money import to_decimal
from storeops.promotions.campaigns.models import Campaign
from storeops.promotions.campaigns.rules import CampaignStatus, campaign_status

Instant = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))]
"""A business time with its offset, in this century."""


class TierBody(Body):
    """Spend `threshold`, get `off` off; in the store's currency."""

    threshold: MONEY
    off: MONEY


class CreateCampaign(Body):
    """Spend X, get Y off in one store. The highest tier that the SKUs taking part reach is taken off, once."""

    store_id: STORE_ID
    name: NAME
    tiers: Annotated[list[TierBody], Field(min_length=1, max_length=20)]
    """Ascending in both amounts, 0 < off < threshold."""
    skus: Annotated[list[SKU], Field(min_length=1, max_length=2000)] | None = None
    """The SKUs that take part; null: all of the store."""
    starts_at: Instant
    ends_at: Instant
    """The first instant at which it no longer runs."""


class TierRead(BaseModel):
    """Spend `threshold`, get `off` off."""

    threshold: str
    off: str


class CampaignRead(BaseModel):
    """A campaign and where it stands now. `ended_by` and `ended_at` tell of one ended before its time."""

    campaign_id: str
    store_id: str
    kind: str
    name: str
    currency: str
    tiers: list[TierRead]
    skus: list[str] | None
    starts_at: datetime
    ends_at: datetime
    status: CampaignStatus
    created_by: str
    created_at: datetime
    ended_by: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, campaign: Campaign, now: datetime) -> Self:
        """The answer for a row, at a business time."""
        tiers = [
            TierRead(threshold=to_decimal(threshold, campaign.currency), off=to_decimal(off, campaign.currency))
            for threshold, off in zip(campaign.thresholds, campaign.offs, strict=True)
        ]
        status = campaign_status(campaign.starts_at, campaign.ends_at, ended_at=campaign.ended_at, now=now)
        return cls(tiers=tiers, status=status, **campaign.model_dump(exclude={"thresholds", "offs"}))
