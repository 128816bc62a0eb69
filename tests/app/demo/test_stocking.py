"""Seeded stock: enough for most orders, short for some, filled again; replayed with inventory's whole-order rule."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

import pytest
from storeops.app.demo.data import (
    DEFAULT_DAYS,
    DEFAULT_START,
    DailyUnits,
    daily_demand,
    read_baskets,
    read_order_counts,
)
from storeops.app.demo.seeding import assortments, own_site_orders
from storeops.app.demo.shops import SHOPS
from storeops.app.demo.stocking import Receipt, StockPlan, plan_stock

SERVED = {warehouse: [shop for shop in SHOPS if warehouse in shop.warehouses] for warehouse in ("HZ", "GZ", "TJ")}


class Wanted(NamedTuple):
    at: datetime
    shop: int
    pieces: Mapping[int, int]


class Outcome(NamedTuple):
    orders: int
    short: int
    stockouts: int
    restored: int


@pytest.fixture(scope="module")
def fortnight() -> list[DailyUnits]:
    return list(daily_demand())


def test_a_fortnight_has_shortages_and_most_of_them_end(fortnight: list[DailyUnits]) -> None:
    plan = plan_stock(2017, DEFAULT_START, DEFAULT_DAYS, fortnight)

    outcome = replay(plan, sorted(orders_of(2017, fortnight)), fortnight)

    assert 0.005 <= outcome.short / outcome.orders <= 0.02
    assert 20 <= outcome.stockouts <= 100
    assert outcome.restored >= outcome.stockouts * 0.8


def test_the_plan_follows_from_the_seed(fortnight: list[DailyUnits]) -> None:
    plan = plan_stock(1, DEFAULT_START, DEFAULT_DAYS, fortnight)

    assert plan == plan_stock(1, DEFAULT_START, DEFAULT_DAYS, fortnight)
    assert plan.restocks != plan_stock(2, DEFAULT_START, DEFAULT_DAYS, fortnight).restocks
    assert plan.restocks == sorted(plan.restocks)
    assert all(row.quantity > 0 for row in [*plan.opening, *plan.restocks])


def test_all_supply_together_covers_the_demand_of_the_shops_a_warehouse_serves_first(
    fortnight: list[DailyUnits],
) -> None:
    plan = plan_stock(3, DEFAULT_START, DEFAULT_DAYS, fortnight)
    supply: Counter[tuple[str, int]] = Counter()
    for row in [*plan.opening, *plan.restocks]:
        supply[row.warehouse, row.product_id] += row.quantity
    carried = {(row.warehouse, row.product_id) for row in plan.opening} | supply.keys()

    demand: Counter[tuple[str, int]] = Counter()
    for row in fortnight:
        if row.day >= 0:
            demand[SHOPS[row.shop].warehouses[0], row.product_id] += row.units
            assert all((warehouse, row.product_id) in carried for warehouse in SHOPS[row.shop].warehouses)
    assert all(supply[key] > units for key, units in demand.items())


def test_without_sales_there_is_nothing_to_stock() -> None:
    before = [DailyUnits(product_id=1, shop=0, day=-3, units=5)]
    assert plan_stock(1, date(2017, 11, 13), 14, before) == StockPlan([], [])


def orders_of(seed: int, demand: list[DailyUnits]) -> Iterator[Wanted]:
    for basket in read_baskets():
        yield Wanted(
            basket.placed_at, basket.shop, pieces_of((line.product_id, line.quantity) for line in basket.lines)
        )
    for order in own_site_orders(seed, read_order_counts(), assortments(demand)):
        yield Wanted(order.placed_at, order.shop, pieces_of(order.lines))


def pieces_of(lines: Iterator[tuple[int, int]] | tuple[tuple[int, int], ...]) -> Counter[int]:
    pieces: Counter[int] = Counter()
    for product_id, quantity in lines:
        pieces[product_id] += quantity
    return pieces


def replay(plan: StockPlan, orders: list[Wanted], demand: list[DailyUnits]) -> Outcome:
    """All lines out of the first warehouse that holds them, or none; what is short waits for the next delivery."""
    listed = {(row.shop, row.product_id) for row in demand if row.day >= 0}
    levels: defaultdict[tuple[str, int], int] = defaultdict(int)
    levels.update({(row.warehouse, row.product_id): row.quantity for row in plan.opening})
    out: set[tuple[int, int]] = set()
    short = stockouts = restored = 0
    waiting: list[Wanted] = []

    def allocate(order: Wanted) -> bool:
        nonlocal stockouts
        for warehouse in SHOPS[order.shop].warehouses:
            if all(levels[warehouse, product] >= pieces for product, pieces in order.pieces.items()):
                for product, pieces in order.pieces.items():
                    levels[warehouse, product] -= pieces
                    gone = {
                        (shop.number, product)
                        for shop in SERVED[warehouse]
                        if (shop.number, product) in listed and not any(levels[w, product] for w in shop.warehouses)
                    }
                    stockouts += len(gone)
                    out.update(gone)
                return True
        return False

    for event in sorted([*orders, *plan.restocks], key=lambda event: event.at):
        if isinstance(event, Receipt):
            levels[event.warehouse, event.product_id] += event.quantity
            back = {(shop.number, event.product_id) for shop in SERVED[event.warehouse]} & out
            restored += len(back)
            out -= back
            waiting = [order for order in waiting if not allocate(order)]
        elif not allocate(event):
            short += 1
            waiting.append(event)
    return Outcome(len(orders), short, stockouts, restored)
