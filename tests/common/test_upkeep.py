"""Upkeep of the spine: the log in PostgreSQL lets go of what is old and handled, and of nothing else."""

import asyncio
from contextlib import AsyncExitStack, suppress

from storeops.common.bus.postgres import PostgresBus
from storeops.common.testing.probe import Probe, listener
from storeops.common.testing.stage import PATIENCE, Stage, Transport
from storeops.common.upkeep import run_retention


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


async def offsets(bus: PostgresBus) -> list[int]:
    return [row[0] for row in await bus.database.fetch('SELECT "offset" FROM bus.message ORDER BY "offset"')]
