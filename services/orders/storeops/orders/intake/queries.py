"""Reads of orders, lines and payments; the locks under which everything else decides."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from storeops.common.contracts.orders import OrderLine, SkuQuantity
from storeops.common.db import ReadSession
from storeops.common.money import to_decimal
from storeops.orders.deadlines.queries import PROMISE, parse_rushes, promise_of, rushes_of
from storeops.orders.deadlines.rules import StoreTerms
from storeops.orders.intake.errors import OrderNotFound
from storeops.orders.intake.rules import LineMoney, OrderFacts
from storeops.orders.intake.schemas import LineRead, PaymentRead, line_read

FACTS = ", ".join(f"o.{name}" for name in OrderFacts._fields)
FACT_COUNT = len(OrderFacts._fields)


def facts_of(row: Record) -> OrderFacts:
    """The facts in a row that begins with the columns `FACTS`."""
    return OrderFacts(*tuple(row)[:FACT_COUNT])


async def lock_orders(session: ReadSession, order_ids: Sequence[str]) -> dict[str, OrderFacts]:
    """Orders by id, their rows locked in the order of ids; ids that are unknown are left out."""
    rows = await session.fetch(
        f"SELECT {FACTS} FROM orders.sales_order AS o WHERE o.order_id = ANY($1::text[]) "
        "ORDER BY o.order_id FOR UPDATE",
        list(order_ids),
    )
    return {row["order_id"]: facts_of(row) for row in rows}


async def lock_rows(session: ReadSession, order_ids: Iterable[str]) -> None:
    """Lock orders in the order of ids, and read nothing of them."""
    await session.fetch(
        "SELECT FROM orders.sales_order WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE", list(order_ids)
    )


async def lock_order(session: ReadSession, order_id: str) -> OrderFacts:
    """An order, its row locked; raises `OrderNotFound`."""
    found = await lock_orders(session, [order_id])
    if order_id not in found:
        raise OrderNotFound(f"there is no order {order_id}")
    return found[order_id]


async def get_order(session: ReadSession, order_id: str) -> OrderFacts:
    """An order; raises `OrderNotFound`."""
    row = await session.fetchrow(f"SELECT {FACTS} FROM orders.sales_order AS o WHERE o.order_id = $1", order_id)
    if row is None:
        raise OrderNotFound(f"there is no order {order_id}")
    return facts_of(row)


class Payable(NamedTuple):
    """An order about to be paid: its facts, lines and what its store promises."""

    order: OrderFacts
    lines: tuple[OrderLine, ...]
    terms: StoreTerms


async def lock_for_payment(session: ReadSession, order_id: str, *, now: datetime) -> Payable:
    """An order with all that paying it at `now` needs, its row locked, in one statement; raises `OrderNotFound`."""
    row = await session.fetchrow(
        f"SELECT {FACTS}, {PROMISE}, {rushes_of('o.store_id', '$2', '$2')} AS rushes, "
        "(SELECT json_agg(json_build_array(l.line_no, l.sku, l.quantity, l.gross, l.discount, l.net) "
        "ORDER BY l.line_no) FROM orders.order_line AS l WHERE l.order_id = o.order_id) AS lines "
        "FROM orders.sales_order AS o LEFT JOIN orders.ship_promise AS p USING (store_id) "
        "WHERE o.order_id = $1 FOR UPDATE OF o",
        order_id,
        now,
    )
    if row is None:
        raise OrderNotFound(f"there is no order {order_id}")
    order = facts_of(row)
    lines = tuple(
        OrderLine(line_no=no, sku=sku, quantity=quantity, gross=gross, discount=discount, net=net)
        for no, sku, quantity, gross, discount, net in row["lines"]
    )
    terms = StoreTerms(order.store_id, order.channel, order.currency, promise_of(row), parse_rushes(row["rushes"]))
    return Payable(order, lines, terms)


async def find_channel_orders(
    session: ReadSession, store_ids: Sequence[str], channel_order_ids: Sequence[str]
) -> dict[tuple[str, str], tuple[OrderFacts, str]]:
    """Channel orders by (store id, the channel's id), each with the print of its content."""
    rows = await session.fetch(
        f"SELECT {FACTS}, o.content_print FROM unnest($1::text[], $2::text[]) AS t(store_id, channel_order_id) "
        "JOIN orders.sales_order AS o USING (store_id, channel_order_id)",
        list(store_ids),
        list(channel_order_ids),
    )
    return {(row["store_id"], row["channel_order_id"]): (facts_of(row), row["content_print"]) for row in rows}


async def pieces_of(session: ReadSession, order_ids: Sequence[str]) -> dict[str, tuple[SkuQuantity, ...]]:
    """What orders consist of, by order id: pieces per SKU."""
    rows = await session.fetch(
        "SELECT order_id, array_agg(sku ORDER BY sku) AS skus, array_agg(pieces ORDER BY sku) AS pieces FROM ("
        "SELECT order_id, sku, sum(quantity)::int AS pieces FROM orders.order_line "
        "WHERE order_id = ANY($1::text[]) GROUP BY order_id, sku) AS line GROUP BY order_id",
        list(order_ids),
    )
    return {
        row["order_id"]: tuple(
            SkuQuantity(sku=sku, quantity=pieces) for sku, pieces in zip(row["skus"], row["pieces"], strict=True)
        )
        for row in rows
    }


async def lines_of(session: ReadSession, order: OrderFacts) -> list[LineRead]:
    """The lines of an order."""
    rows = await session.fetch(
        "SELECT line_no, sku, quantity, gross, discounts, net FROM orders.order_line "
        "WHERE order_id = $1 ORDER BY line_no",
        order.order_id,
    )
    return [
        line_read(no, LineMoney(sku, quantity, gross, discounts, net), currency=order.currency)
        for no, sku, quantity, gross, discounts, net in rows
    ]


async def payments_of(session: ReadSession, order_id: str) -> list[PaymentRead]:
    """The payments of an order, in order of arrival."""
    rows = await session.fetch(
        "SELECT payment_id, order_id, state, amount, currency, provider, provider_ref, received_at "
        "FROM orders.payment WHERE order_id = $1 ORDER BY received_at, payment_id",
        order_id,
    )
    return [payment_read(dict(row)) for row in rows]


async def find_payment(session: ReadSession, store_id: str, provider: str, provider_ref: str) -> PaymentRead | None:
    """The payment that a provider's reference stands for in a store: each has its own contract with the provider."""
    row = await session.fetchrow(
        "SELECT payment_id, order_id, state, amount, currency, provider, provider_ref, received_at "
        "FROM orders.payment WHERE store_id = $1 AND provider = $2 AND provider_ref = $3",
        store_id,
        provider,
        provider_ref,
    )
    return payment_read(dict(row)) if row else None


def payment_read(row: Mapping[str, Any]) -> PaymentRead:
    """A payment as it is answered."""
    return PaymentRead.model_validate({**row, "amount": to_decimal(row["amount"], row["currency"])})


class DecisionRow(NamedTuple):
    """What inventory decided about an order, as its row has it; neither instant: nothing yet."""

    allocated_at: datetime | None
    warehouse_id: str | None
    cancel_reason: str | None
    short_lines: list[Any]


async def decision_of(session: ReadSession, order_id: str) -> DecisionRow | None:
    """What was decided about an order's stock; None for an unknown order."""
    row = await session.fetchrow(
        "SELECT allocated_at, warehouse_id, cancel_reason, short_lines FROM orders.sales_order WHERE order_id = $1",
        order_id,
    )
    if row is None:
        return None
    return DecisionRow(row[0], row[1], row[2], row[3] or [])
