"""The demo's real data: the cleaned totals, the money of a line, local time, and what the cleaning drops."""

from collections import Counter
from datetime import UTC, date, timedelta
from itertools import pairwise

from storeops.app.demo.data import (
    DEFAULT_START,
    FIRST_DAY,
    LAST_DAY,
    SHOP_COUNT,
    SHOP_ZONE,
    Dirt,
    daily_demand,
    read_baskets,
    read_dirt,
    read_order_counts,
    read_products,
    shop_of_store,
)


def test_the_cleaned_year_has_its_known_totals_and_every_line_adds_up() -> None:
    baskets = lines = net = uneven = 0
    shops: Counter[int] = Counter()
    days: set[date] = set()
    for basket in read_baskets(FIRST_DAY, None):
        baskets += 1
        shops[basket.shop] += 1
        days.add(basket.placed_at.astimezone(SHOP_ZONE).date())
        for line in basket.lines:
            lines += 1
            net += line.net
            uneven += line.gross % line.quantity != 0
            assert line.gross - line.shop_discount - line.shop_coupon == line.net
            assert line.quantity > 0
            assert 0 <= line.platform_coupon <= line.net <= line.gross
            assert min(line.shop_discount, line.shop_coupon) >= 0

    assert (baskets, lines, net) == (140_932, 1_440_213, 4_187_401_37)
    assert uneven == 15_798
    christmas = date(2017, 12, 25)
    assert days == {FIRST_DAY + timedelta(days=day) for day in range(365)} - {christmas}
    assert max(days) == LAST_DAY
    assert len(shops) == SHOP_COUNT
    assert max(shops.values()) < 2 * min(shops.values())


def test_what_the_cleaning_drops_is_counted() -> None:
    dirt = read_dirt()

    assert dirt == Dirt(
        raw_lines=1_469_307,
        unknown_product_lines=4_836,
        department_lines=17_868,
        zero_quantity_lines=3_990,
        zero_sales_lines=2_400,
        kept_lines=1_440_213,
        coupons_on_dropped_lines=6_573_54,
        capped_coupon_lines=509,
        capped_coupons=297_48,
        uneven_unit_price_lines=15_798,
        negative_lines=0,
        fractional_cent_lines=0,
    )
    assert sum(dirt[1:6]) == dirt.raw_lines


def test_baskets_come_in_time_order_and_two_weeks_are_the_whole_fortnight() -> None:
    fortnight = list(read_baskets())
    week = timedelta(days=7)

    assert len(fortnight) == 5_431
    assert all(earlier.placed_at <= later.placed_at for earlier, later in pairwise(fortnight))
    assert [*read_baskets(DEFAULT_START, 7), *read_baskets(DEFAULT_START + week, 7)] == fortnight


def test_stamps_become_wall_clock_times_of_the_shop() -> None:
    first = next(read_baskets())
    assert first.placed_at.tzinfo is UTC
    assert first.placed_at.astimezone(SHOP_ZONE).isoformat() == "2017-11-13T00:06:22+08:00"

    hours = Counter(basket.placed_at.astimezone(SHOP_ZONE).hour for basket in read_baskets())
    assert max(hours, key=lambda hour: hours[hour]) in {16, 17, 18}


def test_demand_and_order_counts_agree_with_the_baskets() -> None:
    sold: Counter[tuple[int, int, int]] = Counter()
    counts: Counter[tuple[date, int]] = Counter()
    for basket in read_baskets(DEFAULT_START, 3):
        day = basket.placed_at.astimezone(SHOP_ZONE).date()
        counts[day, basket.shop] += 1
        for line in basket.lines:
            sold[line.product_id, basket.shop, (day - DEFAULT_START).days] += line.quantity

    demand = list(daily_demand(DEFAULT_START, 3, trailing_days=2))
    assert demand == sorted(demand)
    assert {tuple(row[:3]): row.units for row in demand if row.day >= 0} == sold
    assert {row.day for row in demand if row.day < 0} == {-2, -1}
    assert read_order_counts(DEFAULT_START, 3) == counts


def test_every_sold_product_is_described_and_priced() -> None:
    products = read_products()

    assert len(products) == 67_810
    assert all(product.list_price > 0 and product.department for product in products.values())
    assert {product.brand_kind for product in products.values()} == {"National", "Private"}
    assert not {product.department for product in products.values()} & {"FUEL", "MISCELLANEOUS"}
    assert (products[25671].category, products[25671].package_size, products[25671].list_price) == (
        "FRZN ICE",
        "22 LB",
        349,
    )


def test_a_store_always_maps_to_the_same_shop() -> None:
    assert [shop_of_store(store) for store in (367, 406, 343, 31782)] == [0, 2, 1, 1]
