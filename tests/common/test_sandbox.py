"""The sandbox clock moves on only from where all is quiet, however many processes play it."""

from datetime import datetime, timedelta

import pytest
from storeops.common.bus.postgres import PostgresBus
from storeops.common.contracts.orders import OrderAudited
from storeops.common.db import Database, WriteSession, transaction
from storeops.common.outbox import publish
from storeops.common.sandbox import Player
from storeops.common.scope import worker_scope
from storeops.common.signals import Signals
from storeops.common.testing.probe import NOON
from storeops.common.timers import Arming, DueTimer, JobRouter, TimerRunner, arm

HOUR = timedelta(hours=1)


class Overtaken(Player):
    """A player that another one overtakes after it has found all quiet."""

    other: "Overtaken | None" = None
    runner: TimerRunner

    async def step(self) -> None:
        await self._step()

    async def _quiet(self, *, everyone: bool) -> None:
        await super()._quiet(everyone=everyone)
        if self.other is not None:
            await self.other.step()
            await self.runner.turn()


async def test_a_player_that_was_overtaken_does_not_move_the_clock(database_url: str) -> None:
    database = Database(database_url, sandbox=True)
    await database.fetch(
        "INSERT INTO sandbox.clock (now, target, playing) VALUES ($1, $2, true)", NOON, NOON + 3 * HOUR
    )
    jobs = JobRouter()

    @jobs.timer("ship_late")
    async def tell(session: WriteSession, due: DueTimer) -> None:
        event = OrderAudited(order_id=due.key, store_id="sto_1", occurred_at=due.due_at, by="test")
        publish(session, event, sequence=1)

    async with transaction(database, worker_scope("orders")) as session:
        await arm(session, [Arming("ship_late", f"ord_{n}", NOON + n * HOUR) for n in (1, 2)])
    signals = Signals(database, shared=False)
    bus = PostgresBus(database, signals)
    player, other = (Overtaken(database, bus, signals, services=["orders"], observers=[]) for _ in range(2))
    player.other, player.runner = other, TimerRunner(database, "orders", [jobs], signals)

    await player.step()

    # What the first deadline caused has not left its outbox yet.
    [(now, waiting)] = await database.fetch("SELECT now, (SELECT count(*) FROM orders.outbox) FROM sandbox.clock")
    assert (now, waiting) == (NOON + HOUR, 1)
    await database.close()


async def test_a_deadline_that_never_fires_is_named_and_passed(database_url: str) -> None:
    database = Database(database_url, sandbox=True)
    await database.fetch("INSERT INTO sandbox.clock (now, target, playing) VALUES ($1, $2, true)", NOON, NOON + HOUR)
    async with transaction(database, worker_scope("orders")) as session:
        await arm(session, [Arming("ship_late", "ord_1", NOON)])
    signals = Signals(database, shared=False)
    bus = PostgresBus(database, signals)
    player = Overtaken(database, bus, signals, services=["orders"], observers=[], stuck_after=0.0)

    await player.step()
    await player.step()

    [clock] = await database.fetch("SELECT now, playing, blocked_by FROM sandbox.clock")
    assert tuple(clock) == (NOON + HOUR, False, ["orders: ship_late of ord_1"])
    await database.close()


@pytest.mark.parametrize(("stops", "moments"), [("due", [1, 2, 3]), ("target", [3])])
async def test_the_clock_stops_where_something_falls_due_or_at_its_target_alone(
    database_url: str, stops: str, moments: list[int]
) -> None:
    database = Database(database_url, sandbox=True)
    await database.fetch(
        "INSERT INTO sandbox.clock (now, target, playing, stops) VALUES ($1, $2, true, $3)",
        *(NOON, NOON + 3 * HOUR, stops),
    )
    jobs = JobRouter()
    fired: list[tuple[str, datetime]] = []

    @jobs.timer("ship_late")
    async def note(session: WriteSession, due: DueTimer) -> None:
        fired.append((due.key, await session.now()))

    async with transaction(database, worker_scope("orders")) as session:
        await arm(session, [Arming("ship_late", f"ord_{n}", NOON + n * HOUR) for n in (1, 2)])
    signals = Signals(database, shared=False)
    player = Overtaken(database, PostgresBus(database, signals), signals, services=["orders"], observers=[])
    runner = TimerRunner(database, "orders", [jobs], signals)
    seen: list[int] = []
    while len(seen) < len(moments):
        await player.step()
        [(now,)] = await database.fetch("SELECT now FROM sandbox.clock")
        seen.append((now - NOON) // HOUR)
        await runner.turn()

    assert seen == moments
    assert fired == [(f"ord_{n}", NOON + (n if stops == "due" else 3) * HOUR) for n in (1, 2)]
    await database.close()
