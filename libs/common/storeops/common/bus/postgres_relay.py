"""Moves a service's outbox into the log that lies in the same PostgreSQL: each turn is one statement."""

import asyncpg
from asyncpg import Record

from storeops.common.db import Database
from storeops.common.signals import Signals

RELAY = """
WITH own AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('storeops.relay.{schema}')) AS mine
), taken AS (
    DELETE FROM {schema}.outbox
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM {schema}.outbox WHERE (SELECT mine FROM own) ORDER BY id LIMIT $1))
    RETURNING *
), placed AS (
    SELECT taken.*, taken.hash % topic.partitions AS partition FROM taken LEFT JOIN bus.topic USING (topic)
), counted AS (
    SELECT topic, partition, count(*) AS n, array_agg(DISTINCT type) AS types FROM placed GROUP BY topic, partition
), head AS (
    UPDATE bus.partition AS held SET next_offset = next_offset + n FROM counted
    WHERE held.topic = counted.topic AND held.partition = counted.partition
    RETURNING held.topic, held.partition, held.next_offset, n, types
), written AS (
    INSERT INTO bus.message
        (topic, partition, "offset", event_id, key, sequence, type, store_id, occurred_at, headers, payload)
    SELECT topic, partition, next_offset - n + row_number() OVER (PARTITION BY topic, partition ORDER BY id) - 1,
        event_id, key, sequence, type, store_id, occurred_at, headers, payload
    FROM placed LEFT JOIN head USING (topic, partition)
)
SELECT topic, partition, next_offset, types, n FROM head
"""
"""One turn of a relay: nothing moves while another relay of the service turns, which the lock only spares the wait.

The outer joins make an event of a topic that does not exist break the statement, rather than leave the outbox for
nowhere. A topic has one producer, so no two relays lock the same partition rows. Rows are named by their place, since
the outbox is empty whenever the planner is told how large it is: a join over it was planned for no rows and took a
hundred times as long over ten thousand. Nobody else moves them.
"""


class PostgresRelay:
    """Moves an outbox into the log: delete, number, insert in one statement, which is the transaction.

    On a connection of its own that stays in the service's role: a turn is one message, and no lock outlives it.
    Its commit waits for no disk: what is handled is on the disk with its handling, and the log before it; events that
    a crash of the server takes back to the outbox have had no effect.
    """

    def __init__(self, database: Database, service: str, signals: Signals) -> None:
        self._database = database
        self._service = service
        self._signals = signals
        self._sql = RELAY.format(schema=service)
        self._keeper: asyncpg.Connection[Record] | None = None

    async def turn(self, limit: int) -> int:
        """Move at most `limit` events. Raises `LookupError` for an event whose topic does not exist."""
        keeper = await self._keep()
        try:
            moved = await keeper.fetch(self._sql, limit)
        except asyncpg.NotNullViolationError as error:
            unknown = f"SELECT DISTINCT topic FROM {self._service}.outbox EXCEPT SELECT topic FROM bus.topic"
            message = f"topics {[row[0] for row in await keeper.fetch(unknown)]} do not exist on the bus"
            raise LookupError(message) from error
        for topic, partition, head, types, _ in moved:
            self._signals.emit(f"log:{topic}", [partition, head, types])
        return sum(row["n"] for row in moved)

    async def close(self) -> None:
        """Give the connection back."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.terminate()

    async def _keep(self) -> "asyncpg.Connection[Record]":
        if self._keeper is None or self._keeper.is_closed():
            keeper = await self._database.connect_driver()
            try:
                await keeper.execute(
                    f"SET ROLE wrk_{self._service}; SET lock_timeout = '10s'; SET jit = off; "
                    "SET synchronous_commit = off"
                )
            except BaseException:
                keeper.terminate()
                raise
            self._keeper = keeper
        return self._keeper
