"""Owners that die or stand still with a batch in hand, each a process of its own: no loss and no second effect."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from storeops.common.testing.probe import TOPIC, listener
from storeops.common.testing.stage import Stage

OWNER = Path(__file__).with_name("owner.py")
NOTES = ["0", "1", "2"]


class Owner:
    """The owner's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def go_on(self) -> str:
        """Let it finish; answers what became of its batch."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        return await self.says()

    async def die(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def stopped_owner(stage: Stage, point: str) -> AsyncGenerator[Owner]:
    """An owner of everything sent so far that stands still at the point, its heartbeats too."""
    transport = stage.transport
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, OWNER, stage.database.url, transport.servers, transport.prefix, "g", point),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    owner = Owner(process)
    try:
        assert await owner.says() == "stopped"
        yield owner
    finally:
        if process.returncode is None:
            await owner.die()


async def test_a_batch_whose_owner_is_killed_goes_to_the_next(stage: Stage) -> None:
    await stage.open()
    await stage.probe.say("ord_1", *NOTES)
    await stage.send()
    async with stopped_owner(stage, "before the commit") as owner:
        await owner.die()

    await (await stage.join(listener("g", owner="second"))).finish(stage.bus, "g")

    assert await stage.probe.effects() == [("ord_1", note, "second") for note in NOTES]


async def test_an_owner_paused_inside_its_transaction_frees_its_successor_and_commits_nothing(stage: Stage) -> None:
    await stage.open()
    await stage.probe.say("ord_1", *NOTES)
    await stage.send()
    async with stopped_owner(stage, "before the commit") as owner:
        # PostgreSQL ends the sleeper's transaction after half a lease, and with it its locks on inbox and offset.
        await (await stage.join(listener("g", owner="second"))).finish(stage.bus, "g")
        handled = await stage.probe.effects()

        assert await owner.go_on() == "refused"

    assert handled == [("ord_1", note, "second") for note in NOTES]
    assert await stage.probe.effects() == handled


async def test_an_owner_paused_after_its_commit_causes_no_second_effect(stage: Stage) -> None:
    """On PostgreSQL the offset was committed too. On Kafka the successor gets the batch again and the inbox knows it;
    the offset that the sleeper commits when it wakes is refused, as its membership is void."""
    await stage.open()
    await stage.probe.say("ord_1", *NOTES)
    await stage.send()
    async with stopped_owner(stage, "after the commit") as owner:
        await stage.probe.say("ord_1", "3")
        await stage.send()
        second = await stage.join(listener("g", owner="second"))
        await second.finish(stage.bus, "g")

        assert await owner.go_on() == "finished"

    assert await stage.probe.effects() == [*(("ord_1", note, "first") for note in NOTES), ("ord_1", "3", "second")]
    assert await stage.bus.lag() == {"g": 0}
    await second.subscription.close()
    third = await stage.bus.subscribe("g", [TOPIC])
    assert await third.poll(500, 0.3) is None
    await third.close()
