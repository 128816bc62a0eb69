"""Packs parcels against their orders (ORD-7)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from storeops.common.contracts.orders import ParcelPacked, SkuQuantity
from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.orders.fulfillment import queries, rules
from storeops.orders.fulfillment.errors import (
    FulfillmentOrderNotFound,
    FulfillmentOrderNotOpen,
    OrderHeld,
    PackMismatch,
    WaybillUsed,
)
from storeops.orders.fulfillment.queries import Work
from storeops.orders.fulfillment.rules import Status
from storeops.orders.fulfillment.schemas import PackItem, ParcelRead
from storeops.orders.intake.queries import pieces_of

PACK = """
WITH parcel AS (
    INSERT INTO orders.parcel (parcel_id, fulfillment_order_id, order_id, store_id, warehouse_id, courier, waybill_no,
        packed_at, packed_by)
    SELECT *, $8::timestamptz, $9::text
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    ON CONFLICT (courier, waybill_no) DO NOTHING
    RETURNING parcel_id, fulfillment_order_id, order_id
), work AS (
    UPDATE orders.fulfillment_order AS f SET status = 'packed', packed_at = $8
    FROM parcel WHERE f.fulfillment_order_id = parcel.fulfillment_order_id
)
UPDATE orders.sales_order AS o SET packed_at = $8, event_sequence = event_sequence + 1, version = version + 1
FROM parcel WHERE o.order_id = parcel.order_id RETURNING parcel.parcel_id, o.event_sequence
"""
"""Parcels, their work and their orders; a parcel whose waybill is taken is left out with all that hangs on it."""


async def pack_parcels(session: WriteSession, items: Sequence[PackItem]) -> list[ParcelRead | DomainError]:
    """Pack fulfillment orders, each by itself: answers a parcel or a refusal for each, in their order (ORD-7).

    Refusals: `FulfillmentOrderNotFound`, `FulfillmentOrderNotOpen`, `OrderHeld`, `PackMismatch`, `WaybillUsed`.
    """
    now = await session.now()
    work = await queries.lock_work(session, [item.fulfillment_order_id for item in items])
    pieces = await pieces_of(session, [held.order.order_id for held in work.values()])
    outcomes: list[ParcelRead | DomainError] = []
    taken: set[str] = set()
    for item in items:
        held = work.get(item.fulfillment_order_id)
        refusal = pack_refusal(item, held, pieces, again=item.fulfillment_order_id in taken)
        if refusal is None and held is not None:
            taken.add(item.fulfillment_order_id)
            outcomes.append(new_parcel(item, held, now=now, by=session.scope.actor))
        elif refusal is not None:
            outcomes.append(refusal)
    parcels = [outcome for outcome in outcomes if isinstance(outcome, ParcelRead)]
    written = await write_parcels(session, parcels, pieces, now=now) if parcels else set[str]()
    return [
        WaybillUsed(f"{outcome.courier} has {outcome.waybill_no} on another parcel")
        if isinstance(outcome, ParcelRead) and outcome.parcel_id not in written
        else outcome
        for outcome in outcomes
    ]


async def write_parcels(
    session: WriteSession,
    parcels: Sequence[ParcelRead],
    pieces: Mapping[str, tuple[SkuQuantity, ...]],
    *,
    now: datetime,
) -> set[str]:
    """Write packed parcels of locked orders and publish them; answers the ids of those whose waybill was free."""
    by_id = {parcel.parcel_id: parcel for parcel in parcels}
    rows = await session.fetch(
        PACK,
        list(by_id),
        [parcel.fulfillment_order_id for parcel in parcels],
        [parcel.order_id for parcel in parcels],
        [parcel.store_id for parcel in parcels],
        [parcel.warehouse_id for parcel in parcels],
        [parcel.courier for parcel in parcels],
        [parcel.waybill_no for parcel in parcels],
        now,
        session.scope.actor,
    )
    for row in rows:
        parcel = by_id[row["parcel_id"]]
        packed = ParcelPacked(
            occurred_at=now,
            order_id=parcel.order_id,
            store_id=parcel.store_id,
            parcel_id=parcel.parcel_id,
            warehouse_id=parcel.warehouse_id,
            lines=pieces[parcel.order_id],
        )
        publish(session, packed, sequence=row["event_sequence"])
    return {row["parcel_id"] for row in rows}


def pack_refusal(
    item: PackItem, work: Work | None, pieces: Mapping[str, tuple[SkuQuantity, ...]], *, again: bool
) -> DomainError | None:
    """Why a fulfillment order cannot be packed like this, if it cannot."""
    if work is None:
        return FulfillmentOrderNotFound(f"there is no fulfillment order {item.fulfillment_order_id}")
    if again or work.status is not Status.OPEN:
        status = Status.PACKED if again else work.status
        return FulfillmentOrderNotOpen(f"{item.fulfillment_order_id} is {status}")
    if work.order.open_holds:
        return OrderHeld(f"{work.order.order_id} is held back")
    if item.lines is None:
        return None
    scanned = Counter[str]()
    for line in item.lines:
        scanned[line.sku] += line.quantity
    wanted = {line.sku: line.quantity for line in pieces[work.order.order_id]}
    differences = rules.scan_differences(wanted, scanned)
    return PackMismatch("scan and order differ: the parcel is stopped", lines=differences) if differences else None


def new_parcel(item: PackItem, work: Work, *, now: datetime, by: str) -> ParcelRead:
    """The parcel that packing a fulfillment order makes."""
    return ParcelRead(
        parcel_id=new_id("pcl"),
        fulfillment_order_id=work.fulfillment_order_id,
        order_id=work.order.order_id,
        store_id=work.order.store_id,
        warehouse_id=work.warehouse_id,
        courier=item.courier,
        waybill_no=item.waybill_no,
        packed_at=now,
        packed_by=by,
        handed_over_at=None,
        handed_over_by=None,
    )
