"""What each figure counts, written once: the sentence people read and the condition PostgreSQL evaluates.

Also what follows from figures: rates, REP-1's formula and where a gap comes from, all in exact fractions. Pure.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple


class Unit(StrEnum):
    """What a figure is a number of."""

    COUNT = "count"
    MONEY = "money"


class Labelled(StrEnum):
    """Whether orders labelled `synthetic` (a seeded stream) are in the figures."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    ONLY = "only"


Values = dict[str, int]
"""Every figure by name; money in minor units."""


class Store(NamedTuple):
    """A store as figures need it."""

    store_id: str
    name: str
    time_zone: str
    currency: str


class Provider(NamedTuple):
    """What one provider says of a day's traffic."""

    provider: str
    visitors: int
    page_views: int


class DayRow(NamedTuple):
    """A store's day, the day before it, and who says what of its traffic; the first provider is the one counted."""

    store: Store
    day: date
    values: Values
    before: Values
    providers: list[Provider]


class Entry(NamedTuple):
    """A row that a figure is made of, and its part of the sum."""

    order_id: str | None
    ref: str
    at: datetime
    key: str
    value: int


class ProductRow(NamedTuple):
    """A SKU in the orders paid on a day."""

    sku: str
    orders: int
    quantity: int
    sales: int


class Source(NamedTuple):
    """Rows that figures are made of. `f` is the table's row, `s` its store with the bounds `low` and `high`."""

    table: str
    day: str
    """The day a row counts for, in the store's zone (REP-10)."""
    within: str
    """Whether a row lies in the period."""
    at: str
    order: str = "f.order_id"
    ref: str = "f.order_id"
    """What the row is, as people look it up."""
    key: str = "f.order_id"
    """What tells the row from others of the same instant."""
    synthetic: str | None = None
    """Whether the row belongs to a synthetic order; None where orders play no part."""
    more: str = ""


class Figure(NamedTuple):
    """A daily figure: the sum of `value` over the rows of its source for which `when` holds."""

    source: Source
    definition: str
    when: str = "true"
    value: str = "1"
    unit: Unit = Unit.COUNT


class Rate(NamedTuple):
    """One figure divided by another."""

    numerator: str
    denominator: str
    definition: str


def timed(table: str, at: str, *, synthetic: str | None, **names: str) -> Source:
    """A source whose rows happened at an instant."""
    day = f"(f.{at} AT TIME ZONE s.time_zone)::date"
    return Source(table, day, f"f.{at} >= s.low AND f.{at} < s.high", f"f.{at}", synthetic=synthetic, **names)


OF_ORDER = "coalesce('synthetic' = ANY (f.labels), false)"
OF_ITS_ORDER = (
    "EXISTS (SELECT FROM reporting.order_fact AS o WHERE o.order_id = f.order_id AND 'synthetic' = ANY (o.labels))"
)

PLACED = timed("order_fact", "placed_at", synthetic=OF_ORDER)
PAID = timed(
    "order_fact",
    "paid_at",
    synthetic=OF_ORDER,
    more=", row_number() OVER (PARTITION BY f.store_id, f.customer_id, {day} ORDER BY f.paid_at, f.order_id) AS nth",
)
SHIPPED = timed("order_fact", "shipped_at", synthetic=OF_ORDER)
HELD = timed("order_fact", "held_at", synthetic=OF_ORDER)
CANCELLED = timed("order_fact", "cancelled_at", synthetic=OF_ORDER)
EXPIRED = timed("order_fact", "expired_at", synthetic=OF_ORDER)
REFUNDS = timed("refund_fact", "requested_at", synthetic=OF_ITS_ORDER, ref="f.refund_id", key="f.refund_id")
OPENED = timed("ticket_fact", "opened_at", synthetic=OF_ITS_ORDER, ref="f.ticket_id", key="f.ticket_id")
SETTLED = timed("ticket_fact", "settled_at", synthetic=OF_ITS_ORDER, ref="f.ticket_id", key="f.ticket_id")
STOCK = timed(
    "stock_fact", "occurred_at", synthetic=None, order="NULL::text", ref="f.sku", key="f.sku || ':' || f.sequence"
)
SHELF = timed(
    "listing_fact", "occurred_at", synthetic=None, order="NULL::text", ref="f.listing_id",
    key="f.listing_id || ':' || f.sequence",
)  # fmt: skip
TRAFFIC = Source(
    table="traffic_fact",
    day="f.day",
    within="f.day BETWEEN $2 AND $3 AND f.provider = (SELECT t.provider FROM reporting.traffic_fact AS t "
    "WHERE t.store_id = f.store_id AND t.day = f.day ORDER BY t.sequence DESC LIMIT 1)",
    at="f.recorded_at",
    order="NULL::text",
    ref="f.source || ' ' || f.terminal",
    key="f.source || ' ' || f.terminal",
)

IN_TIME = "f.shipped_at <= f.late_at"
LATE = "coalesce(f.shipped_at > f.late_at, f.late_since IS NOT NULL)"
BREACHED = "coalesce(f.shipped_at > f.breach_at, f.breached_since IS NOT NULL)"
BOUGHT_BEFORE = (
    "EXISTS (SELECT FROM reporting.order_fact AS e WHERE e.store_id = f.store_id AND e.customer_id = f.customer_id "
    "AND e.paid_at < f.day_start)"
)
STAYED_SETTLED = "f.settled_sequence > coalesce(f.reopened_sequence, 0)"
DELISTED_BEFORE = (
    "EXISTS (SELECT FROM reporting.listing_fact AS e WHERE e.listing_id = f.listing_id AND e.kind = 'delisted' "
    "AND e.sequence < f.sequence)"
)

FIGURES: dict[str, Figure] = {
    "orders": Figure(PLACED, "Orders placed that day, whatever became of them."),
    "order_amount": Figure(
        PLACED, "What the buyers of the orders placed that day were to pay.", value="f.payable", unit=Unit.MONEY
    ),
    "orders_turned_paid": Figure(
        PLACED, "Orders placed that day that have been paid by now, on whatever day.", "f.paid_at IS NOT NULL"
    ),
    "paid_orders": Figure(PAID, "Orders paid that day; a channel's order is paid when the channel says so."),
    "buyers": Figure(PAID, "Different customers among the orders paid that day.", "f.nth = 1"),
    "repeat_buyers": Figure(
        PAID,
        "Buyers of the day who had paid an order of the store on an earlier day.",
        f"f.nth = 1 AND {BOUGHT_BEFORE}",
    ),
    "paid_amount": Figure(
        PAID, "What buyers paid that day, for orders paid that day.", value="f.paid_amount", unit=Unit.MONEY
    ),
    "gross_amount": Figure(
        PAID, "List price of the goods in the orders paid that day.", value="f.gross", unit=Unit.MONEY
    ),
    "discounts": Figure(PAID, "Discounts given on the orders paid that day.", value="f.discount", unit=Unit.MONEY),
    "sales": Figure(
        PAID,
        "Net of the orders paid that day: gross less discounts, before refunds, which stand apart (REP-1).",
        value="f.net",
        unit=Unit.MONEY,
    ),
    "ship_due": Figure(
        PAID,
        "Orders paid that day whose shipping is decided: they left, or they are past the store's promise.",
        f"f.shipped_at IS NOT NULL OR {LATE}",
    ),
    "shipped_in_time": Figure(
        PAID, "Orders paid that day whose last parcel left within the promise, 24 h unless set (ORD-3).", IN_TIME
    ),
    "late": Figure(
        PAID,
        "Orders paid that day that did not leave within the promise, outside a campaign rush, excused ones included.",
        f"NOT f.in_rush AND {LATE}",
    ),
    "late_excused": Figure(
        PAID, "Late orders whose customer agreed to wait; they stay late.", f"NOT f.in_rush AND f.excused AND {LATE}"
    ),
    "late_in_rush": Figure(
        PAID,
        "Orders paid that day in a declared campaign rush that did not leave within the promise.",
        f"f.in_rush AND {LATE}",
    ),
    "breached": Figure(
        PAID, "Orders paid that day that had not left at the latest instant, 48 h unless set.", BREACHED
    ),
    "shipped": Figure(SHIPPED, "Orders whose last parcel left that day."),
    "held": Figure(HELD, "Orders that were held for the first time that day."),
    "cancelled": Figure(CANCELLED, "Orders cancelled that day."),
    "expired": Figure(EXPIRED, "Orders that expired unpaid that day (ORD-2)."),
    "refunds": Figure(REFUNDS, "Refunds asked for that day."),
    "refund_amount": Figure(
        REFUNDS, "Money to go back to buyers, by the day it was asked for.", value="f.amount", unit=Unit.MONEY
    ),
    "tickets_opened": Figure(OPENED, "Customer-service cases that began that day."),
    "tickets_settled": Figure(SETTLED, "Cases settled that day and not reopened since.", STAYED_SETTLED),
    "tickets_settled_in_time": Figure(
        SETTLED,
        "Of these, cases settled within 24 h of their opening or reopening (CSV-2).",
        f"{STAYED_SETTLED} AND f.settled_at <= f.settle_by",
    ),
    "stock_outs": Figure(STOCK, "Times that day a SKU of the store reached nothing.", "f.kind = 'out'"),
    "restocks": Figure(
        STOCK,
        "Times that day a SKU that had run out was sellable again; its first arrival is none.",
        # A (store, SKU) begins with nothing: the first of its stock events is its first arrival.
        "f.kind = 'restored' AND f.sequence > 1",
    ),
    "delistings": Figure(SHELF, "Times that day a listing left the shelf.", "f.kind = 'delisted'"),
    "relistings": Figure(
        SHELF,
        "Times that day a listing went on the shelf again that had left it before; its first time is none.",
        f"f.kind = 'listed' AND {DELISTED_BEFORE}",
    ),
    "visitors": Figure(
        TRAFFIC,
        "Visitors by source and terminal, from the provider that handed in last for the day.",
        value="f.visitors",
    ),
    "page_views": Figure(TRAFFIC, "Page views, from the same provider as the visitors.", value="f.page_views"),
}
"""Every figure by its name in the API."""

RATES: dict[str, Rate] = {
    "payment_rate": Rate("orders_turned_paid", "orders", "Share of the orders placed that day that have been paid."),
    "conversion": Rate("buyers", "visitors", "Buyers per visitor."),
    "average_order_value": Rate("sales", "buyers", "客单价: sales per buyer of the day."),
    "sales_per_order": Rate("sales", "paid_orders", "Sales per paid order."),
    "repeat_rate": Rate("repeat_buyers", "buyers", "Share of the day's buyers who had bought before."),
    "refund_rate": Rate("refund_amount", "paid_amount", "Refunds asked for, over what was paid on the same day."),
    "ship_in_time_rate": Rate(
        "shipped_in_time", "ship_due", "Of the orders paid that day and decided, the share that left in time."
    ),
    "settled_in_time_rate": Rate(
        "tickets_settled_in_time", "tickets_settled", "Share of the cases settled that day that were in time."
    ),
}
"""Every rate by its name in the API."""


def rounded(value: Fraction) -> int:
    """The nearest whole number, halves up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def rate(name: str, figures: Mapping[str, int]) -> Fraction | None:
    """A rate, exactly; None when there is nothing to divide by. Money counts in minor units."""
    below = figures[RATES[name].denominator]
    return Fraction(figures[RATES[name].numerator], below) if below else None


class Gap(NamedTuple):
    """Where a difference in sales comes from, in minor units; the parts sum to the difference exactly."""

    sales: int
    by_visitors: int
    by_conversion: int
    by_average_order_value: int


def trace_gap(before: Mapping[str, int], after: Mapping[str, int]) -> Gap | None:
    """Trace a difference in sales to the factors of REP-1, changing one after the other in the formula's order.

    None when a factor of either side is not defined: without visitors or buyers there is no formula.
    """
    conversion = rate("conversion", before), rate("conversion", after)
    value = rate("average_order_value", before), rate("average_order_value", after)
    if conversion[0] is None or conversion[1] is None or value[0] is None or value[1] is None:
        return None
    sales = after["sales"] - before["sales"]
    by_visitors = rounded((after["visitors"] - before["visitors"]) * conversion[0] * value[0])
    by_conversion = rounded(after["visitors"] * (conversion[1] - conversion[0]) * value[0])
    return Gap(sales, by_visitors, by_conversion, sales - by_visitors - by_conversion)
