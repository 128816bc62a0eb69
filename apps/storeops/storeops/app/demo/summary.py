"""What the demo tells a store manager: the period, the exceptions, a day table; and what of it is seeded.

The real orders' figures stand alone; the seeded own-site orders are shown beside them, never added.
"""

import re
from datetime import date, timedelta
from typing import Any, NamedTuple

from rich.table import Table

from storeops.app.console import out
from storeops.app.demo.shopfront import DemoStopped, Shopfront
from storeops.app.demo.shops import CURRENCY
from storeops.common.money import to_decimal, to_minor

SEEDED = (
    "Real: baskets, lines, money, discounts, times, stores (a year of anonymised retail households, 84.51°/dunnhumby, "
    "CC0). Seeded: people's names and addresses, warehouses, opening stock and restocking, who packs and hands over "
    "when, own-site orders (label synthetic), visitors and page views, how tickets are settled."
)
RELAYED = re.compile(r"^storeops_events_relayed_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)


class DayLine(NamedTuple):
    """A day over all stores, real orders only."""

    day: date
    orders: int
    paid: int
    sales: int
    """Minor units."""
    visitors: int
    buyers: int
    shipped_in_24h: int
    ship_due: int
    late: int
    stockouts: int
    tickets: int


class Summary(NamedTuple):
    """The demo's figures; money in minor units."""

    real: dict[str, Any]
    seeded: dict[str, Any]
    days: list[DayLine]
    events: int
    lines: int = 0
    """Lines of the real orders."""
    seconds: float = 0.0
    orders_per_s: float = 0.0

    def figures(self) -> dict[str, Any]:
        """The figures by the names that scripts read."""
        real, seeded = self.real, self.seeded
        return {
            "orders_placed": real["orders"],
            "order_lines": self.lines,
            "orders_paid": real["paid_orders"],
            "shipped_in_24h": real["shipped_in_time"],
            "late": real["late"],
            "breached": real["breached"],
            "stockouts": real["stock_outs"],
            "delistings": real["delistings"],
            "relistings": real["relistings"],
            "tickets_opened": real["tickets_opened"],
            "tickets_settled": real["tickets_settled"],
            "sales_minor": to_minor(real["sales"], CURRENCY),
            "currency": CURRENCY,
            "cancelled": real["cancelled"],
            "refunds": real["refunds"],
            "synthetic_orders_placed": seeded["orders"],
            "synthetic_orders_paid": seeded["paid_orders"],
            "synthetic_expired": seeded["expired"],
            "synthetic_cancelled": seeded["cancelled"],
            "synthetic_sales_minor": to_minor(seeded["sales"], CURRENCY),
            "events": self.events,
            "seconds": round(self.seconds, 1),
            "orders_per_s": round(self.orders_per_s, 1),
        }


async def summarise(front: Shopfront, start: date, days: int) -> Summary:
    """Ask reporting for the period, and for its days."""
    last = start + timedelta(days=days + 4)
    period = {"from": start.isoformat(), "to": last.isoformat()}
    real = await front.get("/v1/figures/summary", **period, synthetic="exclude")
    seeded = await front.get("/v1/figures/summary", **period, synthetic="only")
    lines: dict[date, list[int]] = {}
    async for row in front.pages("/v1/figures/days", **period, synthetic="exclude"):
        values = row["figures"]
        line = lines.setdefault(date.fromisoformat(row["day"]), [0] * (len(DayLine._fields) - 1))
        for place, value in enumerate(
            (
                values["orders"],
                values["paid_orders"],
                to_minor(values["sales"], CURRENCY),
                values["visitors"],
                values["buyers"],
                values["shipped_in_time"],
                values["ship_due"],
                values["late"],
                values["stock_outs"],
                values["tickets_opened"],
            )
        ):
            line[place] += value
    return Summary(
        total_of(real),
        total_of(seeded),
        [DayLine(day, *line) for day, line in sorted(lines.items())],
        await events(front),
    )


def total_of(summary: dict[str, Any]) -> dict[str, Any]:
    """The one currency's totals."""
    [total] = summary["totals"]
    return total["figures"]


async def events(front: Shopfront) -> int:
    """Events that went over the bus, as the process counts them."""
    text = await front.text("/metrics")
    counted = [float(value) for value in RELAYED.findall(text)]
    if not counted:
        message = "/metrics shows no relayed events"
        raise DemoStopped(message)
    return int(sum(counted))


def show(summary: Summary) -> None:
    """Print it for a person."""
    real, seeded, figures = summary.real, summary.seeded, summary.figures()
    days = Table(title=f"The days, all shops, {CURRENCY} (sales = visitors × conversion × order value)")
    for name in (
        "day",
        "orders",
        "paid",
        "sales",
        "visitors",
        "conversion",
        "per buyer",
        "in 24 h",
        "late",
        "out",
        "tickets",
    ):
        days.add_column(name, justify="left" if name == "day" else "right")
    for line in summary.days:
        if not (line.orders or line.ship_due or line.tickets):
            continue
        days.add_row(
            line.day.isoformat(),
            f"{line.orders:,}",
            f"{line.paid:,}",
            to_decimal(line.sales, CURRENCY),
            f"{line.visitors:,}",
            f"{line.buyers / line.visitors:.1%}" if line.visitors else "-",
            to_decimal(line.sales // line.buyers, CURRENCY) if line.buyers else "-",
            f"{line.shipped_in_24h / line.ship_due:.1%}" if line.ship_due else "-",
            f"{line.late:,}",
            f"{line.stockouts:,}",
            f"{line.tickets:,}",
        )
    out.print(days)
    told = Table(title="What became of it", show_header=False)
    for name, value in (
        ("orders placed", f"{real['orders']:,} real, beside them {seeded['orders']:,} seeded on the own sites"),
        ("order lines", f"{summary.lines:,}"),
        ("paid", f"{real['paid_orders']:,}; sales {real['sales']} {CURRENCY} net"),
        ("shipped within 24 h", f"{real['shipped_in_time']:,} of {real['ship_due']:,} due"),
        ("late (after 24 h)", f"{real['late']:,}, of them with the customer's consent {real['late_excused']:,}"),
        ("breached (after 48 h)", f"{real['breached']:,}"),
        ("cancelled", f"{real['cancelled']:,}; refunds {real['refund_amount']} {CURRENCY}"),
        ("stock-outs", f"{real['stock_outs']:,}, restored {real['restocks']:,}"),
        ("listings", f"{real['delistings']:,} taken off, {real['relistings']:,} put on or back"),
        ("tickets", f"{real['tickets_opened']:,} opened, {real['tickets_settled']:,} settled"),
        (
            "own sites",
            f"{seeded['paid_orders']:,} paid, {seeded['expired']:,} expired, {seeded['cancelled']:,} cancelled",
        ),
        ("speed", f"{figures['orders_per_s']:,} orders/s; {summary.events:,} events; {summary.seconds:,.0f} s in all"),
    ):
        told.add_row(name, value)
    out.print(told)
    out.print(SEEDED)
