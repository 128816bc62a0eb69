"""Traffic over HTTP: as JSON, or as a CSV file."""

from typing import Annotated

from fastapi import Body

from storeops.common.auth.permissions import Permission
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.reporting.sessions import Write
from storeops.reporting.traffic import commands
from storeops.reporting.traffic.errors import FileUnreadable, HeaderInvalid, TooManyRows
from storeops.reporting.traffic.schemas import RecordedTraffic, RecordTraffic, TrafficImported

router = ServiceRouter("reporting", tags=["traffic"])

CSV_EXAMPLE = (
    "store_id,day,source,terminal,visitors,page_views,provider\n"
    "sto_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f,2026-11-11,search,mobile,1204,3811,sycm\n"
)


@router.endpoint(
    "POST",
    "/v1/traffic",
    permission=Permission.TRAFFIC_RECORD,
    errors=[StoreForbidden],
    status=202,
)
async def record_traffic(body: RecordTraffic, session: Write) -> RecordedTraffic:
    """Hand in up to 500 figures: visitors and page views by store, day, source and terminal, each taken or refused.

    An item's `status` is 202, or 404 with the `problem` when its store is not known; a store outside the caller's
    scope refuses the whole request.
    """
    return await commands.record_traffic(session, body.items)


@router.endpoint(
    "POST",
    "/v1/traffic/import",
    permission=Permission.TRAFFIC_RECORD,
    errors=[FileUnreadable, HeaderInvalid, TooManyRows],
    status=202,
)
async def import_traffic(
    file: Annotated[bytes, Body(media_type="text/csv", examples=[CSV_EXAMPLE])], session: Write
) -> TrafficImported:
    """Hand in a CSV file (UTF-8 or GB18030, header row, at most 5,000 rows).

    Good rows are taken; each bad row comes back with its line, its values and what was expected.
    """
    return await commands.import_traffic(session, file)
