"""What grants come to, and how long a name must wait."""

from dataclasses import dataclass

import pytest
from storeops.common.auth.callers import Grant
from storeops.common.auth.permissions import Role
from storeops.platform.access.rules import seconds_to_wait
from storeops.platform.staff.rules import expanded, touches


@dataclass
class Terms:
    role: str
    scope: str
    brand_ids: list[str]
    store_ids: list[str]


def test_grants_of_one_role_are_joined() -> None:
    grants = [Terms("agent", "stores", [], ["s1"]), Terms("agent", "brands", ["b1", "gone"], [])]
    assert expanded(grants, {"b1": frozenset({"s2", "s3"})}) == [Grant(Role.AGENT, frozenset({"s1", "s2", "s3"}))]


@pytest.mark.parametrize("order", [1, -1])
def test_all_swallows_some(order: int) -> None:
    grants = [Terms("agent", "all", [], []), Terms("agent", "stores", [], ["s1"])][::order]
    assert expanded(grants, {}) == [Grant(Role.AGENT, None)]


def test_a_grant_touches_what_it_names_or_everything() -> None:
    assert touches(Terms("agent", "all", [], []), {"s1"}, {"b1"})
    assert touches(Terms("agent", "stores", [], ["s1", "s2"]), {"s1"}, {"b1"})
    assert touches(Terms("agent", "brands", ["b1"], []), {"s1"}, {"b1"})
    assert not touches(Terms("agent", "brands", ["b2"], []), {"s1"}, {"b1"})


@pytest.mark.parametrize(
    ("ages", "wait"),
    [([], 0), ([1.0] * 4, 0), ([1.0] * 5, 899), ([10.0, 20.0, 30.0, 40.0, 899.9], 1), ([0.0] * 7, 900)],
)
def test_the_fifth_youngest_failure_says_how_long_to_wait(ages: list[float], wait: int) -> None:
    assert seconds_to_wait(ages) == wait
