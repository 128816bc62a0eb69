"""Timers, the outbox and idempotency keys under whatever Hypothesis makes up, on a real database.

`STOREOPS_SEED` sets the chances, which are printed; concurrent work still interleaves as it likes.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from storeops.common.auth.permissions import Role
from storeops.common.bus.postgres import PostgresBus
from storeops.common.db import Database, WriteSession
from storeops.common.signals import Signals
from storeops.common.testing.harness import Harness
from storeops.common.testing.probe import LEASE, NOON, SERVICE, TOPIC, Probe, say
from storeops.common.testing.shop import HarnessTime, Shop, open_shop
from storeops.common.timers import Arming, DueTimer, JobRouter, TimerRunner, arm, cancel

SEED = int(os.environ.get("STOREOPS_SEED") or secrets.randbelow(10**6))
CHANCES = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ROUNDS = count()
"""What one example made does not meet another's."""
MINUTE = timedelta(minutes=1)
KINDS, KEYS = ("soon", "late"), ("a", "b", "c")


@pytest.fixture(autouse=True)
def chances() -> None:
    print(f"STOREOPS_SEED={SEED}")  # noqa: T201 - shown when the test fails


class Timed(NamedTuple):
    """The probe under a sandbox clock, and the loop that it lives in."""

    probe: Probe
    loop: asyncio.AbstractEventLoop


@pytest.fixture
async def timed(probe: Probe) -> AsyncIterator[Timed]:
    database = Database(probe.database.url, sandbox=True, worker_lease=LEASE)
    await database.fetch("INSERT INTO sandbox.clock (now, target) VALUES ($1, $1)", NOON)
    yield Timed(Probe(database), asyncio.get_running_loop())
    await database.close()


class Deadlines(RuleBasedStateMachine):
    """A model beside the table: what is armed, and what has fired, by kind and key."""

    timed: ClassVar[Timed]

    def __init__(self) -> None:
        super().__init__()
        self.stem = f"r{next(ROUNDS)}"
        self.minute = 0
        self.armed: dict[tuple[str, str], int] = {}
        self.generations: dict[tuple[str, str], int] = {}
        self.fired: dict[str, list[str]] = {}
        self.go_to(0)

    def run(self, work: Any) -> Any:
        return self.timed.loop.run_until_complete(work)

    def go_to(self, minute: int) -> None:
        self.minute = minute
        self.run(
            self.timed.probe.database.fetch("UPDATE sandbox.clock SET now = $1, target = $1", NOON + minute * MINUTE)
        )

    @rule(kind=st.sampled_from(KINDS), key=st.sampled_from(KEYS), minute=st.integers(0, 6))
    def arm_one(self, kind: str, key: str, minute: int) -> None:
        self.run(self.arming(Arming(kind, f"{self.stem}{key}", NOON + minute * MINUTE)))
        self.generations[kind, key] = self.generations.get((kind, key), 0) + 1
        self.armed[kind, key] = minute

    @rule(kinds=st.sets(st.sampled_from(KINDS), min_size=1), keys=st.sets(st.sampled_from(KEYS)))
    def cancel_some(self, kinds: Collection[str], keys: Collection[str]) -> None:
        self.run(self.cancelling([f"{self.stem}{key}" for key in keys], sorted(kinds)))
        self.armed = {one: at for one, at in self.armed.items() if one[0] not in kinds or one[1] not in keys}

    @rule(minutes=st.integers(1, 3))
    def let_time_pass(self, minutes: int) -> None:
        self.go_to(self.minute + minutes)

    @rule()
    def fire(self) -> None:
        self.run(self.firing())
        due = sorted((at, key, kind) for (kind, key), at in self.armed.items() if at <= self.minute)
        for _, key, kind in due:
            del self.armed[kind, key]
            self.fired.setdefault(key, []).append(f"{kind} {self.generations[kind, key]}")
        heard = self.run(self.timed.probe.heard())
        mine = {key.removeprefix(self.stem): notes for key, notes in heard.items() if key.startswith(self.stem)}
        assert {key: sorted(notes) for key, notes in mine.items()} == {
            key: sorted(notes) for key, notes in self.fired.items()
        }

    async def arming(self, arming: Arming) -> None:
        async with self.timed.probe.transaction() as session:
            await arm(session, [arming])

    async def cancelling(self, keys: Sequence[str], kinds: Sequence[str]) -> None:
        async with self.timed.probe.transaction() as session:
            await cancel(session, keys, kinds=kinds)

    async def firing(self) -> None:
        """Two processes at once, until nothing is due."""
        signals = Signals(self.timed.probe.database, shared=False)
        runners = [TimerRunner(self.timed.probe.database, SERVICE, [noting()], signals) for _ in range(2)]
        while any(await asyncio.gather(*(runner.turn() for runner in runners))):
            pass

    def teardown(self) -> None:
        self.go_to(100)
        self.fire()
        assert self.armed == {}


def test_timers_fire_once_when_due_and_never_once_cancelled(timed: Timed) -> None:
    class Here(Deadlines):
        pass

    Here.timed = timed
    seeded(SEED)(Here)
    run_state_machine_as_test(Here, settings=settings(CHANCES, max_examples=25, stateful_step_count=15))


def noting() -> JobRouter:
    """Notes the kind and generation of what fires."""
    jobs = JobRouter()

    async def note(session: WriteSession, due: Sequence[DueTimer]) -> None:
        now = await session.now()
        assert all(timer.due_at <= now for timer in due)
        await session.fetch(
            "INSERT INTO probe.effect (consumer, owner, key, note) "
            "SELECT 'timer', '', key, note FROM unnest($1::text[], $2::text[]) AS t(key, note)",
            [timer.key for timer in due],
            [f"{timer.kind} {timer.generation}" for timer in due],
        )

    jobs.timer(*KINDS, batch=3)(note)
    return jobs


class Change(NamedTuple):
    """A transaction that publishes of these keys, in this order, and may fail at its end."""

    keys: list[str]
    fails: bool


changes = st.builds(Change, st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(sorted), st.booleans())
writers = st.lists(st.lists(changes, max_size=6), min_size=2, max_size=6)


@seeded(SEED)
@settings(CHANCES, max_examples=20)
@given(writers, st.integers(1, 9))
async def test_the_log_has_each_keys_events_dense_and_in_commit_order(
    probe: Probe, scripts: list[list[Change]], batch: int
) -> None:
    stem = f"r{next(ROUNDS)}"
    bus = PostgresBus(probe.database, Signals(probe.database, shared=False))
    await bus.open({TOPIC: 2})
    relay = await bus.relay(probe.database, SERVICE)

    async def write(script: list[Change]) -> None:
        for change in script:
            try:
                async with probe.transaction() as session:
                    for key in change.keys:
                        await say(session, f"{stem}{key}")
                    if change.fails:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue

    writing = asyncio.gather(*(write(script) for script in scripts))
    while not writing.done():
        await relay.turn(batch)
    await writing
    while await relay.turn(batch):
        pass
    await relay.close()

    rows = await probe.database.fetch('SELECT key, sequence, payload FROM bus.message ORDER BY partition, "offset"')
    for key in KEYS:
        said = sum(change.keys.count(key) for script in scripts for change in script if not change.fails)
        assert [row["sequence"] for row in rows if row["key"] == f"{stem}{key}"] == list(range(1, said + 1))
    assert await probe.rows("outbox") == 0


@pytest.fixture
async def shop(harness: Harness) -> Shop:
    """A shop with goods to count."""
    shop = await open_shop(await harness.client(Role.OWNER), HarnessTime(harness))
    await shop.receive({"TEA": 10_000})
    return shop


@seeded(SEED)
@settings(CHANCES, max_examples=20)
@given(deltas=st.lists(st.integers(1, 3), min_size=2, max_size=10), people=st.integers(1, 2))
async def test_parallel_requests_of_one_key_have_one_effect_and_one_answer(
    harness: Harness, shop: Shop, deltas: list[int], people: int
) -> None:
    """Equal deltas are equal requests; another person's same key is another key."""
    key = f"key-{next(ROUNDS)}"
    before = await counted(shop)
    clients = [await harness.client(Role.OWNER, subject=f"sta_{key}_{person}") for person in range(people)]

    async def adjust(person: int, delta: int) -> tuple[int, int, str, bytes]:
        body = {"warehouse_id": shop.warehouse_id, "sku": "TEA", "delta": delta, "reason": key}
        answer = await clients[person].post("/v1/adjustments", json=body, headers={"idempotency-key": key})
        return delta, answer.status_code, "" if answer.is_success else answer.json()["code"], answer.content

    effects = 0
    for person in range(people):
        answers = await asyncio.gather(*(adjust(person, delta) for delta in deltas))
        done = {(delta, content) for delta, status, _, content in answers if status == 201}
        assert len(done) == 1, answers
        [(winner, content)] = done
        for delta, status, code, _ in answers:
            expected = (201, "") if delta == winner else (422, "idempotency_key_reused")
            assert (status, code) in (expected, (409, "idempotency_in_progress"))
        assert await adjust(person, winner) == (winner, 201, "", content)
        effects += winner
    assert await counted(shop) == before + effects


async def counted(shop: Shop) -> int:
    """Pieces on hand, which the ledger confirms."""
    [level] = (await shop.get("/v1/stock", warehouse_id=shop.warehouse_id))["items"]
    return level["on_hand"]
