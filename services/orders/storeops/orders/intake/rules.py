"""What an order's facts mean, and what its money must add up to. Pure: no I/O, no clock but its argument."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from storeops.common.contracts.orders import OrderLine
from storeops.orders.deadlines.rules import ShipClocks

PLATFORM = "platform_"
"""Discount kinds that begin so are paid by platform or brand: the shop receives the net, the buyer pays less."""

AHEAD = timedelta(minutes=5)
"""How far a channel's clock may run ahead of ours."""


class Phase(StrEnum):
    """Where an order is in its life (ORD-1)."""

    PLACED = "placed"
    PAYABLE = "payable"
    PAID = "paid"
    HELD = "held"
    AUDITED = "audited"
    RELEASED = "released"
    PACKED = "packed"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class OrderFacts(NamedTuple):
    """What happened to an order, as its row has it; money in minor units."""

    order_id: str
    store_id: str
    customer_id: str
    channel: str
    channel_order_id: str | None
    currency: str
    gross: int
    discount: int
    net: int
    payable: int
    placed_at: datetime
    expires_at: datetime | None
    allocated_at: datetime | None
    warehouse_id: str | None
    paid_at: datetime | None
    received: int
    refunded: int
    warn_at: datetime | None
    late_at: datetime | None
    breach_at: datetime | None
    in_rush: bool
    audited_at: datetime | None
    audited_by: str | None
    open_holds: int
    released_at: datetime | None
    packed_at: datetime | None
    shipped_at: datetime | None
    wait_agreed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    expired_at: datetime | None
    campaign_ids: Sequence[str]
    labels: Sequence[str]
    version: int

    @property
    def alive(self) -> bool:
        """Neither cancelled nor expired."""
        return self.cancelled_at is None and self.expired_at is None

    @property
    def clocks(self) -> ShipClocks | None:
        """The ship clocks of a paid order."""
        if self.warn_at is None or self.late_at is None or self.breach_at is None:
            return None
        return ShipClocks(self.warn_at, self.late_at, self.breach_at, self.in_rush)

    def left_by(self, instant: datetime) -> bool:
        """Whether the last parcel had left by then."""
        return self.shipped_at is not None and self.shipped_at <= instant


def phase(order: OrderFacts) -> Phase:
    """The phase of an order: its first fact in this list, an ending before all, a hold before progress."""
    facts = (
        (order.cancelled_at, Phase.CANCELLED),
        (order.expired_at, Phase.EXPIRED),
        (order.shipped_at, Phase.SHIPPED),
        (order.open_holds or None, Phase.HELD),
        (order.packed_at, Phase.PACKED),
        (order.released_at, Phase.RELEASED),
        (order.paid_at and order.audited_at, Phase.AUDITED),
        (order.paid_at, Phase.PAID),
        (order.allocated_at, Phase.PAYABLE),
    )
    return next((name for fact, name in facts if fact is not None), Phase.PLACED)


class LineMoney(NamedTuple):
    """A line and its money in minor units; `discounts` by kind."""

    sku: str
    quantity: int
    gross: int
    discounts: Mapping[str, int]
    net: int

    @property
    def discount(self) -> int:
        """What the shop gives."""
        return sum(amount for kind, amount in self.discounts.items() if not kind.startswith(PLATFORM))

    @property
    def subsidy(self) -> int:
        """What platform or brand pays."""
        return sum(amount for kind, amount in self.discounts.items() if kind.startswith(PLATFORM))

    @property
    def balanced(self) -> bool:
        """Gross less what the shop gives is net, and nobody pays more than is left."""
        return self.gross - self.discount == self.net and self.subsidy <= self.net


def payable_of(lines: Iterable[LineMoney]) -> int:
    """What the buyer pays for lines, in minor units."""
    return sum(line.net - line.subsidy for line in lines)


def published_lines(lines: Sequence[LineMoney]) -> tuple[OrderLine, ...]:
    """The lines as events carry them, numbered from 1."""
    return tuple(
        OrderLine(
            line_no=number,
            sku=line.sku,
            quantity=line.quantity,
            gross=line.gross,
            discount=line.discount,
            net=line.net,
        )
        for number, line in enumerate(lines, 1)
    )
