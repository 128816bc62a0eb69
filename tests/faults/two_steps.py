"""What the spine does in one transaction, in two: the parts that sabotage builds are made of."""

from typing import Any

import asyncpg
from storeops.common.bus.postgres_relay import PostgresRelay
from storeops.common.db import Database, transaction
from storeops.common.scope import worker_scope
from storeops.common.signals import Signals


async def apart(database: Database, service: str, sql: str, *args: Any) -> list[asyncpg.Record]:
    """One statement of a service in a transaction of its own."""
    async with transaction(database, worker_scope(service)) as session:
        return await session.fetch(sql, *args)


WRITE = """
WITH placed AS (
    SELECT taken.*, taken.hash % topic.partitions AS partition
    FROM jsonb_populate_recordset(NULL::{schema}.outbox, $1::jsonb) AS taken JOIN bus.topic USING (topic)
), counted AS (
    SELECT topic, partition, count(*) AS n, array_agg(DISTINCT type) AS types FROM placed GROUP BY topic, partition
), head AS (
    UPDATE bus.partition AS held SET next_offset = next_offset + n FROM counted
    WHERE held.topic = counted.topic AND held.partition = counted.partition
    RETURNING held.topic, held.partition, held.next_offset AS head, held.next_offset - n AS base, n, types
), written AS (
    INSERT INTO bus.message
        (topic, partition, "offset", event_id, key, sequence, type, store_id, occurred_at, headers, payload)
    SELECT topic, partition, base + row_number() OVER (PARTITION BY topic, partition ORDER BY id) - 1,
        event_id, key, sequence, type, store_id, occurred_at, headers, payload
    FROM placed JOIN head USING (topic, partition)
)
SELECT topic, partition, head, types, n FROM head
"""
"""Puts given events on the bus: what a relay does that has taken them from the outbox before."""


class TwoStepRelay(PostgresRelay):
    """A relay that takes events from the outbox in one transaction and puts them on the bus in another."""

    def __init__(self, database: Database, service: str, signals: Signals) -> None:
        super().__init__(database, service, signals)
        self.schema = service
        self.write = WRITE.format(schema=service)

    async def put(self, events: str) -> int:
        """Append events, given as JSON, to the log."""
        written = await apart(self._database, self.schema, self.write, events)
        for topic, partition, head, types, _ in written:
            self._signals.emit(f"log:{topic}", [partition, head, types])
        return sum(row["n"] for row in written)
