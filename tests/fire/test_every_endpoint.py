"""Every endpoint under fire: requests that fit, requests that do not, and sequences that use what they made.

`STOREOPS_FIRE` is the number of cases an operation and kind (10 unless set); `STOREOPS_SEED` sets most of the chances:
the links that schemathesis follows are chosen by chances of its own.
"""

import os
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky
from schemathesis import GenerationMode
from schemathesis.generation.stateful.state_machine import StepOutput
from storeops.common.doctor import examine

from ..access.operations import DOCUMENT, OPERATIONS  # noqa: TID252 - tests have no package to name
from .range import Range

pytestmark = [pytest.mark.xdist_group("fire"), pytest.mark.timeout(3_600)]

CASES = int(os.environ.get("STOREOPS_FIRE", "10"))
SCENARIOS, STEPS = 2 * CASES, 12
WITHOUT_INPUT = {
    name
    for name, operation in OPERATIONS.items()
    if not {"parameters", "requestBody"} & DOCUMENT["paths"][operation.path][operation.method.lower()].keys()
}
"""Operations that take nothing which could be wrong."""
UNREACHED = 20
"""Operations, of 86, that only the valid requests may have had a success of: what made-up ones must hit by chance."""
CHANCES = settings(
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def chances(firing: Range) -> None:
    print(f"STOREOPS_SEED={firing.seed}")  # noqa: T201 - shown when the test fails


def succeeded(answers: dict[int, int]) -> bool:
    return any(200 <= status < 300 for status in answers)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_valid_request_is_answered_as_documented(firing: Range, name: str) -> None:
    answer = firing.shoot_valid(name)
    firing.look()
    assert 200 <= answer.status_code < 300, answer.content


def fire(firing: Range, name: str, mode: GenerationMode) -> None:
    """Shoot cases of one kind at an operation."""

    @seeded(firing.seed)
    @settings(CHANCES, max_examples=CASES)
    @given(case=firing.operation(name).as_strategy(generation_mode=mode))
    def shots(case: Any) -> None:
        firing.shoot(case)

    shots()
    firing.spread()
    firing.look()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_fits_the_document_is_answered_as_documented(firing: Range, name: str) -> None:
    fire(firing, name, GenerationMode.POSITIVE)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - WITHOUT_INPUT))
def test_what_does_not_fit_the_document_is_refused_as_documented(firing: Range, name: str) -> None:
    fire(firing, name, GenerationMode.NEGATIVE)


def test_sequences_that_use_what_they_made_are_answered_as_documented(firing: Range) -> None:
    machine: Any = firing.schema.as_state_machine()
    left = SCENARIOS

    class Sequence(machine):
        def step(self, input: Any) -> Any:  # noqa: A002 - schemathesis' name
            answer = firing.shoot(input.case, keep={name for _, name in input.applied_parameters if name})
            self.after_call(answer, input.case)
            return StepOutput(answer, input.case)

        def teardown(self) -> None:
            nonlocal left
            left -= 1
            firing.spread()

    while left > 0:
        seeded(firing.seed + left)(Sequence)
        # The shop has moved on since the scenario before, which Hypothesis takes for inconsistent.
        with suppress(Flaky):
            Sequence.run(settings=settings(CHANCES, max_examples=left, stateful_step_count=STEPS))
    firing.look()


def test_made_up_requests_reach_what_they_are_made_for(firing: Range) -> None:
    if any(firing.answers[name].total() < 2 for name in OPERATIONS):
        pytest.skip("not every operation was fired at in this run")
    assert [name for name in OPERATIONS if not succeeded(firing.answers[name])] == []
    unreached = sorted(set(OPERATIONS) - WITHOUT_INPUT - {n for n, held in firing.made_up.items() if succeeded(held)})
    print(f"{len(unreached)} without success of a made-up request: {unreached}")  # noqa: T201 - the figure to watch
    assert len(unreached) <= UNREACHED


def test_the_shop_is_sound_after_all_that(firing: Range) -> None:
    firing.spread()
    harness = firing.world.harness
    for name, service in harness.services.items():
        findings = firing.wait(examine(harness.parts.databases[name], name, service.invariants))
        assert [finding for finding in findings if finding.broken] == []
