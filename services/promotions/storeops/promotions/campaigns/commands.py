"""Plans and ends campaigns."""

from datetime import UTC

from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.money import MoneyError, to_minor
from storeops.promotions.campaigns.errors import CampaignTiersInvalid, CampaignTimesInvalid
from storeops.promotions.campaigns.models import Campaign
from storeops.promotions.campaigns.queries import lock_campaign
from storeops.promotions.campaigns.rules import SPEND_OFF, CampaignStatus, Tier, campaign_status, check_tiers
from storeops.promotions.campaigns.schemas import CreateCampaign
from storeops.promotions.stores.queries import get_store


async def create_campaign(session: WriteSession, body: CreateCampaign) -> Campaign:
    """Plan a campaign, which runs by itself in its time.

    Raises `StoreForbidden`, `StoreNotFound`, `CampaignTiersInvalid` or `CampaignTimesInvalid`.
    """
    store = await get_store(session, body.store_id)
    if body.ends_at <= body.starts_at:
        errors = [{"pointer": "/body/ends_at", "value": body.ends_at.isoformat(), "expected": "after starts_at"}]
        raise CampaignTimesInvalid("the campaign ends before it starts", errors=errors)
    tiers = minor_tiers(body, store.currency)
    check_tiers(tiers, store.currency)
    campaign = Campaign(
        campaign_id=new_id("cmp"),
        store_id=store.store_id,
        kind=SPEND_OFF,
        name=body.name,
        currency=store.currency,
        thresholds=[tier.threshold for tier in tiers],
        offs=[tier.off for tier in tiers],
        skus=None if body.skus is None else sorted(set(body.skus)),
        starts_at=body.starts_at.astimezone(UTC),
        ends_at=body.ends_at.astimezone(UTC),
        created_by=session.scope.actor,
        created_at=await session.now(),
        ended_by=None,
        ended_at=None,
    )
    (await session.orm()).add(campaign)
    return campaign


async def end_campaign(session: WriteSession, campaign_id: str) -> Campaign:
    """End a campaign before its time; one that is over stays as it is. Raises `CampaignNotFound`."""
    campaign = await lock_campaign(session, campaign_id)
    now = await session.now()
    if (
        campaign_status(campaign.starts_at, campaign.ends_at, ended_at=campaign.ended_at, now=now)
        is CampaignStatus.ENDED
    ):
        return campaign
    row = await session.fetchrow(
        "UPDATE promotions.campaign SET ended_at = $2, ended_by = $3 WHERE campaign_id = $1 RETURNING *",
        campaign_id,
        now,
        session.scope.actor,
    )
    assert row is not None
    return Campaign(**row)


def minor_tiers(body: CreateCampaign, currency: str) -> list[Tier]:
    """The body's tiers in minor units; raises `CampaignTiersInvalid` for what is no amount of the currency."""
    tiers: list[Tier] = []
    for index, tier in enumerate(body.tiers):
        amounts: dict[str, int] = {}
        for field, amount in (("threshold", tier.threshold), ("off", tier.off)):
            try:
                amounts[field] = to_minor(amount, currency)
            except MoneyError as error:
                pointer = f"/body/tiers/{index}/{field}"
                errors = [{"pointer": pointer, "value": amount, "expected": f"an amount of {currency}"}]
                raise CampaignTiersInvalid(str(error), errors=errors) from error
        tiers.append(Tier(**amounts))
    return tiers
