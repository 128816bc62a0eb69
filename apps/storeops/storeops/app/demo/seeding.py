"""Everything of the demo that the data lacks, but stock (`stocking`): customers, the way of parcels, own-site orders,
traffic, and how an agent settles a ticket.

Pure: no I/O, no clock. Every choice is drawn by seed, purpose and key, so that nothing depends on the order of calls
and the halves of a window add up to the whole.
"""

from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate
from math import log
from random import Random
from typing import NamedTuple

from storeops.app.demo.chance import chance
from storeops.app.demo.data import SHOP_ZONE, DailyUnits
from storeops.app.demo.places import CITIES, GIVEN_NAMES, STREETS, SURNAMES
from storeops.app.demo.shops import OWN_SITE_SHOPS, SHOPS

SYNTHETIC = "synthetic"
"""The label of orders and traffic that are not in the data."""

HOUSEHOLDS = 2_500
"""Household ids of the data run from 1 to this."""


class Customer(NamedTuple):
    """An invented person for a household; `city_code` is GB/T 2260."""

    name: str
    phone: str
    province: str
    city: str
    city_code: str
    district: str
    street: str


class ParcelPlan(NamedTuple):
    """When an order is packed and given to which courier; instants are aware UTC."""

    pack_at: datetime
    handover_at: datetime
    courier: str
    waybill_no: str


class Fate(StrEnum):
    """What becomes of an own-site order, if stock lasts."""

    PAID = "paid"
    UNPAID = "unpaid"
    CANCELLED = "cancelled"


class OwnOrderLine(NamedTuple):
    """What a buyer puts into the cart; promotions prices it."""

    product_id: int
    quantity: int


class OwnOrder(NamedTuple):
    """A synthetic order placed on an own site.

    `paid_at` is None when it is never paid; `cancel_at` is set when the customer cancels after paying, before packing.
    """

    key: str
    shop: int
    household_id: int
    placed_at: datetime
    lines: tuple[OwnOrderLine, ...]
    fate: Fate
    paid_at: datetime | None
    cancel_at: datetime | None


class Assortment(NamedTuple):
    """What a shop sells, by product id, with running sums of pieces sold for a draw by popularity."""

    product_ids: tuple[int, ...]
    running_units: tuple[int, ...]


class Traffic(NamedTuple):
    """Synthetic visitors and page views of one shop, local day, source and terminal."""

    day: date
    shop: int
    source: str
    terminal: str
    visitors: int
    page_views: int


class TicketCause(StrEnum):
    """Why a ticket was opened, as far as it matters to its outcome."""

    HELD = "held"
    DELAY = "delay"


class TicketOutcome(StrEnum):
    """What agent and customer agree on."""

    WAIT = "wait"
    CANCEL = "cancel"
    REFUND = "refund"


class Settlement(NamedTuple):
    """When (aware UTC) and how a ticket is settled."""

    settle_at: datetime
    outcome: TicketOutcome


def customer_of(seed: int, household_id: int) -> Customer:
    """The person who orders for a household.

    Phones are distinct, and start with 161 to keep clear of real people: no carrier's range that we know holds it.
    """
    draw = chance(seed, "customer", household_id)
    city = draw.choice(CITIES)
    name = draw.choice(SURNAMES) + "".join(draw.sample(GIVEN_NAMES, draw.choice((1, 2, 2))))
    # 48271 is prime to 10**8, so that the multiplication only reorders the numbers.
    phone = f"161{(household_id * 48_271 + seed) % 10**8:08d}"
    street = f"{draw.choice(STREETS)}{draw.randint(1, 399)}号{draw.randint(1, 28)}栋{draw.randint(101, 2405)}室"
    return Customer(name, phone, city.province, city.name, city.code, draw.choice(city.districts), street)


WORK_FROM, WORK_UNTIL = time(8), time(22)
PACKING_HOURS_MEDIAN, PACKING_SPREAD = 3.0, 0.6
TROUBLED_SHARE = 0.04
TROUBLE_HOURS_MEDIAN, TROUBLE_SPREAD = 20.0, 0.5
COURIERS = {"zto": 35, "yto": 30, "sf": 20, "yunda": 15}


def parcel_plan(seed: int, order_key: str, ready_at: datetime) -> ParcelPlan:
    """When an order that became ready (paid and allocated) at `ready_at` is packed and handed over.

    Packing and handover happen between 8 and 22 local time. For orders ready when paid, about 97 % leave within
    24 hours and 0.3 % after 48.
    """
    draw = chance(seed, "parcel", order_key)
    hours = draw.lognormvariate(log(PACKING_HOURS_MEDIAN), PACKING_SPREAD)
    if draw.random() < TROUBLED_SHARE:
        hours += draw.lognormvariate(log(TROUBLE_HOURS_MEDIAN), TROUBLE_SPREAD)
    pack_at = _at_work(_at_work(ready_at) + timedelta(hours=max(hours, 0.75)))
    handover_at = _at_work(pack_at + timedelta(minutes=draw.randint(20, 180)))
    [courier] = draw.choices(list(COURIERS), list(COURIERS.values()))
    return ParcelPlan(pack_at, handover_at, courier, f"{courier.upper()}{draw.randrange(10**14):014d}")


def _at_work(instant: datetime) -> datetime:
    """The instant itself within working hours, else a few minutes past the next opening."""
    local = instant.astimezone(SHOP_ZONE)
    if WORK_FROM <= local.time() < WORK_UNTIL:
        return instant
    day = local.date() if local.time() < WORK_FROM else local.date() + timedelta(days=1)
    # Spread over the first hour: work left overnight does not finish at one stroke of the clock.
    past = timedelta(minutes=local.minute, seconds=local.second)
    return (datetime.combine(day, WORK_FROM, SHOP_ZONE) + past).astimezone(UTC)


OWN_SITE_SHARE = 0.10
UNPAID_SHARE = 0.08
CANCELLED_SHARE = 0.04
# Orders by local hour, 0 to 23, in the shape of the data's baskets.
HOUR_WEIGHTS = (5, 5, 3, 2, 2, 5, 11, 17, 25, 38, 53, 64, 66, 70, 75, 85, 97, 98, 87, 73, 54, 36, 21, 11)


def assortments(demand: Iterable[DailyUnits]) -> dict[int, Assortment]:
    """What each shop sells in the window: the products to list, and the pool own-site buyers choose from."""
    units: dict[int, dict[int, int]] = {shop.number: {} for shop in SHOPS}
    for row in demand:
        if row.day >= 0:
            units[row.shop][row.product_id] = units[row.shop].get(row.product_id, 0) + row.units
    return {shop: Assortment(tuple(sold), tuple(accumulate(sold.values()))) for shop, sold in units.items()}


def own_site_orders(
    seed: int, order_counts: Mapping[tuple[date, int], int], assortment: Mapping[int, Assortment]
) -> Iterator[OwnOrder]:
    """The synthetic stream, a tenth of the day's real baskets (by local day and shop), in order of `placed_at`.

    With the same assortment, the orders of a day are the same whatever window it lies in.
    """
    baskets: dict[date, int] = {}
    for (day, _), count in order_counts.items():
        baskets[day] = baskets.get(day, 0) + count
    for day in sorted(baskets):
        wanted, rest = divmod(baskets[day] * OWN_SITE_SHARE, 1)
        count = int(wanted) + (chance(seed, "own-site", day).random() < rest)
        orders = [_own_order(seed, day, number, assortment) for number in range(1, count + 1)]
        yield from sorted(orders, key=lambda order: order.placed_at)


def _own_order(seed: int, day: date, number: int, assortment: Mapping[int, Assortment]) -> OwnOrder:
    key = f"own-{day:%Y%m%d}-{number:04d}"
    draw = chance(seed, key)
    shop = draw.choice([index for index in OWN_SITE_SHOPS if assortment[index].product_ids])
    [hour] = draw.choices(range(24), HOUR_WEIGHTS)
    moment = time(hour, draw.randrange(60), draw.randrange(60))
    placed_at = datetime.combine(day, moment, SHOP_ZONE).astimezone(UTC)
    products = {_popular(draw, assortment[shop]) for _ in range(draw.choices((1, 2, 3, 4), (35, 30, 20, 15))[0])}
    lines = tuple(OwnOrderLine(product, draw.choice((1, 1, 1, 2))) for product in sorted(products))
    [fate] = draw.choices(list(Fate), (1 - UNPAID_SHARE - CANCELLED_SHARE, UNPAID_SHARE, CANCELLED_SHARE))
    paid_at = None if fate is Fate.UNPAID else placed_at + timedelta(seconds=draw.randint(60, 1200))
    cancel_at = paid_at + timedelta(minutes=draw.randint(3, 30)) if paid_at and fate is Fate.CANCELLED else None
    return OwnOrder(key, shop, draw.randint(1, HOUSEHOLDS), placed_at, lines, fate, paid_at, cancel_at)


def _popular(draw: Random, pool: Assortment) -> int:
    return pool.product_ids[bisect(pool.running_units, draw.randrange(pool.running_units[-1]))]


class _Source(NamedTuple):
    share_of_orders: float
    conversion: float
    pages_a_visitor: float


SOURCES = {
    "search": _Source(0.34, 0.030, 4.5),
    "pay_per_click": _Source(0.16, 0.018, 3.0),
    "display": _Source(0.05, 0.006, 2.0),
    "affiliate": _Source(0.10, 0.022, 3.2),
    "group_buy": _Source(0.08, 0.040, 2.6),
    "returning": _Source(0.22, 0.090, 6.5),
    "off_site": _Source(0.05, 0.010, 2.4),
}
TERMINALS = {"pc": 0.22, "mobile": 0.78}


def daily_traffic(seed: int, order_counts: Mapping[tuple[date, int], int]) -> Iterator[Traffic]:
    """Synthetic traffic in order of day and shop: orders divided by a seeded conversion of each source and terminal."""
    for (day, shop), orders in sorted(order_counts.items()):
        draw = chance(seed, "traffic", day, shop)
        for source, usual in SOURCES.items():
            for terminal, share in TERMINALS.items():
                conversion = usual.conversion * draw.uniform(0.8, 1.25)
                visitors = round(orders * usual.share_of_orders * share / conversion)
                page_views = round(visitors * usual.pages_a_visitor * draw.uniform(0.85, 1.2))
                yield Traffic(day, shop, source, terminal, visitors, page_views)


# Wait, cancel, refund. A customer who is told of a shortage leaves more readily than one whose parcel is a day late.
OUTCOME_WEIGHTS = {TicketCause.HELD: (60, 15, 25), TicketCause.DELAY: (90, 4, 6)}
SETTLING_MINUTES_MEDIAN, SETTLING_SPREAD = 45.0, 0.8


def settlement_of(seed: int, ticket_key: str, cause: TicketCause, opened_at: datetime) -> Settlement:
    """When and how an agent settles a ticket opened at `opened_at`: in working hours, mostly within two of them."""
    draw = chance(seed, "ticket", ticket_key)
    minutes = draw.lognormvariate(log(SETTLING_MINUTES_MEDIAN), SETTLING_SPREAD)
    settle_at = _at_work(_at_work(opened_at) + timedelta(minutes=max(minutes, 5)))
    [outcome] = draw.choices(list(TicketOutcome), OUTCOME_WEIGHTS[cause])
    return Settlement(settle_at, outcome)
