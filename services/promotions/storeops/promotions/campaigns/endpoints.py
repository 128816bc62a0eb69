"""Campaigns over HTTP."""

from typing import Annotated

from fastapi import Path, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.promotions.campaigns import commands, queries
from storeops.promotions.campaigns.errors import CampaignNotFound, CampaignTiersInvalid, CampaignTimesInvalid
from storeops.promotions.campaigns.rules import CampaignStatus
from storeops.promotions.campaigns.schemas import CampaignRead, CreateCampaign
from storeops.promotions.sessions import Read, Write
from storeops.promotions.stores.errors import StoreNotFound
from storeops.promotions.stores.schemas import StoreFilter

router = ServiceRouter("promotions", tags=["campaigns"])

CampaignId = Annotated[str, Path(pattern=r"^cmp_[0-9a-f]{32}$")]


@router.endpoint(
    "POST",
    "/v1/campaigns",
    permission=Permission.CAMPAIGNS_MANAGE,
    errors=[StoreForbidden, StoreNotFound, CampaignTiersInvalid, CampaignTimesInvalid],
    status=201,
)
async def create_campaign(body: CreateCampaign, session: Write, response: Response) -> CampaignRead:
    """Plan a spend-X-get-Y-off campaign (满减); it runs by itself from `starts_at` until `ends_at`."""
    campaign = await commands.create_campaign(session, body)
    response.headers["location"] = f"/v1/campaigns/{campaign.campaign_id}"
    return CampaignRead.of(campaign, await session.now())


@router.endpoint("GET", "/v1/campaigns", permission=Permission.CAMPAIGNS_READ, errors=[StoreForbidden, CursorMalformed])
async def list_campaigns(
    session: Read,
    *,
    store_id: StoreFilter = None,
    status: CampaignStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CampaignRead]:
    """Campaigns, the youngest first."""
    if store_id is not None:
        session.scope.require_store(store_id)
    before = decode_cursor(cursor, [str])
    now = await session.now()
    rows = await queries.list_campaigns(
        session,
        stores=session.scope.stores if store_id is None else [store_id],
        status=status,
        now=now,
        before=before[0] if before else None,
        limit=limit + 1,
    )
    return page_of(rows, limit, key=lambda row: [row.campaign_id], item=lambda row: CampaignRead.of(row, now))


@router.endpoint("GET", "/v1/campaigns/{campaign_id}", permission=Permission.CAMPAIGNS_READ, errors=[CampaignNotFound])
async def read_campaign(campaign_id: CampaignId, session: Read) -> CampaignRead:
    """A campaign and where it stands."""
    campaign = await queries.get_campaign(session, campaign_id)
    return CampaignRead.of(campaign, await session.now())


@router.endpoint(
    "POST", "/v1/campaigns/{campaign_id}/end", permission=Permission.CAMPAIGNS_MANAGE, errors=[CampaignNotFound]
)
async def end_campaign(campaign_id: CampaignId, session: Write) -> CampaignRead:
    """End a campaign before its time. One that is over stays as it is."""
    campaign = await commands.end_campaign(session, campaign_id)
    return CampaignRead.of(campaign, await session.now())
