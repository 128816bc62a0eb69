"""A consumer in a process of its own that stops at a named point, so that a test can end it or let it go on.

Prints `stopped` and waits for a line on its standard input with the whole process held, heartbeats included; then
tries to finish what it began and prints `finished` or `refused`.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

from storeops.common.bus.base import Batch, OwnershipLost, Subscription
from storeops.common.consumer import apply, is_passing
from storeops.common.db import Database, transaction
from storeops.common.scope import worker_scope
from storeops.common.testing.probe import LEASE, SERVICE, TOPIC, listener
from storeops.common.testing.stage import Transport, bus_of


def stop() -> None:
    print("stopped", flush=True)  # noqa: T201 - the test reads it
    sys.stdin.readline()


async def own(url: str, transport: Transport, group: str, point: str) -> str:
    """Take a batch and handle it, stopping at the point; answers what became of it."""
    async with AsyncExitStack() as stack:
        database = Database(url, worker_lease=LEASE)
        stack.push_async_callback(database.close)
        bus = bus_of(transport, database)
        stack.push_async_callback(bus.close)
        await bus.open({TOPIC: 1})
        subscription = await bus.subscribe(group, [TOPIC])
        stack.push_async_callback(subscription.close)
        while (batch := await subscription.poll(500, 0.1)) is None:
            pass
        try:
            await handle(database, subscription, batch, group, point)
        except Exception as error:
            if not isinstance(error, OwnershipLost) and not is_passing(error):
                raise
            return "refused"
        return "finished"


async def handle(database: Database, subscription: Subscription, batch: Batch, group: str, point: str) -> None:
    """What a consumer does with a batch, but for the stop."""
    async with transaction(database, worker_scope(SERVICE, "test")) as session:
        await subscription.fence(session, batch)
        await apply(session, listener(group, owner="first"), batch.messages)
        if point == "before the commit":
            stop()
    if point == "after the commit":
        stop()
    await subscription.settle(batch)


if __name__ == "__main__":
    where, servers, prefix, grp, stopping_point = sys.argv[1:]
    carrier = Transport("kafka", servers, prefix) if servers else Transport("postgres")
    print(asyncio.run(own(where, carrier, grp, stopping_point)), flush=True)  # noqa: T201 - how it speaks to the test
