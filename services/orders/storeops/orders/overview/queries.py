"""Reads of whole orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storeops.common.db import ReadSession
from storeops.orders.aftersales.queries import refunds_of
from storeops.orders.audit.queries import findings_of, holds_of
from storeops.orders.customers.queries import contacts_of
from storeops.orders.customers.schemas import ContactRead
from storeops.orders.deadlines.queries import clocks_of
from storeops.orders.fulfillment.queries import parcels_of
from storeops.orders.intake.queries import FACTS, facts_of, get_order, lines_of, payments_of
from storeops.orders.intake.rules import OrderFacts
from storeops.orders.intake.schemas import summary_fields
from storeops.orders.overview.rules import history_of
from storeops.orders.overview.schemas import ClockRead, OrderDetail


class OrderFilter(NamedTuple):
    """Which orders are wanted; None asks for nothing of it. `stores` None is every store."""

    stores: Sequence[str] | None = None
    channel_order_id: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    paid: bool | None = None
    shipped: bool | None = None
    cancelled: bool | None = None
    held: bool | None = None
    late: bool | None = None


CONDITIONS = {
    "stores": "o.store_id = ANY({}::text[])",
    "channel_order_id": "o.channel_order_id = {}",
    "placed_from": "o.placed_at >= {}",
    "placed_to": "o.placed_at < {}",
}
# Written as the partial indexes have them, and not as `(…) = $1`, so that they are found by those.
FACTS_WANTED = {
    "paid": "o.paid_at IS NOT NULL",
    "shipped": "o.shipped_at IS NOT NULL",
    "cancelled": "o.cancelled_at IS NOT NULL",
    "held": "o.open_holds > 0",
}
LATE = (
    "o.shipped_at > o.late_at",
    """(o.shipped_at IS NULL AND o.cancelled_at IS NULL AND o.expired_at IS NULL AND o.paid_at IS NOT NULL
        AND o.late_at <= {})""",
)
"""Late is what left too late and what should have left: each has its index, so they are asked for one by one."""


async def list_orders(
    session: ReadSession, wanted: OrderFilter, *, before: tuple[datetime, str] | None, limit: int
) -> list[OrderFacts]:
    """Orders, the latest placed first, up to `limit`."""
    values: list[Any] = []
    conditions: list[str] = []
    arms = ["true"]
    for name, text in CONDITIONS.items():
        value = getattr(wanted, name)
        if value is not None:
            values.append(value)
            conditions.append(text.format(f"${len(values)}"))
    for name, text in FACTS_WANTED.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(text if value else f"NOT ({text})")
    if wanted.late is not None:
        values.append(await session.now())
        late = [arm.format(f"${len(values)}") for arm in LATE]
        if wanted.late:
            arms = late
        else:
            conditions.append(f"NOT coalesce({' OR '.join(late)}, false)")
    if before is not None:
        values += before
        conditions.append(f"(o.placed_at, o.order_id) < (${len(values) - 1}, ${len(values)})")
    latest = f"ORDER BY o.placed_at DESC, o.order_id DESC LIMIT {int(limit)}"
    parts = [
        f"(SELECT {FACTS} FROM orders.sales_order AS o WHERE {' AND '.join([*conditions, arm])} {latest})"
        for arm in arms
    ]
    rows = await session.fetch(f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS o {latest}", *values)
    return [facts_of(row) for row in rows]


async def read_order(session: ReadSession, order_id: str) -> tuple[OrderDetail, int]:
    """An order with everything about it, and its version; raises `OrderNotFound`."""
    order = await get_order(session, order_id)
    contact = (await contacts_of(session, [order_id])).get(order_id)
    holds = await holds_of(session, order_id)
    parcels = await parcels_of(session, order_id)
    refunds = await refunds_of(session, order_id)
    clocks = await clocks_of(session, order_id)
    detail = OrderDetail(
        **summary_fields(order, now=await session.now()),
        lines=await lines_of(session, order),
        contact=ContactRead(**contact._asdict()) if contact else None,
        payments=await payments_of(session, order_id),
        refunds=refunds,
        holds=holds,
        findings=await findings_of(session, order_id),
        parcels=parcels,
        deadlines=[ClockRead(**clock._asdict()) for clock in clocks],
        history=history_of(order, holds=holds, parcels=parcels, refunds=refunds, clocks=clocks),
    )
    return detail, order.version
