"""What is told to stop stops, also when something wakes it in the same moment."""

import asyncio

import pytest
from storeops.common.db import Database
from storeops.common.relay import run_relay
from storeops.common.signals import Signals


class Idle:
    """A relay that has nothing to move."""

    async def turn(self, limit: int) -> int:
        del limit
        return 0

    async def close(self) -> None:
        pass


async def test_a_relay_that_is_woken_and_cancelled_at_once_ends(database_url: str) -> None:
    signals = Signals(Database(database_url), shared=False)
    running = asyncio.create_task(run_relay(Idle(), "orders", signals))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    signals.emit("outbox:orders")
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await running
