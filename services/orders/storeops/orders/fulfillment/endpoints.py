"""The warehouse's work over HTTP."""

from collections.abc import Sequence

from storeops.common.auth.permissions import Permission
from storeops.common.errors import DomainError
from storeops.common.http.bodies import ItemResult
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.orders.deadlines.schemas import instant_of
from storeops.orders.fulfillment import queries
from storeops.orders.fulfillment.commands.handing_over import hand_over_parcels
from storeops.orders.fulfillment.commands.packing import pack_parcels
from storeops.orders.fulfillment.errors import (
    FulfillmentOrderNotFound,
    FulfillmentOrderNotOpen,
    OrderHeld,
    PackMismatch,
    ParcelGone,
    ParcelNotFound,
    ParcelStopped,
    WaybillUsed,
)
from storeops.orders.fulfillment.rules import Status
from storeops.orders.fulfillment.schemas import (
    FulfillmentOrderId,
    FulfillmentOrderRead,
    HandOverParcels,
    PackItem,
    PackParcel,
    PackParcels,
    ParcelId,
    ParcelRead,
    ParcelResults,
    WarehouseFilter,
)
from storeops.orders.sessions import Read, Write, stores_asked
from storeops.orders.stores.schemas import StoreFilter

router = ServiceRouter("orders", tags=["fulfillment"])


@router.endpoint(
    "GET",
    "/v1/fulfillment-orders",
    permission=Permission.FULFILLMENT_READ,
    errors=[StoreForbidden, CursorMalformed],
)
async def list_fulfillment_orders(
    session: Read,
    *,
    status: Status | None = None,
    store_id: StoreFilter = None,
    warehouse_id: WarehouseFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FulfillmentOrderRead]:
    """Work for the warehouse, the most urgent first (ORD-5)."""
    after = decode_cursor(cursor, [instant_of, str])
    rows = await queries.list_work(
        session,
        stores=stores_asked(session, store_id),
        warehouse_id=warehouse_id,
        status=status,
        after=(after[0], after[1]) if after else None,
        limit=limit + 1,
    )
    return page_of(rows, limit, key=lambda work: [work.late_at, work.fulfillment_order_id], item=lambda work: work)


@router.endpoint(
    "POST",
    "/v1/fulfillment-orders/{fulfillment_order_id}/pack",
    permission=Permission.FULFILLMENT_WORK,
    errors=[FulfillmentOrderNotFound, FulfillmentOrderNotOpen, OrderHeld, PackMismatch, WaybillUsed],
    status=201,
)
async def pack_fulfillment_order(
    fulfillment_order_id: FulfillmentOrderId, body: PackParcel, session: Write
) -> ParcelRead:
    """Pack an order into a parcel with its waybill; what was scanned must be what was ordered (ORD-7)."""
    item = PackItem(fulfillment_order_id=fulfillment_order_id, **body.model_dump())
    return only(await pack_parcels(session, [item]))


@router.endpoint(
    "POST",
    "/v1/fulfillment-orders:pack",
    permission=Permission.FULFILLMENT_WORK,
    idempotency="required",
)
async def pack_fulfillment_orders(body: PackParcels, session: Write) -> ParcelResults:
    """Pack up to 500 orders; each is packed (201 with its parcel) or refused by itself."""
    return results(await pack_parcels(session, body.items), status=201)


@router.endpoint(
    "POST",
    "/v1/parcels/{parcel_id}/handover",
    permission=Permission.FULFILLMENT_WORK,
    errors=[ParcelNotFound, ParcelGone, ParcelStopped],
)
async def hand_over_parcel(parcel_id: ParcelId, session: Write) -> ParcelRead:
    """Register that a parcel left with its courier (ORD-8); the last one of an order ships it and stops its clocks."""
    return only(await hand_over_parcels(session, [parcel_id]))


@router.endpoint("POST", "/v1/parcels:handover", permission=Permission.FULFILLMENT_WORK, idempotency="required")
async def hand_over_many_parcels(body: HandOverParcels, session: Write) -> ParcelResults:
    """Hand over up to 500 parcels; each leaves (200 with the parcel) or is refused by itself."""
    return results(await hand_over_parcels(session, [item.parcel_id for item in body.items]), status=200)


def only(outcomes: Sequence[ParcelRead | DomainError]) -> ParcelRead:
    """The one outcome; raises it when it is a refusal."""
    [outcome] = outcomes
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def results(outcomes: Sequence[ParcelRead | DomainError], *, status: int) -> ParcelResults:
    """The outcomes of a `:batch`; `status` is what a parcel alone would have been answered with."""
    return ParcelResults(
        items=[
            ItemResult.refused(index, outcome)
            if isinstance(outcome, DomainError)
            else ItemResult(index=index, status=status, resource=outcome)
            for index, outcome in enumerate(outcomes)
        ]
    )
