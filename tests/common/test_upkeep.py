"""Upkeep of the spine: the log in PostgreSQL lets go of what is old and handled, and of nothing else."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from prometheus_client import REGISTRY
from storeops.common.bus.postgres import PostgresBus
from storeops.common.testing.probe import NOON, Probe, listener
from storeops.common.testing.stage import PATIENCE, Stage, Transport
from storeops.common.timers import Arming, arm
from storeops.common.upkeep import clean, run_gauges, run_retention


async def test_handled_messages_go_when_their_days_are_over(probe: Probe) -> None:
    async with AsyncExitStack() as stack:
        stage = Stage(Transport("postgres"), probe, stack)
        await stage.open()
        assert isinstance(stage.bus, PostgresBus)
        await probe.say("ord_1", "old", "old too", "young")
        await stage.send()
        member = await stage.join(listener("g"))
        await member.finish(stage.bus, "g")
        await probe.say("ord_1", "old but not handled")
        await stage.send()
        await stage.bus.database.fetch(
            "UPDATE bus.message SET written_at = now() - interval '8 days' WHERE \"offset\" <> 2"
        )

        retention = asyncio.create_task(run_retention(stage.bus, 7))
        async with asyncio.timeout(PATIENCE):
            while len(left := await offsets(stage.bus)) == 4:
                assert not retention.done()
        retention.cancel()
        with suppress(asyncio.CancelledError):
            await retention

        assert left == [2, 3]
        assert await stage.bus.written() == 4


async def test_settled_deadlines_go_thirty_business_days_after_they_were_due(probe: Probe) -> None:
    old, young = NOON - timedelta(days=31), NOON - timedelta(days=29)
    probe.database.sandbox = True
    await probe.database.fetch("INSERT INTO sandbox.clock (now, target) VALUES ($1, $1)", NOON)
    async with probe.transaction() as session:
        for key, due_at in (("ord_1", old), ("ord_2", young)):
            await arm(session, [Arming(kind, key, due_at) for kind in ("armed", "fired", "cancelled")])
        await session.fetch("UPDATE probe.timer SET state = kind")
        await clean(session)
        rows = await session.fetch("SELECT key, kind FROM probe.timer ORDER BY key, kind")

    kept = [("ord_1", "armed"), ("ord_2", "armed"), ("ord_2", "cancelled"), ("ord_2", "fired")]
    assert [tuple(row) for row in rows] == kept


async def test_groups_show_how_far_behind_they_are(probe: Probe) -> None:
    async with AsyncExitStack() as stack:
        stage = Stage(Transport("postgres"), probe, stack)
        await stage.open()
        await stage.join(listener("late"))
        await probe.say("ord_1", "one", "two")
        await stage.send()

        showing = asyncio.create_task(run_gauges(stage.bus))
        async with asyncio.timeout(PATIENCE):
            while REGISTRY.get_sample_value("storeops_consumer_lag_messages", {"group": "late"}) != 2:
                assert not showing.done()
                await probe.rows("outbox")
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing


async def offsets(bus: PostgresBus) -> list[int]:
    return [row[0] for row in await bus.database.fetch('SELECT "offset" FROM bus.message ORDER BY "offset"')]
