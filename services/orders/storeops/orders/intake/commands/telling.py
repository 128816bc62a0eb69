"""What several use cases publish alike."""

from collections.abc import Sequence
from datetime import datetime

from storeops.common.contracts.orders import OrderEvent, OrderLine, OrderPaid
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.orders.intake.rules import OrderFacts


def publish_all(session: WriteSession, events: Sequence[OrderEvent], *, last: int) -> None:
    """Publish an order's events in order; `last` is its counter after the UPDATE that counted all of them."""
    for sequence, event in enumerate(events, last - len(events) + 1):
        publish(session, event, sequence=sequence)


def order_paid(
    order: OrderFacts,
    lines: tuple[OrderLine, ...],
    *,
    paid_at: datetime,
    occurred_at: datetime,
    in_rush: bool | None = None,
) -> OrderPaid:
    """The event of an order that is paid in full, with its lines."""
    return OrderPaid(
        occurred_at=occurred_at,
        order_id=order.order_id,
        store_id=order.store_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        paid_at=paid_at,
        currency=order.currency,
        lines=lines,
        net=order.net,
        amount=order.payable,
        campaign_ids=tuple(order.campaign_ids),
        labels=tuple(order.labels),
        in_rush=order.in_rush if in_rush is None else in_rush,
    )
