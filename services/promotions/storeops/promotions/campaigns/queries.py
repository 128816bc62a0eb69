"""Reads of campaigns."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import col, select

from storeops.common.db import ReadSession, WriteSession
from storeops.promotions.campaigns.errors import CampaignNotFound
from storeops.promotions.campaigns.models import Campaign
from storeops.promotions.campaigns.rules import CampaignStatus, CampaignTerms, Tier


async def get_campaign(session: ReadSession, campaign_id: str) -> Campaign:
    """A campaign; raises `CampaignNotFound`."""
    orm = await session.orm()
    found = (await orm.exec(select(Campaign).where(Campaign.campaign_id == campaign_id))).one_or_none()
    if found is None:
        raise CampaignNotFound(f"there is no campaign {campaign_id}")
    return found


async def lock_campaign(session: WriteSession, campaign_id: str) -> Campaign:
    """A campaign, locked until the transaction ends; raises `CampaignNotFound`."""
    row = await session.fetchrow("SELECT * FROM promotions.campaign WHERE campaign_id = $1 FOR UPDATE", campaign_id)
    if row is None:
        raise CampaignNotFound(f"there is no campaign {campaign_id}")
    return Campaign(**row)


async def list_campaigns(
    session: ReadSession,
    *,
    stores: Collection[str] | None,
    status: CampaignStatus | None,
    now: datetime,
    before: str | None,
    limit: int,
) -> Sequence[Campaign]:
    """Up to `limit` campaigns, the youngest first, from before id `before` on; `stores` None is every store."""
    wanted = select(Campaign).order_by(col(Campaign.campaign_id).desc()).limit(limit)
    over = col(Campaign.ended_at).is_not(None) | (col(Campaign.ends_at) <= now)
    if stores is not None:
        wanted = wanted.where(col(Campaign.store_id).in_(stores))
    if status is CampaignStatus.ENDED:
        wanted = wanted.where(over)
    elif status is CampaignStatus.RUNNING:
        wanted = wanted.where(~over, col(Campaign.starts_at) <= now)
    elif status is CampaignStatus.PLANNED:
        wanted = wanted.where(~over, col(Campaign.starts_at) > now)
    if before is not None:
        wanted = wanted.where(col(Campaign.campaign_id) < before)
    orm = await session.orm()
    return (await orm.exec(wanted)).all()


async def running_terms(
    session: ReadSession, store_ids: Collection[str], skus: Collection[str], now: datetime
) -> dict[str, list[CampaignTerms]]:
    """The campaigns that run in these stores at `now`, by store; of their SKUs only those among `skus` are read.

    A campaign in another currency than its store's present one does not count.
    """
    rows = await session.fetch(
        "SELECT campaign.store_id, campaign_id, campaign.name, thresholds, offs, starts_at, ends_at, "
        "CASE WHEN skus IS NOT NULL THEN ARRAY(SELECT unnest(skus) INTERSECT SELECT unnest($2::text[])) END "
        "AS skus FROM promotions.campaign JOIN promotions.store USING (store_id, currency) "
        "WHERE campaign.store_id = ANY($1::text[]) AND ended_at IS NULL AND starts_at <= $3 AND ends_at > $3",
        list(store_ids),
        list(skus),
        now,
    )
    terms: dict[str, list[CampaignTerms]] = {}
    for row in rows:
        tiers = [Tier(*pair) for pair in zip(row["thresholds"], row["offs"], strict=True)]
        part = None if row["skus"] is None else frozenset[str](row["skus"])
        terms.setdefault(row["store_id"], []).append(
            CampaignTerms(row["campaign_id"], row["name"], tiers, part, row["starts_at"], row["ends_at"])
        )
    return terms
