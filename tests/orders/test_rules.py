"""The rules alone: phases, promises, review, prints."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storeops.orders.audit.rules import HoldKind
from storeops.orders.customers.rules import (
    ContactFacts,
    identity_of,
    known_province,
    normal_address,
    normal_phone,
    phone_print,
)
from storeops.orders.deadlines.rules import DeadlineState, Rush, ShipPromise, StoreTerms, deadline_state
from storeops.orders.fulfillment.rules import blocking_reason, ready_for_warehouse, scan_differences
from storeops.orders.intake.rules import LineMoney, OrderFacts, Phase, payable_of, phase

PAID_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
BARE: dict[str, Any] = dict.fromkeys(OrderFacts._fields)
TERMS = StoreTerms("sto_1", "tmall", "CNY", ShipPromise(), ())


def order(**facts: Any) -> OrderFacts:
    known: dict[str, Any] = BARE | {"open_holds": 0} | facts
    return OrderFacts(**known)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Phase.PLACED),
        ({"allocated_at": PAID_AT}, Phase.PAYABLE),
        ({"paid_at": PAID_AT}, Phase.PAID),
        ({"paid_at": PAID_AT, "audited_at": PAID_AT}, Phase.AUDITED),
        ({"paid_at": PAID_AT, "open_holds": 1}, Phase.HELD),
        ({"paid_at": PAID_AT, "audited_at": PAID_AT, "released_at": PAID_AT}, Phase.RELEASED),
        ({"paid_at": PAID_AT, "released_at": PAID_AT, "packed_at": PAID_AT}, Phase.PACKED),
        ({"packed_at": PAID_AT, "shipped_at": PAID_AT}, Phase.SHIPPED),
        ({"packed_at": PAID_AT, "cancelled_at": PAID_AT, "open_holds": 1}, Phase.CANCELLED),
        ({"allocated_at": PAID_AT, "expired_at": PAID_AT}, Phase.EXPIRED),
    ],
)
def test_the_phase_follows_from_the_facts(facts: dict[str, Any], expected: Phase) -> None:
    assert phase(order(**facts)) is expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, "on_track"), (19.9, "on_track"), (20, "due_soon"), (24, "late"), (47.9, "late"), (48, "breached")],
)
def test_an_unshipped_order_grows_late(hours: float, expected: str) -> None:
    clocks = TERMS.clocks(PAID_AT, [])
    assert deadline_state(clocks, shipped_at=None, now=PAID_AT + hours * HOUR) == expected


@pytest.mark.parametrize(("hours", "expected"), [(1, DeadlineState.MET), (24, DeadlineState.MET), (24.1, "missed")])
def test_shipping_ends_the_matter(hours: float, expected: str) -> None:
    clocks = TERMS.clocks(PAID_AT, [])
    assert deadline_state(clocks, shipped_at=PAID_AT + hours * HOUR, now=PAID_AT + 99 * HOUR) == expected


@given(warn=st.integers(1, 1000), late=st.integers(1, 1000), breach=st.integers(1, 1000), rushed=st.booleans())
def test_clocks_follow_each_other_rush_or_not(warn: int, late: int, breach: int, *, rushed: bool) -> None:
    minutes = [timedelta(minutes=warn), timedelta(minutes=warn + late), timedelta(minutes=warn + late + breach)]
    rush = Rush(PAID_AT, PAID_AT + HOUR, frozenset())
    terms = TERMS._replace(promise=ShipPromise(*minutes), rushes=(rush,) if rushed else ())
    clocks = terms.clocks(PAID_AT, [])
    assert clocks.in_rush is rushed
    assert clocks.late_at - PAID_AT == minutes[1]
    assert PAID_AT < clocks.warn_at < clocks.breach_at
    limit = clocks.breach_at if rushed else clocks.late_at
    assert limit - clocks.warn_at == minutes[1] - minutes[0]


def test_a_rush_begins_and_ends_to_the_instant() -> None:
    rush = Rush(PAID_AT, PAID_AT + HOUR, frozenset({"cmp_1"}))
    covered = [rush.covers(PAID_AT + offset, {"cmp_1"}) for offset in (-timedelta.resolution, HOUR * 0, HOUR)]
    assert covered == [False, True, False]
    assert not rush.covers(PAID_AT, {"cmp_2"})


def test_a_line_adds_up_to_the_cent() -> None:
    line = LineMoney("TEA", 3, 5970, {"shop": 970, "platform_coupon": 500}, 5000)
    assert (line.balanced, line.discount, line.subsidy, payable_of([line, line])) == (True, 970, 500, 9000)
    assert not line._replace(net=4999).balanced
    assert not line._replace(discounts={"shop": 970, "platform_coupon": 5001}).balanced


def test_an_order_goes_to_the_warehouse_when_nothing_is_missing() -> None:
    facts = {"paid_at": PAID_AT, "allocated_at": PAID_AT, "warehouse_id": "wh_1", "audited_at": PAID_AT}
    assert ready_for_warehouse(order(**facts))
    for fact in facts:
        assert not ready_for_warehouse(order(**facts | {fact: None}))
    for fact in ({"open_holds": 1}, {"released_at": PAID_AT}, {"cancelled_at": PAID_AT}):
        assert not ready_for_warehouse(order(**facts | fact))


def test_a_hold_is_blamed_before_a_missing_step() -> None:
    waiting = order(paid_at=PAID_AT)
    assert blocking_reason(waiting, [HoldKind.MANUAL, HoldKind.AUDIT]) == "audit"
    assert blocking_reason(waiting, []) == "shortage"
    assert blocking_reason(order(allocated_at=PAID_AT), []) == "audit"
    assert blocking_reason(order(allocated_at=PAID_AT, audited_at=PAID_AT), []) == "packing"


def test_a_scan_names_every_difference() -> None:
    assert scan_differences({"TEA": 2}, {"TEA": 2}) == []
    assert [row["sku"] for row in scan_differences({"TEA": 2, "CUP": 1}, {"TEA": 3, "POT": 1})] == ["CUP", "POT", "TEA"]


@pytest.mark.parametrize("phone", ["16100000001", "+86 161 0000 0001", "0086-161-0000-0001", "(161) 0000-0001"])
def test_a_phone_is_known_however_it_is_written(phone: str) -> None:
    assert normal_phone(phone) == "16100000001"


def test_an_address_is_known_however_it_is_written() -> None:
    assert normal_address("浙江 杭州，龙井路 1 号") == normal_address("浙江杭州龙井路1号")


def test_a_print_tells_nothing_without_its_key_and_nothing_across_stores() -> None:
    contact = ContactFacts(phone="16100000001")
    assert phone_print("k1", contact) == phone_print("k1", ContactFacts(phone="161-0000-0001"))
    assert phone_print("k1", contact) != phone_print("k2", contact)
    assert identity_of("k1", "sto_1", contact) != identity_of("k1", "sto_2", contact)
    assert identity_of("k1", "sto_1", contact._replace(account="a")) != identity_of("k1", "sto_1", contact)
    assert identity_of("k1", "sto_1", ContactFacts(name="林月")) is None


@pytest.mark.parametrize(
    ("text", "province"),
    [
        ("浙江", "浙江"),
        ("浙江省", "浙江"),
        ("上海市", "上海"),
        ("广西壮族自治区", "广西"),
        ("内蒙古自治区", "内蒙古"),
        ("香港特别行政区", "香港"),
        ("林月家", None),
        ("浙江省 16100000001", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_known_province_is_told(text: str | None, province: str | None) -> None:
    assert known_province(text) == province
