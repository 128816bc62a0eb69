"""Registers that parcels left with their couriers; the last one of an order stops its ship clocks (ORD-3, ORD-8)."""

from collections.abc import Sequence
from datetime import datetime

from storeops.common.contracts.orders import OrderEvent, OrderShipped, ParcelHandedOver, SkuQuantity
from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.orders.deadlines.commands import stop_ship_clocks
from storeops.orders.fulfillment import queries
from storeops.orders.fulfillment.errors import ParcelGone, ParcelNotFound, ParcelStopped
from storeops.orders.fulfillment.queries import Packed
from storeops.orders.fulfillment.schemas import ParcelRead
from storeops.orders.intake.commands.telling import publish_all
from storeops.orders.intake.queries import pieces_of
from storeops.orders.intake.rules import OrderFacts

HAND_OVER = """
WITH parcel AS (
    UPDATE orders.parcel SET handed_over_at = $1, handed_over_by = $2 WHERE parcel_id = ANY($3::text[])
    RETURNING fulfillment_order_id
), work AS (
    UPDATE orders.fulfillment_order AS f SET status = 'handed_over', handed_over_at = $1
    FROM parcel WHERE f.fulfillment_order_id = parcel.fulfillment_order_id
)
UPDATE orders.sales_order AS o SET shipped_at = CASE WHEN t.shipped THEN $1 END,
    event_sequence = event_sequence + t.events, version = version + 1
FROM unnest($4::text[], $5::boolean[], $6::int[]) AS t (order_id, shipped, events)
WHERE o.order_id = t.order_id RETURNING o.order_id, o.event_sequence
"""


async def hand_over_parcels(session: WriteSession, parcel_ids: Sequence[str]) -> list[ParcelRead | DomainError]:
    """Register that parcels left with their couriers, each by itself (ORD-8).

    An order whose last parcel leaves is shipped, and its clocks are stopped in this transaction (ORD-3). Refusals:
    `ParcelNotFound`, `ParcelGone`, `ParcelStopped`.
    """
    now = await session.now()
    packed = await queries.lock_parcels(session, parcel_ids)
    leaving: dict[str, Packed] = {}
    refused: list[DomainError | None] = []
    for parcel_id in parcel_ids:
        held = packed.get(parcel_id)
        refusal = handover_refusal(parcel_id, held, again=parcel_id in leaving)
        refused.append(refusal)
        if held is not None and refusal is None:
            leaving[parcel_id] = held
    if leaving:
        await write_handover(session, list(leaving.values()), now=now)
    gone = {"handed_over_at": now, "handed_over_by": session.scope.actor}
    return [
        leaving[parcel_id].parcel.model_copy(update=gone) if refusal is None else refusal
        for parcel_id, refusal in zip(parcel_ids, refused, strict=True)
    ]


async def write_handover(session: WriteSession, leaving: Sequence[Packed], *, now: datetime) -> None:
    """Write that parcels of locked orders left, ship the orders that have nothing left, and publish both."""
    orders = {held.order.order_id: held.order for held in leaving}
    left = await queries.work_left(session, list(orders))
    for held in leaving:
        left[held.order.order_id].discard(held.parcel.fulfillment_order_id)
    shipped = {order_id for order_id in orders if not left[order_id]}
    pieces = await pieces_of(session, list(orders))
    events: dict[str, list[OrderEvent]] = {order_id: [] for order_id in orders}
    for held in leaving:
        events[held.order.order_id].append(handed_over(held, pieces[held.order.order_id], now=now))
    for order_id in shipped:
        events[order_id].append(order_shipped(orders[order_id], now=now))
    rows = await session.fetch(
        HAND_OVER,
        now,
        session.scope.actor,
        [held.parcel.parcel_id for held in leaving],
        list(orders),
        [order_id in shipped for order_id in orders],
        [len(events[order_id]) for order_id in orders],
    )
    for row in rows:
        publish_all(session, events[row["order_id"]], last=row["event_sequence"])
    await stop_ship_clocks(session, list(shipped), at=now)


def handover_refusal(parcel_id: str, packed: Packed | None, *, again: bool) -> DomainError | None:
    """Why a parcel cannot be handed over, if it cannot."""
    if packed is None:
        return ParcelNotFound(f"there is no parcel {parcel_id}")
    if again or packed.parcel.handed_over_at is not None:
        return ParcelGone(f"{parcel_id} was handed over before")
    if not packed.order.alive:
        return ParcelStopped(f"{packed.order.order_id} was cancelled: {parcel_id} stays")
    return None


def handed_over(packed: Packed, lines: tuple[SkuQuantity, ...], *, now: datetime) -> ParcelHandedOver:
    """The event of a parcel that left."""
    parcel = packed.parcel
    return ParcelHandedOver(
        occurred_at=now,
        order_id=parcel.order_id,
        store_id=parcel.store_id,
        parcel_id=parcel.parcel_id,
        warehouse_id=parcel.warehouse_id,
        courier=parcel.courier,
        waybill_no=parcel.waybill_no,
        lines=lines,
    )


def order_shipped(order: OrderFacts, *, now: datetime) -> OrderShipped:
    """The event of an order whose last parcel left; it was paid, or it would have no parcel."""
    assert order.paid_at is not None
    assert order.late_at is not None
    assert order.breach_at is not None
    return OrderShipped(
        occurred_at=now,
        order_id=order.order_id,
        store_id=order.store_id,
        paid_at=order.paid_at,
        shipped_at=now,
        late_at=order.late_at,
        breach_at=order.breach_at,
        in_rush=order.in_rush,
        excused=order.wait_agreed_at is not None,
    )
