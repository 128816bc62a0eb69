"""The story of an order, told from its facts. Pure."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from storeops.orders.aftersales.schemas import RefundRead
from storeops.orders.audit.schemas import HoldRead
from storeops.orders.deadlines.rules import ClockRow
from storeops.orders.fulfillment.schemas import ParcelRead
from storeops.orders.intake.rules import OrderFacts
from storeops.orders.overview.schemas import HistoryEntry


def history_of(
    order: OrderFacts,
    *,
    holds: Iterable[HoldRead],
    parcels: Iterable[ParcelRead],
    refunds: Iterable[RefundRead],
    clocks: Iterable[ClockRow],
) -> list[HistoryEntry]:
    """Everything that happened to an order, in order of time."""
    told: list[tuple[datetime | None, str, str | None]] = [
        (order.placed_at, "placed", order.channel),
        (order.allocated_at, "allocated", order.warehouse_id),
        (order.paid_at, "paid", None),
        (order.audited_at, "audited", order.audited_by),
        (order.released_at, "released", order.warehouse_id),
        (order.wait_agreed_at, "wait agreed", None),
        (order.shipped_at, "shipped", None),
        (order.cancelled_at, "cancelled", order.cancel_reason),
        (order.expired_at, "expired", None),
        *((hold.placed_at, "held", f"{hold.kind}: {hold.reason}") for hold in holds),
        *((hold.released_at, "hold released", hold.kind) for hold in holds),
        *((parcel.packed_at, "packed", parcel.parcel_id) for parcel in parcels),
        *((parcel.handed_over_at, "handed over", parcel.waybill_no) for parcel in parcels),
        *((refund.requested_at, "refund requested", refund.reason) for refund in refunds),
        *((clock.due_at, clock.kind, None) for clock in clocks if clock.fired_at is not None),
    ]
    entries = [HistoryEntry(at=at, what=what, detail=detail) for at, what, detail in told if at is not None]
    return sorted(entries, key=attrgetter("at"))
