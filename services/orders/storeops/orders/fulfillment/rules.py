"""When an order is work for a warehouse, what a parcel must hold, and what a late order waits for. Pure."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from storeops.orders.audit.rules import HoldKind
from storeops.orders.intake.rules import OrderFacts


class Status(StrEnum):
    """Where a fulfillment order is."""

    OPEN = "open"
    PACKED = "packed"
    HANDED_OVER = "handed_over"
    CANCELLED = "cancelled"


def ready_for_warehouse(order: OrderFacts) -> bool:
    """Whether an order may be released: paid, allocated and reviewed, and nothing holds it."""
    facts = (order.paid_at, order.allocated_at, order.warehouse_id, order.audited_at)
    return order.alive and None not in facts and order.released_at is None and order.open_holds == 0


def scan_differences(wanted: Mapping[str, int], scanned: Mapping[str, int]) -> list[dict[str, object]]:
    """Where scan and order differ, by SKU; empty when the parcel is right (ORD-7)."""
    return [
        {"sku": sku, "wanted": wanted.get(sku, 0), "scanned": scanned.get(sku, 0)}
        for sku in sorted({*wanted, *scanned})
        if wanted.get(sku, 0) != scanned.get(sku, 0)
    ]


def blocking_reason(order: OrderFacts, holds: Collection[HoldKind]) -> str:
    """What keeps an unshipped order: a hold, else the first step that is missing (ORD-4)."""
    for kind in HoldKind:
        if kind in holds:
            return kind.value
    if order.allocated_at is None:
        return HoldKind.SHORTAGE.value
    if order.audited_at is None:
        return HoldKind.AUDIT.value
    return "packing" if order.packed_at is None else "handover"
