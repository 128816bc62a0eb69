"""What is seeded: same seed, same demo; halves add up to the whole; the shares come out as promised."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from storeops.app.demo.data import SHOP_ZONE
from storeops.app.demo.seeding import (
    HOUSEHOLDS,
    Assortment,
    Fate,
    TicketCause,
    TicketOutcome,
    customer_of,
    daily_traffic,
    own_site_orders,
    parcel_plan,
    settlement_of,
)
from storeops.app.demo.shops import BRANDS, OWN_SITE_SHOPS, SHOPS, WAREHOUSES

START = date(2017, 11, 13)
ASSORTMENT = {shop.number: Assortment((11, 12, 13), (5, 6, 16)) for shop in SHOPS}
COUNTS = {(START + timedelta(days=day), shop.number): 40 + day for day in range(14) for shop in SHOPS}

NEW_YEAR = datetime(2017, 1, 1, tzinfo=UTC)
instants = st.integers(0, 365 * 86_400).map(lambda seconds: NEW_YEAR + timedelta(seconds=seconds))
seeds = st.integers(0, 2**32)


def test_eight_shops_of_three_brands_are_served_by_known_warehouses() -> None:
    assert [shop.number for shop in SHOPS] == list(range(8))
    assert {shop.brand for shop in SHOPS} == {brand.code for brand in BRANDS}
    assert {warehouse for shop in SHOPS for warehouse in shop.warehouses} == {place.code for place in WAREHOUSES}
    assert {shop.channel for shop in SHOPS} == {"tmall", "jd", "taobao", "own"}


def test_every_household_has_a_person_with_a_phone_of_their_own() -> None:
    customers = [customer_of(7, household) for household in range(1, HOUSEHOLDS + 1)]

    assert len({customer.phone for customer in customers}) == HOUSEHOLDS
    assert all(len(customer.phone) == 11 and customer.phone.isdigit() for customer in customers)
    assert all(all(customer) for customer in customers)
    assert customers == [customer_of(7, household) for household in range(1, HOUSEHOLDS + 1)]


@settings(deadline=None)
@given(seed=seeds, key=st.text(max_size=20), ready_at=instants)
def test_parcels_are_packed_and_handed_over_in_working_hours(seed: int, key: str, ready_at: datetime) -> None:
    plan = parcel_plan(seed, key, ready_at)

    assert plan == parcel_plan(seed, key, ready_at)
    assert ready_at + timedelta(minutes=45) <= plan.pack_at < plan.handover_at
    assert all(8 <= instant.astimezone(SHOP_ZONE).hour < 22 for instant in (plan.pack_at, plan.handover_at))


def test_nearly_all_parcels_leave_in_time() -> None:
    noon = datetime(2017, 11, 13, 4, tzinfo=UTC)
    took = [parcel_plan(7, str(number), noon).handover_at - noon for number in range(10_000)]

    late = sum(timedelta(hours=24) < hours <= timedelta(hours=48) for hours in took)
    breached = sum(hours > timedelta(hours=48) for hours in took)
    assert 100 <= late <= 350
    assert 5 <= breached <= 60


def test_waybill_numbers_are_distinct() -> None:
    noon = datetime(2017, 11, 13, 4, tzinfo=UTC)
    assert len({parcel_plan(7, str(number), noon).waybill_no for number in range(10_000)}) == 10_000


def test_own_site_orders_are_a_tenth_and_some_are_never_paid() -> None:
    counts = {(START + timedelta(days=day), 0): 2_000 for day in range(20)}
    orders = list(own_site_orders(7, counts, ASSORTMENT))
    fates = Counter(order.fate for order in orders)

    assert len(orders) == 4_000
    assert 0.06 <= fates[Fate.UNPAID] / len(orders) <= 0.10
    assert 0.03 <= fates[Fate.CANCELLED] / len(orders) <= 0.05
    assert all((order.paid_at is None) == (order.fate is Fate.UNPAID) for order in orders)
    assert all((order.cancel_at is not None) == (order.fate is Fate.CANCELLED) for order in orders)
    assert {order.shop for order in orders} == set(OWN_SITE_SHOPS)
    assert all(1 <= len(order.lines) <= 4 for order in orders)
    assert all(earlier.placed_at <= later.placed_at for earlier, later in pairwise(orders))
    assert len({order.key for order in orders}) == len(orders)


def test_a_customer_cancels_before_the_parcel_is_packed() -> None:
    for order in own_site_orders(7, COUNTS, ASSORTMENT):
        if order.paid_at and order.cancel_at:
            assert order.paid_at < order.cancel_at < parcel_plan(7, order.key, order.paid_at).pack_at


@settings(deadline=None, max_examples=25)
@given(seed=seeds, split=st.integers(0, 14))
def test_the_halves_of_a_window_give_the_whole(seed: int, split: int) -> None:
    middle = START + timedelta(days=split)
    first = {key: count for key, count in COUNTS.items() if key[0] < middle}
    second = {key: count for key, count in COUNTS.items() if key[0] >= middle}

    halves = [*own_site_orders(seed, first, ASSORTMENT), *own_site_orders(seed, second, ASSORTMENT)]
    assert halves == list(own_site_orders(seed, COUNTS, ASSORTMENT))
    assert [*daily_traffic(seed, first), *daily_traffic(seed, second)] == list(daily_traffic(seed, COUNTS))


def test_traffic_covers_all_sources_and_exceeds_the_orders_it_brought() -> None:
    visitors: Counter[tuple[date, int]] = Counter()
    rows = list(daily_traffic(7, COUNTS))
    for row in rows:
        assert row.page_views >= row.visitors
        visitors[row.day, row.shop] += row.visitors

    assert len(rows) == len(COUNTS) * 14
    assert all(0.01 < orders / visitors[key] < 0.08 for key, orders in COUNTS.items())


def test_a_shop_without_orders_has_no_traffic() -> None:
    assert all(row.visitors == row.page_views == 0 for row in daily_traffic(7, {(START, 0): 0}))


@settings(deadline=None)
@given(seed=seeds, key=st.text(max_size=20), cause=st.sampled_from(TicketCause), opened_at=instants)
def test_tickets_are_settled_after_they_open(seed: int, key: str, cause: TicketCause, opened_at: datetime) -> None:
    settlement = settlement_of(seed, key, cause, opened_at)

    assert settlement == settlement_of(seed, key, cause, opened_at)
    assert settlement.settle_at >= opened_at + timedelta(minutes=5)


def test_a_shortage_ends_in_a_refund_more_often_than_a_delay() -> None:
    noon = datetime(2017, 11, 13, 4, tzinfo=UTC)
    outcomes = {
        cause: Counter(settlement_of(7, str(number), cause, noon).outcome for number in range(2_000))
        for cause in TicketCause
    }
    assert outcomes[TicketCause.HELD][TicketOutcome.REFUND] > 2 * outcomes[TicketCause.DELAY][TicketOutcome.REFUND]
    assert all(counts.keys() == set(TicketOutcome) for counts in outcomes.values())
