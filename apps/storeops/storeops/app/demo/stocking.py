"""How much each warehouse holds of each product, and when it runs out and is filled again. Pure and seeded.

The data has no stock. Ours follows its sales: enough for the window, except that a seeded share of the busy products
runs out on a seeded day and is delivered a day or two later, so that shortages and relistings really happen.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from math import ceil
from operator import attrgetter
from typing import NamedTuple

from storeops.app.demo.chance import chance
from storeops.app.demo.data import SHOP_ZONE, DailyUnits
from storeops.app.demo.shops import SHOPS

COVER = 1.15
SAFETY_PIECES = 3
"""On top of the window's sales, for the own-site orders that come beside them."""
BACKUP_SHARE = 0.35
"""What a shop's second warehouse holds of the shop's demand."""
SHORTAGE_PERIOD_DAYS = 14
SHORTAGE_FIRST_DAY, SHORTAGE_LAST_DAY = 1, 9
BUSY_UNITS_PER_DAY = 0.8
SHORTAGE_SHARE = 0.09
DELIVERY_EVERY_DAYS = 2
DELIVERY_FROM = time(9)


class StockSeed(NamedTuple):
    """Pieces a warehouse holds of a product when the window opens."""

    warehouse: str
    product_id: int
    quantity: int


class Receipt(NamedTuple):
    """A delivery at an instant (aware UTC)."""

    at: datetime
    warehouse: str
    product_id: int
    quantity: int


class StockPlan(NamedTuple):
    """Opening stock by product and warehouse, and the deliveries in time order, some of them after the window."""

    opening: list[StockSeed]
    restocks: list[Receipt]


def plan_stock(
    seed: int, start: date, days: int, demand: Iterable[DailyUnits], *, trailing_days: int = 28
) -> StockPlan:
    """Stock for the window: enough of everything, but a seeded share of busy products runs out and is delivered later.

    `demand` comes ordered by product, as `daily_demand` yields it with the same `trailing_days`. Each warehouse carries
    every product its shops sell in the window, so that it can serve whole orders.
    """
    opening: list[StockSeed] = []
    restocks: list[Receipt] = []
    for product_id, rows in groupby(demand, key=attrgetter("product_id")):
        sold = list(rows)
        if all(row.day < 0 for row in sold):
            continue
        for warehouse, need in sorted(_needs(sold, days / trailing_days).items()):
            gaps = _gaps(seed, (warehouse, product_id), start, days, need)
            slices = _slices(need, [day for day, _ in gaps])
            if slices[0]:
                opening.append(StockSeed(warehouse, product_id, slices[0]))
            restocks += [
                Receipt(at, warehouse, product_id, quantity)
                for (_, at), quantity in zip(gaps, slices[1:], strict=True)
                if quantity
            ]
    return StockPlan(opening, sorted(restocks))


class _Need(NamedTuple):
    """What one warehouse must have of one product: pieces by day for the shops it serves first, and beyond that."""

    by_day: Counter[int]
    usual: float
    backup: int

    def until(self, day: int) -> int:
        """Pieces asked for before noon of `day`."""
        return sum(units for at, units in self.by_day.items() if at < day) + ceil(self.by_day[day] / 2)


def _needs(sold: list[DailyUnits], window_per_trailing: float) -> dict[str, _Need]:
    by_day: defaultdict[str, Counter[int]] = defaultdict(Counter)
    usual: Counter[str] = Counter()
    backup: Counter[str] = Counter()
    for row in sold:
        first, *others = SHOPS[row.shop].warehouses
        if row.day < 0:
            usual[first] += row.units
            continue
        by_day[first][row.day] += row.units
        for other in others:
            backup[other] += row.units
    return {
        warehouse: _Need(
            by_day[warehouse], usual[warehouse] * window_per_trailing, ceil(backup[warehouse] * BACKUP_SHARE)
        )
        for warehouse in by_day.keys() | backup.keys()
    }


def _gaps(seed: int, key: tuple[str, int], start: date, days: int, need: _Need) -> list[tuple[int, datetime]]:
    """Days on which a product runs out, each with the delivery that ends the gap; at most one a period."""
    if need.by_day.total() < BUSY_UNITS_PER_DAY * days:
        return []
    gaps: list[tuple[int, datetime]] = []
    for period in range(ceil(days / SHORTAGE_PERIOD_DAYS)):
        draw = chance(seed, "shortage", *key, period)
        day = period * SHORTAGE_PERIOD_DAYS + draw.randint(SHORTAGE_FIRST_DAY, SHORTAGE_LAST_DAY)
        if draw.random() < SHORTAGE_SHARE and day < days:
            delivery_day = (day // DELIVERY_EVERY_DAYS + 1) * DELIVERY_EVERY_DAYS
            doors_open = datetime.combine(start + timedelta(days=delivery_day), DELIVERY_FROM, SHOP_ZONE)
            gaps.append((day, doors_open.astimezone(UTC) + timedelta(minutes=draw.randint(0, 600))))
    return gaps


def _slices(need: _Need, gap_days: list[int]) -> list[int]:
    """Opening stock and one delivery per gap: each lasts until the next gap, the last one to the end and beyond."""
    wanted = max(need.by_day.total(), need.usual)
    last = ceil(wanted * COVER) + SAFETY_PIECES
    marks = [*(need.until(day) for day in gap_days), last]
    slices = [mark - before for before, mark in zip([0, *marks], marks, strict=False)]
    return [slices[0] + need.backup, *slices[1:]]
