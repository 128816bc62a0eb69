"""Writes that money must go back. Sends nothing: the payment provider's side comes with finance."""

from collections.abc import Sequence

from storeops.common.contracts.orders import RefundRequested
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.orders.intake.rules import OrderFacts


async def request_refunds(session: WriteSession, orders: Sequence[OrderFacts], *, reason: str) -> None:
    """Intend to give back all that locked orders still hold of their buyers' money; those that hold none are left."""
    owing = {order.order_id: order for order in orders if order.received > order.refunded}
    if not owing:
        return
    now = await session.now()
    ids = {order_id: new_id("rfd") for order_id in owing}
    rows = await session.fetch(
        "WITH written AS (UPDATE orders.sales_order AS o SET refunded = o.received, "
        "event_sequence = event_sequence + 1, version = version + 1 "
        "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS t(order_id, refund_id, amount) "
        "WHERE o.order_id = t.order_id "
        "RETURNING o.order_id, o.store_id, o.currency, o.event_sequence, t.refund_id, t.amount), "
        "refund AS (INSERT INTO orders.refund "
        "(refund_id, order_id, store_id, amount, currency, reason, state, requested_at, requested_by) SELECT "
        "refund_id, order_id, store_id, amount, currency, $4::text, 'intended', $5::timestamptz, $6::text FROM written"
        ") SELECT order_id, refund_id, amount, event_sequence FROM written",
        list(owing),
        list(ids.values()),
        [order.received - order.refunded for order in owing.values()],
        reason,
        now,
        session.scope.actor,
    )
    for row in rows:
        order = owing[row["order_id"]]
        requested = RefundRequested(
            occurred_at=now,
            order_id=order.order_id,
            store_id=order.store_id,
            refund_id=row["refund_id"],
            amount=row["amount"],
            currency=order.currency,
            reason=reason,
        )
        publish(session, requested, sequence=row["event_sequence"])
