"""Deadlines fire once, never early, each key in order; settling and firing have one winner."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from storeops.common.db import Database, WriteSession
from storeops.common.signals import Signals
from storeops.common.testing.probe import LEASE, NOON, SERVICE, Probe
from storeops.common.timers import Arming, DueTimer, JobRouter, TimerRunner, arm, cancel

HOUR = timedelta(hours=1)


@pytest.fixture
async def timed(probe: Probe) -> AsyncIterator[Probe]:
    """The probe under a sandbox clock that stands at noon."""
    database = Database(probe.database.url, sandbox=True, worker_lease=LEASE)
    await database.fetch("INSERT INTO sandbox.clock (now, target) VALUES ($1, $1)", NOON)
    yield Probe(database)
    await database.close()


async def go_to(probe: Probe, hours: float) -> None:
    await probe.database.fetch("UPDATE sandbox.clock SET now = $1, target = $1", NOON + hours * HOUR)


async def set_timers(probe: Probe, *armings: Arming) -> None:
    async with probe.transaction() as session:
        await arm(session, armings)


async def note(session: WriteSession, timers: Sequence[DueTimer]) -> None:
    await session.fetch(
        "INSERT INTO probe.effect (consumer, owner, key, note) "
        "SELECT 'timer', '', key, note FROM unnest($1::text[], $2::text[]) AS t(key, note)",
        [timer.key for timer in timers],
        [timer.kind for timer in timers],
    )


async def states(probe: Probe) -> dict[str, str]:
    async with probe.reading() as session:
        return {row["key"]: row["state"] for row in await session.fetch("SELECT key, state FROM probe.timer")}


def noting(*kinds: str, batch: int = 0) -> JobRouter:
    jobs = JobRouter()

    async def fire(session: WriteSession, due: DueTimer | Sequence[DueTimer]) -> None:
        await note(session, [due] if isinstance(due, DueTimer) else due)

    jobs.timer(*kinds, batch=batch)(fire)
    return jobs


def runner_of(probe: Probe, jobs: JobRouter) -> TimerRunner:
    return TimerRunner(probe.database, SERVICE, [jobs], Signals(probe.database, shared=False))


async def fire_all(runner: TimerRunner) -> None:
    while await runner.turn():
        pass


async def test_nothing_fires_early_and_everything_when_due(timed: Probe) -> None:
    await set_timers(timed, *(Arming("late", f"ord_{n}", NOON + n * HOUR) for n in range(4)))
    runner = runner_of(timed, noting("late"))
    for hours, due in ((0, 1), (0.99, 1), (1, 2), (7, 4)):
        await go_to(timed, hours)
        await fire_all(runner)
        assert list(await timed.heard()) == [f"ord_{n}" for n in range(due)]
    async with timed.reading() as session:
        assert await session.fetchval("SELECT count(*) FROM probe.timer WHERE fired_at < due_at") == 0


async def test_four_runners_fire_each_deadline_once(timed: Probe) -> None:
    keys = [f"ord_{n}" for n in range(1200)]
    await set_timers(timed, *(Arming("late", key, NOON) for key in keys))
    runners = [runner_of(timed, noting("late", batch=50)) for _ in range(4)]

    async def work(runner: TimerRunner) -> None:
        while "armed" in (await states(timed)).values():
            await runner.turn()

    await asyncio.gather(*(work(runner) for runner in runners))

    assert await timed.heard() == {key: ["late"] for key in keys}


async def test_settling_and_firing_have_one_winner(timed: Probe) -> None:
    keys = [f"ord_{n}" for n in range(60)]
    async with timed.transaction() as session:
        await session.fetch("INSERT INTO probe.thing SELECT key, 1 FROM unnest($1::text[]) AS t(key)", keys)
        await arm(session, [Arming("late", key, NOON) for key in keys])
    jobs = JobRouter()

    @jobs.timer("late")
    async def fire_if_open(session: WriteSession, due: DueTimer) -> None:
        if await session.fetchval("SELECT event_sequence FROM probe.thing WHERE key = $1 FOR UPDATE", due.key) == 1:
            await note(session, [due])

    async def settle(key: str) -> None:
        async with timed.transaction() as session:
            await session.fetch("UPDATE probe.thing SET event_sequence = 2 WHERE key = $1", key)
            await cancel(session, [key], kinds=["late"])

    runners = [TimerRunner(timed.database, SERVICE, [jobs], Signals(timed.database, shared=False)) for _ in range(2)]
    settled = random.Random(7).sample(keys, 40)
    settling = asyncio.gather(*(settle(key) for key in settled))
    while not settling.done():
        await asyncio.gather(*(runner.turn() for runner in runners))
    await settling
    await fire_all(runners[0])

    heard = await timed.heard()
    assert {key: "fired" if key in heard else "cancelled" for key in keys} == await states(timed)
    assert all(notes == ["late"] for notes in heard.values())
    assert set(keys) - set(settled) <= heard.keys()


async def test_the_deadlines_of_a_key_fire_in_due_order(timed: Probe) -> None:
    kinds = ["soon", "late", "breached"]
    armings = [
        Arming(kind, f"ord_{n}", NOON + (hours + n % 3) * HOUR) for n in range(20) for hours, kind in enumerate(kinds)
    ]
    random.Random(3).shuffle(armings)
    await set_timers(timed, *armings)
    await go_to(timed, 48)

    await fire_all(runner_of(timed, noting(*kinds, batch=4)))

    assert await timed.heard() == {f"ord_{n}": kinds for n in range(20)}


async def test_a_key_whose_handler_fails_blocks_nobody_and_is_tried_again(timed: Probe) -> None:
    keys = [f"ord_{n}" for n in range(30)]
    await set_timers(timed, *(Arming("late", key, NOON) for key in keys), Arming("late", "ord_15_sick", NOON))
    jobs, healed = JobRouter(), False

    @jobs.timer("late", batch=10)
    async def fire(session: WriteSession, due: Sequence[DueTimer]) -> None:
        if not healed and any(timer.key == "ord_15_sick" for timer in due):
            raise ZeroDivisionError
        await note(session, due)

    await fire_all(runner_of(timed, jobs))
    assert await states(timed) == {**dict.fromkeys(keys, "fired"), "ord_15_sick": "armed"}

    healed = True
    await fire_all(runner_of(timed, jobs))
    assert await timed.heard() == {key: ["late"] for key in (*keys, "ord_15_sick")}


async def test_a_firing_is_void_when_its_deadline_moves_meanwhile(timed: Probe) -> None:
    await set_timers(timed, Arming("late", "ord_1", NOON))
    jobs, moved = JobRouter(), False

    @jobs.timer("late")
    async def fire(session: WriteSession, due: DueTimer) -> None:
        nonlocal moved
        if not moved:
            moved = True
            await set_timers(timed, Arming("late", "ord_1", NOON + HOUR))
        await note(session, [due])

    await fire_all(runner_of(timed, jobs))
    assert await timed.heard() == {}
    await go_to(timed, 1)
    await fire_all(runner_of(timed, jobs))

    assert await timed.heard() == {"ord_1": ["late"]}
    async with timed.reading() as session:
        assert await session.fetchval("SELECT generation FROM probe.timer") == 2
