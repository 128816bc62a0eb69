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
    "paid": "(o.paid_at IS NOT NULL) = {}",
    "shipped": "(o.shipped_at IS NOT NULL) = {}",
    "cancelled": "(o.cancelled_at IS NOT NULL) = {}",
    "held": "(o.open_holds > 0) = {}",
}


async def list_orders(
    session: ReadSession, wanted: OrderFilter, *, before: tuple[datetime, str] | None, limit: int
) -> list[OrderFacts]:
    """Orders, the latest placed first, up to `limit`."""
    values: list[Any] = []
    conditions: list[str] = []
    for name, text in CONDITIONS.items():
        value = getattr(wanted, name)
        if value is not None:
            values.append(value)
            conditions.append(text.format(f"${len(values)}"))
    if wanted.late is not None:
        values += [await session.now(), wanted.late]
        overdue = f"o.shipped_at IS NULL AND o.cancelled_at IS NULL AND o.late_at <= ${len(values) - 1}"
        conditions.append(f"coalesce(o.shipped_at > o.late_at OR {overdue}, false) = ${len(values)}")
    if before is not None:
        values += before
        conditions.append(f"(o.placed_at, o.order_id) < (${len(values) - 1}, ${len(values)})")
    rows = await session.fetch(
        f"SELECT {FACTS} FROM orders.sales_order AS o WHERE {' AND '.join(conditions) or 'true'} "
        f"ORDER BY o.placed_at DESC, o.order_id DESC LIMIT {int(limit)}",
        *values,
    )
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
