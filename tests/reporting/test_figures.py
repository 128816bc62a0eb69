"""The day table: what events of the other services come to in figures, and how figures open (REP-1, REP-2, REP-9)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.base import Event
from storeops.common.contracts.customer_service import TicketOpened, TicketReopened, TicketSettled
from storeops.common.contracts.inventory import StockLow, StockOut, StockRestored
from storeops.common.contracts.orders import (
    OrderCancelled,
    OrderExpired,
    OrderHeld,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderShipBreached,
    OrderShipLate,
    OrderShipped,
    OrderWaitAgreed,
    RefundRequested,
)
from storeops.common.contracts.platform import StoreOpened
from storeops.common.contracts.promotions import ListingDelisted, ListingListed
from storeops.common.contracts.reporting import TrafficRecorded
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness
from storeops.reporting.figures.rules import FIGURES, RATES
from storeops.reporting.figures.schemas import FigureValues, RateValues

DAY = date(2026, 11, 11)
NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)
"""Noon of that day in Shanghai."""
HOUR = timedelta(hours=1)


class Shop:
    """Tells reporting of a store's life, as the other services would."""

    def __init__(self, harness: Harness, *, zone: str = "Asia/Shanghai", currency: str = "CNY") -> None:
        self.harness = harness
        self.store_id = new_id("sto")
        self.facts: dict[str, Any] = {"brand_id": new_id("brd"), "name": "Tea", "channel": "tmall"}
        self.facts |= {"time_zone": zone, "currency": currency}
        self.currency = currency

    async def open(self) -> "Shop":
        await self.tell(StoreOpened(store_id=self.store_id, occurred_at=NOON, **self.facts))
        return self

    async def tell(self, *events: Event) -> None:
        await self.harness.publish_from("reporting", *events)

    def lines(self, net: int) -> tuple[OrderLine, ...]:
        """A piece of tea for a third of the money, and tins for the rest."""
        tea = net // 3
        return (
            OrderLine(line_no=1, sku="TEA-250", quantity=1, gross=tea + 100, discount=100, net=tea),
            OrderLine(line_no=2, sku="TIN-1", quantity=2, gross=net - tea, discount=0, net=net - tea),
        )

    async def place(
        self, net: int, at: datetime = NOON, *, customer: str | None = None, labels: tuple[str, ...] = ()
    ) -> OrderPlaced:
        placed = OrderPlaced(
            order_id=new_id("ord"), store_id=self.store_id, occurred_at=at, customer_id=customer or new_id("cus"),
            channel="tmall", placed_at=at, currency=self.currency, lines=self.lines(net), gross=net + 100,
            discount=100, net=net, payable=net, labels=labels,
        )  # fmt: skip
        await self.tell(placed)
        return placed

    async def pay(self, order: OrderPlaced, at: datetime = NOON) -> OrderPaid:
        paid = OrderPaid(
            order_id=order.order_id, store_id=self.store_id, occurred_at=at, customer_id=order.customer_id,
            placed_at=order.placed_at, paid_at=at, currency=order.currency, lines=order.lines, net=order.net,
            amount=order.payable, labels=order.labels,
        )  # fmt: skip
        await self.tell(paid)
        return paid

    async def buy(
        self, net: int, at: datetime = NOON, *, customer: str | None = None, labels: tuple[str, ...] = ()
    ) -> OrderPaid:
        return await self.pay(await self.place(net, at, customer=customer, labels=labels), at)

    def clocks(self, order: OrderPaid) -> dict[str, Any]:
        return {
            "order_id": order.order_id,
            "store_id": self.store_id,
            "paid_at": order.paid_at,
            "late_at": order.paid_at + 24 * HOUR,
            "breach_at": order.paid_at + 48 * HOUR,
        }

    async def ship(self, order: OrderPaid, after: timedelta) -> None:
        at = order.paid_at + after
        await self.tell(OrderShipped(**self.clocks(order), shipped_at=at, occurred_at=at))

    async def become_late(self, order: OrderPaid, *, in_rush: bool = False) -> None:
        at = order.paid_at + 24 * HOUR
        await self.tell(
            OrderShipLate(**self.clocks(order), due_at=at, occurred_at=at, reason="packing", in_rush=in_rush)
        )

    async def visit(self, visitors: int, *, day: date = DAY, provider: str = "sycm", source: str = "search") -> None:
        event = TrafficRecorded(
            store_id=self.store_id, day=day, source=source, terminal="mobile", visitors=visitors,
            page_views=visitors * 3, provider=provider, occurred_at=NOON,
        )  # fmt: skip
        await self.tell(event)

    async def days(self, first: date = DAY, last: date = DAY, **query: str) -> list[dict[str, Any]]:
        await self.harness.drain()
        client = await self.harness.client(Role.STORE_MANAGER, stores=[self.store_id])
        answer = await client.get("/v1/figures/days", params={"from": str(first), "to": str(last), **query})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def figures(self, day: date = DAY, **query: str) -> dict[str, Any]:
        [row] = await self.days(day, day, **query)
        return row["figures"]


@pytest.fixture
async def shop(harness: Harness) -> Shop:
    return await Shop(harness).open()


def test_each_figure_and_rate_is_defined_and_shown_once() -> None:
    assert list(FigureValues.model_fields) == list(FIGURES)
    assert list(RateValues.model_fields) == list(RATES)


async def test_a_day_of_orders(shop: Shop) -> None:
    regular = new_id("cus")
    await shop.buy(10_000, NOON - 24 * HOUR, customer=regular)
    await shop.buy(20_005, customer=regular)
    await shop.buy(5_000, customer=regular)
    await shop.buy(7_000)
    await shop.place(900)

    figures = await shop.figures()

    assert {name: figures[name] for name in ("orders", "paid_orders", "buyers", "repeat_buyers")} == {
        "orders": 4, "paid_orders": 3, "buyers": 2, "repeat_buyers": 1,
    }  # fmt: skip
    assert (figures["order_amount"], figures["sales"], figures["paid_amount"]) == ("329.05", "320.05", "320.05")
    assert (figures["gross_amount"], figures["discounts"]) == ("323.05", "3.00")
    [row] = await shop.days()
    assert row["rates"]["payment_rate"] == {"numerator": 3, "denominator": 4, "value": "0.7500"}
    assert row["rates"]["repeat_rate"]["value"] == "0.5000"
    assert row["rates"]["sales_per_order"]["value"] == "106.68"


async def test_sales_are_visitors_times_conversion_times_order_value(shop: Shop) -> None:
    for net in (1_000, 1_000, 1_001):
        await shop.buy(net)
    await shop.visit(70)
    [row] = await shop.days()
    assert row["formula"] == {
        "visitors": 70,
        "conversion": {"numerator": 3, "denominator": 70, "value": "0.0429"},
        "average_order_value": {"numerator": "30.01", "denominator": 3, "value": "10.00"},
        "product": "30.01",
        "equals_sales": True,
    }


async def test_a_gap_is_traced_to_its_factors(shop: Shop) -> None:
    await shop.buy(1_000, NOON - 24 * HOUR)
    await shop.visit(100, day=DAY - timedelta(days=1))
    await shop.buy(1_500)
    await shop.buy(1_500)
    await shop.visit(100)
    [row] = await shop.days()
    assert row["gap"] == {
        "sales": "20.00", "by_visitors": "0.00", "by_conversion": "10.00", "by_average_order_value": "10.00",
    }  # fmt: skip


async def test_days_without_traffic_have_no_formula(shop: Shop) -> None:
    await shop.buy(1_000)
    [row] = await shop.days()
    assert (row["formula"], row["gap"], row["rates"]["conversion"]["value"]) == (None, None, None)


async def test_two_providers_stand_side_by_side_and_the_last_is_counted(shop: Shop) -> None:
    await shop.visit(100, provider="sycm")
    await shop.visit(90, provider="own")
    await shop.visit(50, provider="own", source="display")
    [row] = await shop.days()
    assert (row["figures"]["visitors"], row["figures"]["page_views"]) == (140, 420)
    assert [(t["provider"], t["visitors"], t["counted"], t["visitors_difference"]) for t in row["traffic"]] == [
        ("own", 140, True, 0), ("sycm", 100, False, -40),
    ]  # fmt: skip
    await shop.visit(95, provider="sycm")
    assert (await shop.figures())["visitors"] == 95


async def test_a_day_begins_at_midnight_of_the_store(harness: Harness, shop: Shop) -> None:
    midnight = datetime(2026, 11, 10, 16, tzinfo=UTC)
    await shop.buy(1_000, midnight - timedelta(microseconds=1))
    await shop.buy(2_000, midnight)
    assert [row["figures"]["sales"] for row in await shop.days(DAY - timedelta(days=1), DAY)] == ["10.00", "20.00"]

    tokyo = await Shop(harness, zone="Asia/Tokyo", currency="JPY").open()
    await tokyo.buy(3_000, midnight - HOUR)
    [row] = await tokyo.days()
    assert (row["currency"], row["figures"]["sales"]) == ("JPY", "3000")


async def test_shipping_against_the_promise(shop: Shop) -> None:
    prompt, slow, waiting, unshipped = [await shop.buy(1_000) for _ in range(4)]
    rushed = await shop.buy(1_000)
    assert unshipped.paid_at == NOON
    await shop.ship(prompt, 24 * HOUR)
    await shop.become_late(slow)
    await shop.ship(slow, 25 * HOUR)
    await shop.tell(
        OrderWaitAgreed(
            order_id=waiting.order_id, store_id=shop.store_id, ticket_id=new_id("tkt"), occurred_at=NOON + HOUR
        ),
    )
    await shop.become_late(waiting)
    await shop.become_late(rushed, in_rush=True)
    at = waiting.paid_at + 48 * HOUR
    await shop.tell(
        OrderShipBreached(**shop.clocks(waiting), due_at=at, occurred_at=at, reason="shortage", excused=True)
    )

    [row] = await shop.days()
    figures = row["figures"]
    names = ("ship_due", "shipped_in_time", "late", "late_excused", "late_in_rush", "breached")
    assert [figures[name] for name in names] == [4, 1, 2, 1, 1, 1]
    assert row["rates"]["ship_in_time_rate"]["value"] == "0.2500"
    assert (await shop.figures(DAY + timedelta(days=1)))["shipped"] == 2


async def test_an_order_that_left_in_time_is_not_late_however_late_the_news(shop: Shop) -> None:
    order = await shop.buy(1_000)
    await shop.become_late(order)
    await shop.ship(order, 23 * HOUR)
    figures = await shop.figures()
    assert (figures["late"], figures["shipped_in_time"]) == (0, 1)


async def test_the_rest_of_an_orders_fates(shop: Shop) -> None:
    held, cancelled, expired = [await shop.place(1_000) for _ in range(3)]
    store: dict[str, Any] = {"store_id": shop.store_id, "occurred_at": NOON}
    hold: dict[str, Any] = {"order_id": held.order_id, "store_id": shop.store_id, "kind": "audit", "reason": "?"}
    for at in (NOON, NOON + 24 * HOUR):
        await shop.tell(OrderHeld(hold_id=new_id("hld"), deadline=None, occurred_at=at, **hold))
    await shop.tell(
        OrderCancelled(order_id=cancelled.order_id, reason="short", was_paid=False, placed_at=NOON, net=1_000, **store),
        OrderExpired(order_id=expired.order_id, placed_at=NOON, net=1_000, **store),
    )
    paid = await shop.buy(10_000)
    refund: dict[str, Any] = {"order_id": paid.order_id, "currency": "CNY", "reason": "settled", **store}
    await shop.tell(
        RefundRequested(refund_id=new_id("rfd"), amount=1_000, **refund),
        RefundRequested(refund_id=new_id("rfd"), amount=1_500, **refund),
    )
    [row] = await shop.days()
    names = ("held", "cancelled", "expired", "refunds", "refund_amount", "sales")
    assert [row["figures"][name] for name in names] == [1, 1, 1, 2, "25.00", "100.00"]
    assert row["rates"]["refund_rate"]["value"] == "0.2500"


async def test_cases_stock_and_shelf(shop: Shop) -> None:
    ticket: dict[str, Any] = {
        "store_id": shop.store_id,
        "order_id": None,
        "kind": "shipping_delay",
        "settle_by": NOON + 24 * HOUR,
    }
    settled: dict[str, Any] = {"outcome": "wait", "by": "sta_1", "opened_at": NOON, **ticket}
    opened: dict[str, Any] = {"reason": "packing", "deadline": None, **ticket}
    for ticket_id, at in (("tkt_1", NOON + HOUR), ("tkt_2", NOON + 25 * HOUR), ("tkt_3", NOON + HOUR)):
        await shop.tell(
            TicketOpened(ticket_id=ticket_id, occurred_at=NOON, **opened),
            TicketSettled(ticket_id=ticket_id, occurred_at=at, **settled),
        )
    await shop.tell(TicketReopened(ticket_id="tkt_3", occurred_at=NOON + HOUR, **opened))
    stock: dict[str, Any] = {"store_id": shop.store_id, "sku": "TEA-250", "occurred_at": NOON}
    await shop.tell(StockLow(available=2, warning_level=3, **stock), StockOut(available=0, **stock))
    await shop.tell(StockRestored(available=5, **stock), StockOut(available=0, **stock))
    first: dict[str, Any] = {**stock, "sku": "NEW"}
    await shop.tell(StockRestored(available=7, **first))
    shelf: dict[str, Any] = {
        "listing_id": new_id("lst"),
        "store_id": shop.store_id,
        "sku": "TEA-250",
        "by": "system",
        "reason": ".",
    }
    for event in (ListingListed, ListingDelisted, ListingListed, ListingDelisted):
        await shop.tell(event(occurred_at=NOON, **shelf))

    figures = await shop.figures()
    names = ("tickets_opened", "tickets_settled", "tickets_settled_in_time", "stock_outs", "restocks", "delistings")
    assert [figures[name] for name in (*names, "relistings")] == [3, 1, 1, 2, 1, 2, 1]
    late = await shop.figures(DAY + timedelta(days=1))
    assert (late["tickets_settled"], late["tickets_settled_in_time"]) == (1, 0)


async def test_synthetic_orders_can_be_told_apart(shop: Shop) -> None:
    await shop.buy(1_000)
    seeded = await shop.buy(2_000, labels=("synthetic",))
    refund: dict[str, Any] = {"refund_id": new_id("rfd"), "amount": 500, "currency": "CNY", "reason": "settled"}
    await shop.tell(RefundRequested(order_id=seeded.order_id, store_id=shop.store_id, occurred_at=NOON, **refund))
    found = {which: await shop.figures(synthetic=which) for which in ("include", "exclude", "only")}
    assert [found[which]["sales"] for which in found] == ["30.00", "10.00", "20.00"]
    assert [found[which]["refunds"] for which in found] == [1, 0, 1]


async def open_figure(client: httpx2.AsyncClient, shop: Shop, figure: str) -> tuple[int | str, list[dict[str, Any]]]:
    url, items, cursor = f"/v1/figures/days/{shop.store_id}/{DAY}/orders", list[dict[str, Any]](), None
    while True:
        query = {"figure": figure, "limit": "2"} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(url, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return page["total"], items


async def test_every_figure_opens_to_rows_that_sum_to_it(harness: Harness, shop: Shop) -> None:
    regular = new_id("cus")
    for net in (1_000, 2_000, 3_000, 4_001, 0):
        order = await shop.buy(net, customer=regular)
        await shop.ship(order, HOUR * (net // 100))
    await shop.visit(10)
    await shop.visit(20, source="display")
    stock: dict[str, Any] = {"store_id": shop.store_id, "sku": "TEA-250", "occurred_at": NOON}
    await shop.tell(StockOut(available=0, **stock), StockRestored(available=1, **stock))
    await shop.tell(StockOut(available=0, **stock))
    client = await harness.client(Role.FINANCE)
    figures = await shop.figures()
    for name in FIGURES:
        total, items = await open_figure(client, shop, name)
        assert total == figures[name]
        in_cents = [int(str(item["value"]).replace(".", "")) for item in items]
        assert sum(in_cents) == int(str(total).replace(".", "")), name
    _, sales = await open_figure(client, shop, "sales")
    assert len({item["order_id"] for item in sales}) == 5


async def test_products_of_a_day_sum_to_its_sales(harness: Harness, shop: Shop) -> None:
    await shop.buy(3_000)
    await shop.buy(6_001)
    client = await harness.client(Role.STORE_MANAGER, stores=[shop.store_id])
    await harness.drain()
    answer = await client.get(f"/v1/figures/days/{shop.store_id}/{DAY}/products")
    assert answer.json()["items"] == [
        {"sku": "TEA-250", "orders": 2, "quantity": 2, "sales": "30.00"},
        {"sku": "TIN-1", "orders": 2, "quantity": 4, "sales": "60.01"},
    ]


async def test_a_period_counts_a_buyer_once_and_adds_up_stores(harness: Harness, shop: Shop) -> None:
    regular = new_id("cus")
    await shop.buy(1_000, NOON - 24 * HOUR, customer=regular)
    await shop.buy(2_000, customer=regular)
    other, foreign = await Shop(harness).open(), await Shop(harness, currency="USD").open()
    await other.buy(500)
    await foreign.buy(700)
    client = await harness.client(Role.STORE_MANAGER, stores=[shop.store_id, other.store_id, foreign.store_id])
    period = {"from": str(DAY - timedelta(days=1)), "to": str(DAY)}
    await harness.drain()
    summary = (await client.get("/v1/figures/summary", params=period)).json()
    by_store = {row["store_id"]: row["figures"] for row in summary["stores"]}
    assert {key: by_store[shop.store_id][key] for key in ("buyers", "repeat_buyers", "sales")} == {
        "buyers": 1, "repeat_buyers": 0, "sales": "30.00",
    }  # fmt: skip
    assert [(row["currency"], row["figures"]["sales"]) for row in summary["totals"]] == [
        ("CNY", "35.00"),
        ("USD", "7.00"),
    ]
