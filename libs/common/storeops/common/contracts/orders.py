"""Events of the orders service. Topic `order`, key the order id: one order's events keep their order."""

from datetime import datetime

from storeops.common.contracts.base import Contract, Event


class OrderLine(Contract):
    """A line's money in minor units: gross less discounts is net (PRM-2)."""

    line_no: int
    sku: str
    quantity: int
    gross: int
    discount: int
    net: int


class SkuQuantity(Contract):
    """Pieces of one SKU."""

    sku: str
    quantity: int


class OrderEvent(Event):
    """What every event of an order carries."""

    order_id: str
    store_id: str


class OrderPlaced(OrderEvent, type="order.placed.v1", topic="order", key="order_id"):
    """An order came in, by API or from a channel; its lines wait for stock (ORD-1)."""

    customer_id: str
    channel: str
    channel_order_id: str | None = None
    placed_at: datetime
    currency: str
    lines: tuple[OrderLine, ...]
    gross: int
    discount: int
    net: int
    """What the shop receives: gross less discounts."""
    payable: int
    """What the buyer pays: net less what platform or brand pays."""
    province: str | None = None
    """The short name of a Chinese province; None for whatever else the address has there."""
    campaign_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """`synthetic` marks orders of a seeded stream."""
    paid: bool = False
    """A channel's order enters paid."""


class OrderPaid(OrderEvent, type="order.paid.v1", topic="order", key="order_id"):
    """Money for an order arrived; its ship clocks started at `paid_at` (ORD-3)."""

    customer_id: str
    placed_at: datetime
    paid_at: datetime
    currency: str
    lines: tuple[OrderLine, ...]
    net: int
    amount: int
    """What was paid."""
    campaign_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    in_rush: bool = False


class OrderAudited(OrderEvent, type="order.audited.v1", topic="order", key="order_id"):
    """The order was reviewed and may go to the warehouse (审单, ORD-15)."""

    by: str


class OrderHeld(OrderEvent, type="order.held.v1", topic="order", key="order_id"):
    """Something keeps the order from shipping: customer service is told with reason and deadline (ORD-4)."""

    hold_id: str
    kind: str
    """shortage, audit or manual."""
    reason: str
    """What the system found; `manual` for a person's hold, whose words stay with it."""
    deadline: datetime | None
    """When the order is late; None while it is unpaid."""
    lines: tuple[SkuQuantity, ...] = ()
    """The short lines of a shortage."""


class OrderHoldReleased(OrderEvent, type="order.hold_released.v1", topic="order", key="order_id"):
    """A hold was lifted."""

    hold_id: str
    kind: str
    by: str


class OrderReleased(OrderEvent, type="order.released.v1", topic="order", key="order_id", public=True):
    """The order is work for a warehouse now: allocated, audited, nothing holds it."""

    fulfillment_order_id: str
    warehouse_id: str


class ParcelPacked(OrderEvent, type="parcel.packed.v1", topic="order", key="order_id", public=True):
    """A parcel of the order is packed."""

    parcel_id: str
    warehouse_id: str
    lines: tuple[SkuQuantity, ...]


class ParcelHandedOver(OrderEvent, type="parcel.handed_over.v1", topic="order", key="order_id"):
    """A parcel left with its courier (ORD-8): its pieces are gone."""

    parcel_id: str
    warehouse_id: str
    courier: str
    waybill_no: str
    lines: tuple[SkuQuantity, ...]


class OrderShipped(OrderEvent, type="order.shipped.v1", topic="order", key="order_id"):
    """The last parcel left; the ship clocks are off (ORD-3)."""

    paid_at: datetime
    shipped_at: datetime
    late_at: datetime
    """When the order would have been late."""
    breach_at: datetime
    in_rush: bool = False
    excused: bool = False
    """The customer agreed to wait."""


class OrderCancelled(OrderEvent, type="order.cancelled.v1", topic="order", key="order_id"):
    """The order is off: its stock and holds go back."""

    reason: str
    """customer, short, settled or staff."""
    was_paid: bool
    placed_at: datetime
    net: int


class OrderExpired(OrderEvent, type="order.expired.v1", topic="order", key="order_id"):
    """The order was not paid in time (ORD-2): its stock and holds go back."""

    placed_at: datetime
    net: int


class ShipDeadlineEvent(OrderEvent):
    """An order reached a point of its ship clocks unshipped (ORD-3)."""

    paid_at: datetime
    due_at: datetime
    """The point it reached."""
    late_at: datetime
    breach_at: datetime
    reason: str
    """What keeps it: shortage, audit, manual, packing or handover."""
    in_rush: bool = False
    excused: bool = False
    shipped_at: datetime | None = None
    """Set when the order left after the point it reached, but before that could be told."""


class OrderShipDueSoon(ShipDeadlineEvent, type="order.ship_due_soon.v1", topic="order", key="order_id"):
    """The warning with time to act (20 h after payment unless set)."""


class OrderShipLate(ShipDeadlineEvent, type="order.ship_late.v1", topic="order", key="order_id"):
    """24 h after payment unless set: late."""


class OrderShipBreached(ShipDeadlineEvent, type="order.ship_breached.v1", topic="order", key="order_id"):
    """48 h after payment unless set: the promise is broken."""


class OrderWaitAgreed(OrderEvent, type="order.wait_agreed.v1", topic="order", key="order_id"):
    """The customer agreed to wait: an excuse that figures show apart; no clock stops."""

    ticket_id: str


class RefundRequested(OrderEvent, type="order.refund_requested.v1", topic="order", key="order_id"):
    """Money must go back to the buyer; written with its cause, so that it is never forgotten."""

    refund_id: str
    amount: int
    currency: str
    reason: str
