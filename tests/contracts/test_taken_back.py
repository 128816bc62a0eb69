"""A crash of PostgreSQL may take the last turns of relays back: they wait for no disk."""

import asyncio

import pytest
from storeops.common.bus.base import OwnershipLost
from storeops.common.testing.probe import listener
from storeops.common.testing.stage import PATIENCE, Stage

pytestmark = pytest.mark.parametrize("transport", [pytest.param("postgres")], indirect=True)


async def test_what_was_read_before_a_crash_is_void_when_other_events_came_in_its_place(stage: Stage) -> None:
    await stage.open()
    member = await stage.join(listener("g"))
    await stage.probe.say("ord_1", "taken back", "taken back too")
    await stage.send()
    async with asyncio.timeout(PATIENCE):
        while (in_hand := await member.subscription.poll(500, 0.05)) is None:
            pass

    await stage.database.fetch("DELETE FROM bus.message")
    await stage.database.fetch("UPDATE bus.partition SET next_offset = 0")
    await stage.probe.say("ord_0", "first", "second", "third")
    await stage.send()

    with pytest.raises(OwnershipLost):
        await member.consumer.take(member.subscription, in_hand)
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_0": ["first", "second", "third"]}
