"""Bodies and answers of placing and paying. Money is decimal strings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from storeops.common.http.bodies import CURRENCY, MONEY, QUANTITY, SKU, STORE_ID, Body, ItemResult
from storeops.common.money import to_decimal
from storeops.orders.customers.schemas import REMARK, Buyer, ChannelBuyer
from storeops.orders.deadlines.rules import DeadlineState, deadline_state
from storeops.orders.deadlines.schemas import CAMPAIGN_ID, Instant
from storeops.orders.intake.rules import LineMoney, OrderFacts, Phase, phase

OrderId = Annotated[str, Path(pattern=r"^ord_[0-9a-f]{32}$")]
LABEL = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$", examples=["synthetic"])]
LABELS = Annotated[list[LABEL], Field(default_factory=list, max_length=10)]
DISCOUNT_KIND = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]
CHANNEL_ORDER_ID = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
PROVIDER = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$", examples=["alipay"])]
PROVIDER_REF = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]


class WantedLine(Body):
    """Pieces of a SKU, to be priced by promotions."""

    sku: SKU
    quantity: QUANTITY


class OwnSiteOrder(Body):
    """An order of an own site: priced by promotions, paid afterwards."""

    kind: Literal["own_site"]
    store_id: STORE_ID
    customer: Buyer
    lines: list[WantedLine] = Field(min_length=1, max_length=200)
    remark: REMARK | None = None
    labels: LABELS


class ChannelLine(Body):
    """A line as the channel sold it: `gross` less the shop's `discounts` is `net`, to the cent.

    Discounts whose kind begins with `platform_` are paid by platform or brand: they lower what the buyer pays, not
    the net.
    """

    sku: SKU
    quantity: QUANTITY
    gross: MONEY
    discounts: dict[DISCOUNT_KIND, MONEY] = Field(default={}, max_length=20)
    net: MONEY


class ChannelOrder(Body):
    """A paid order of a marketplace, with its own money, which is kept and never repriced (ORD-12)."""

    kind: Literal["channel"]
    store_id: STORE_ID
    channel_order_id: CHANNEL_ORDER_ID
    placed_at: Instant
    paid_at: Instant
    currency: CURRENCY
    customer: ChannelBuyer
    lines: list[ChannelLine] = Field(min_length=1, max_length=500)
    payable: MONEY
    remark: REMARK | None = None
    campaign_ids: list[CAMPAIGN_ID] = Field(default=[], max_length=20)
    labels: LABELS


PlaceOrder = Annotated[OwnSiteOrder | ChannelOrder, Field(discriminator="kind")]


class PlaceOrders(Body):
    """Up to 500 orders, each placed or refused by itself."""

    items: list[PlaceOrder] = Field(min_length=1, max_length=500)


class PayOrder(Body):
    """Money that a payment provider received for an order; `provider_ref` names it at the provider."""

    amount: MONEY
    currency: CURRENCY
    provider: PROVIDER
    provider_ref: PROVIDER_REF


class LineRead(BaseModel):
    """A line with its money."""

    line_no: int
    sku: str
    quantity: int
    gross: str
    discounts: dict[str, str]
    discount: str
    net: str


class OrderSummary(BaseModel):
    """An order by its facts; `phase` and `deadline` are derived from them."""

    order_id: str
    store_id: str
    customer_id: str
    channel: str
    channel_order_id: str | None
    phase: Phase
    currency: str
    gross: str
    discount: str
    net: str
    payable: str
    placed_at: datetime
    expires_at: datetime | None
    allocated_at: datetime | None
    warehouse_id: str | None
    paid_at: datetime | None
    late_at: datetime | None
    breach_at: datetime | None
    deadline: DeadlineState | None
    in_rush: bool
    excused: bool
    held: bool
    audited_at: datetime | None
    released_at: datetime | None
    packed_at: datetime | None
    shipped_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    expired_at: datetime | None
    received: str
    refunded: str
    campaign_ids: Sequence[str]
    labels: Sequence[str]

    @classmethod
    def of(cls, order: OrderFacts, *, now: datetime) -> "OrderSummary":
        """The answer for an order as it stands at `now`."""
        return cls(**summary_fields(order, now=now))


class OrderRead(OrderSummary):
    """An order with its lines."""

    lines: list[LineRead]


class PlacedItem(BaseModel):
    """An order of a `:batch`, in short."""

    order_id: str
    channel_order_id: str | None
    phase: Phase
    currency: str
    net: str
    payable: str

    @classmethod
    def of(cls, order: OrderFacts) -> "PlacedItem":
        """The short answer for an order."""
        return cls(
            order_id=order.order_id,
            channel_order_id=order.channel_order_id,
            phase=phase(order),
            currency=order.currency,
            net=to_decimal(order.net, order.currency),
            payable=to_decimal(order.payable, order.currency),
        )


class PlacedOrders(BaseModel):
    """What became of each order of a `:batch`, by its place in the request."""

    items: list[ItemResult]


class PaymentRead(BaseModel):
    """A payment; `refund_pending` when the order could not take it any more and the money goes back."""

    payment_id: str
    order_id: str
    state: Literal["accepted", "refund_pending"]
    amount: str
    currency: str
    provider: str
    provider_ref: str
    received_at: datetime


def summary_fields(order: OrderFacts, *, now: datetime) -> dict[str, Any]:
    """The fields of a summary."""
    fields = {name: value for name, value in order._asdict().items() if name in OrderSummary.model_fields}
    clocks = order.clocks
    return {
        **fields,
        **{
            name: to_decimal(fields[name], order.currency)
            for name in ("gross", "discount", "net", "payable", "received", "refunded")
        },
        "phase": phase(order),
        "deadline": deadline_state(clocks, shipped_at=order.shipped_at, now=now) if clocks and order.alive else None,
        "excused": order.wait_agreed_at is not None,
        "held": order.open_holds > 0,
    }


def line_read(line_no: int, line: LineMoney, *, currency: str) -> LineRead:
    """A line as it is answered; its amounts are in minor units of `currency`."""
    return LineRead(
        line_no=line_no,
        sku=line.sku,
        quantity=line.quantity,
        gross=to_decimal(line.gross, currency),
        discounts={kind: to_decimal(amount, currency) for kind, amount in line.discounts.items()},
        discount=to_decimal(line.discount, currency),
        net=to_decimal(line.net, currency),
    )


def lines_read(lines: Sequence[LineMoney], currency: str) -> list[LineRead]:
    """Lines as they are answered, numbered from 1."""
    return [line_read(number, line, currency=currency) for number, line in enumerate(lines, 1)]
