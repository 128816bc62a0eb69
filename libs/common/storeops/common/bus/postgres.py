"""The embedded default: the log in PostgreSQL. Topics, partitions, dense offsets, groups with leases and epochs.

Needs the services' schemas in the same database. Leases run on the database's clock; business time has no say here.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from math import ceil
from typing import Any

import asyncpg
from asyncpg import Record

from storeops.common.bus.base import Batch, Message, OwnershipLost
from storeops.common.clock import monotonic
from storeops.common.db import Database, WriteSession
from storeops.common.signals import Signals

DDL = [
    "CREATE SCHEMA IF NOT EXISTS bus",
    "CREATE TABLE bus.topic (topic text PRIMARY KEY, partitions integer NOT NULL CHECK (partitions > 0))",
    """CREATE TABLE bus.partition (
        topic text NOT NULL REFERENCES bus.topic,
        partition integer NOT NULL,
        next_offset bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (topic, partition)
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE bus.message (
        topic text NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        event_id uuid NOT NULL,
        key text NOT NULL,
        sequence bigint NOT NULL,
        type text NOT NULL,
        store_id text,
        occurred_at timestamptz NOT NULL,
        headers text NOT NULL,
        payload text NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (topic, partition, "offset")
    )""",
    """CREATE TABLE bus.group_offset (
        grp text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        next_offset bigint NOT NULL DEFAULT 0,
        owner text,
        epoch bigint NOT NULL DEFAULT 0,
        lease_until timestamptz,
        PRIMARY KEY (grp, topic, partition)
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE bus.member (
        grp text NOT NULL,
        member text NOT NULL,
        seen_at timestamptz NOT NULL,
        PRIMARY KEY (grp, member)
    )""",
]
"""The log's tables."""

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
    SELECT topic, partition, count(*) AS n FROM placed GROUP BY topic, partition
), head AS (
    UPDATE bus.partition AS held SET next_offset = next_offset + n FROM counted
    WHERE held.topic = counted.topic AND held.partition = counted.partition
    RETURNING held.topic, held.partition, held.next_offset, n
), written AS (
    INSERT INTO bus.message
        (topic, partition, "offset", event_id, key, sequence, type, store_id, occurred_at, headers, payload)
    SELECT topic, partition, next_offset - n + row_number() OVER (PARTITION BY topic, partition ORDER BY id) - 1,
        event_id, key, sequence, type, store_id, occurred_at, headers, payload
    FROM placed LEFT JOIN head USING (topic, partition)
)
SELECT topic, partition, next_offset, n FROM head
"""
"""One turn of a relay: nothing moves while another relay of the service turns, which the lock only spares the wait.

The outer joins make an event of a topic that does not exist break the statement, rather than leave the outbox for
nowhere. A topic has one producer, so no two relays lock the same partition rows. Rows are named by their place, since
the outbox is empty whenever the planner is told how large it is: a join over it was planned for no rows and took a
hundred times as long over ten thousand. Nobody else moves them.
"""

FENCE = (
    "UPDATE bus.group_offset SET next_offset = $6 "
    "WHERE grp = $1 AND topic = $2 AND partition = $3 AND epoch = $4 AND next_offset = $5 RETURNING 1"
)
"""Moves a group's offset, under the epoch and from the position of who moves it."""

PASS_OVER = f"""
WITH unsynced AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
{FENCE.replace(" WHERE", " FROM unsynced WHERE")}
"""
"""The same in a transaction of its own, whose commit waits for no disk."""

SWEEP = 0.25
"""Seconds between two looks for what no hint told of."""

CLAIM = """
UPDATE bus.group_offset SET owner = $2, epoch = epoch + 1, lease_until = now() + $3 * interval '1 second'
WHERE grp = $1 AND (topic, partition) IN (
    SELECT topic, partition FROM bus.group_offset
    WHERE grp = $1 AND (owner IS NULL OR lease_until < now())
    ORDER BY topic, partition LIMIT $4 FOR UPDATE SKIP LOCKED
)
"""


class PostgresRelay:
    """Moves an outbox into the log: delete, number, insert in one statement, which is the transaction.

    On a connection of its own that stays in the service's role: a turn is one message, and no lock outlives it.
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
        for topic, partition, head, _ in moved:
            self._signals.emit(f"topic:{topic}", [partition, head])
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
                await keeper.execute(f"SET ROLE wrk_{self._service}; SET lock_timeout = '10s'; SET jit = off")
            except BaseException:
                keeper.terminate()
                raise
            self._keeper = keeper
        return self._keeper


class PostgresSubscription:
    """One member of a group: owns partitions under a lease, reads on from its own position."""

    def __init__(self, bus: "PostgresBus", group: str, topics: Sequence[str]) -> None:
        self._bus = bus
        self._group = group
        self._member = f"{os.getpid()}-{os.urandom(6).hex()}"
        self._owned: dict[tuple[str, int], tuple[int, int]] = {}
        """Partition → (epoch, position)."""
        self._heads: dict[tuple[str, int], int] = {}
        """Partition → where its log ends, as far as was heard or seen."""
        self._wake = asyncio.Event()
        self._beat_at = 0.0
        self._swept_at = 0.0
        self._stop = [bus.signals.on(f"topic:{topic}", self._hinted(topic)) for topic in topics]

    async def poll(self, limit: int, wait: float) -> Batch | None:
        """The next messages of one owned partition."""
        await self._keep_leases()
        batch = await self._look(limit)
        if batch is None and wait > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait, SWEEP)):
                    await self._wake.wait()
            batch = await self._look(limit)
        return batch

    async def fence(self, session: WriteSession, batch: Batch) -> None:
        """Move the group's offset in the handler's transaction; a stale epoch or position commits nothing."""
        self._require(batch, await session.fetch(FENCE, *self._step(batch)))

    async def pass_over(self, batch: Batch) -> None:
        """Move the group's offset past what is none of its business; a crash may forget it, and it is passed again."""
        self._require(batch, await self._bus.database.fetch(PASS_OVER, *self._step(batch)))

    def _step(self, batch: Batch) -> tuple[str, str, int, int, int, int]:
        return (self._group, batch.topic, batch.partition, batch.epoch, batch.start, batch.end)

    def _require(self, batch: Batch, moved: Sequence[Record]) -> None:
        if not moved:
            self._owned.pop((batch.topic, batch.partition), None)
            self._beat_at = 0.0
            message = f"{self._group} no longer owns {batch.topic}/{batch.partition} at {batch.start}"
            raise OwnershipLost(message)

    async def settle(self, batch: Batch) -> None:
        """Read on behind the batch."""
        place = (batch.topic, batch.partition)
        if place in self._owned:
            self._owned[place] = (batch.epoch, batch.end)

    async def rewind(self, batch: Batch) -> None:
        """The position did not move, so the next look finds the batch again."""

    async def close(self) -> None:
        """Leave the group and free its partitions."""
        for stop in self._stop:
            stop()
        await self._bus.database.fetch(
            "WITH gone AS (DELETE FROM bus.member WHERE grp = $1 AND member = $2) "
            "UPDATE bus.group_offset SET owner = NULL, lease_until = NULL WHERE grp = $1 AND owner = $2",
            self._group,
            self._member,
        )

    def _hinted(self, topic: str) -> Any:
        def hear(data: tuple[int, int]) -> None:
            partition, head = data
            place = (topic, partition)
            if place in self._owned:
                self._heads[place] = max(head, self._heads.get(place, 0))
                self._wake.set()

        return hear

    async def _look(self, limit: int) -> Batch | None:
        # Before the look, so that a hint that comes meanwhile lasts.
        self._wake.clear()
        if monotonic() - self._swept_at > SWEEP:
            await self._sweep()
        for place, (epoch, position) in tuple(self._owned.items()):
            if self._heads.get(place, 0) <= position:
                continue
            rows = await self._bus.database.fetch(
                'SELECT topic, partition, "offset", event_id::text, type, key, sequence, store_id, occurred_at, '
                'headers, payload FROM bus.message WHERE topic = $1 AND partition = $2 AND "offset" >= $3 '
                'ORDER BY "offset" LIMIT $4',
                *place,
                position,
                limit,
            )
            if rows:
                # To the end of the line: a partition that is never empty must not starve the others.
                self._owned[place] = self._owned.pop(place)
                return Batch(*place, epoch, position, [Message(*row) for row in rows])
        return None

    async def _sweep(self) -> None:
        """See for ourselves where the owned partitions end."""
        self._swept_at = monotonic()
        rows = await self._bus.database.fetch(
            "SELECT topic, partition, next_offset FROM bus.partition WHERE topic = ANY($1::text[])",
            list({topic for topic, _ in self._owned}),
        )
        for topic, partition, head in rows:
            self._heads[topic, partition] = max(head, self._heads.get((topic, partition), 0))

    async def _keep_leases(self) -> None:
        """Show that this member lives, and hold its fair share of partitions: take free ones, give surplus back."""
        lease = self._bus.lease
        now = monotonic()
        if now - self._beat_at < lease / 3:
            return
        self._beat_at = now
        rows = await self._bus.database.fetch(
            "WITH beat AS (INSERT INTO bus.member VALUES ($1, $2, now()) "
            "  ON CONFLICT (grp, member) DO UPDATE SET seen_at = now()), "
            "kept AS (UPDATE bus.group_offset SET lease_until = now() + $3 * interval '1 second' "
            "  WHERE grp = $1 AND owner = $2) "
            "SELECT (SELECT count(*) FROM bus.group_offset WHERE grp = $1) AS parts, "
            "  (SELECT count(*) FROM bus.member WHERE grp = $1 AND member <> $2 "
            "   AND seen_at > now() - $3 * interval '1 second') + 1 AS members, "
            "  (SELECT count(*) FROM bus.group_offset WHERE grp = $1 AND owner = $2) AS owned",
            self._group,
            self._member,
            lease,
        )
        parts, members, owned = rows[0]
        share = ceil(parts / members)
        if owned > share:
            await self._bus.database.fetch(
                "UPDATE bus.group_offset SET owner = NULL, lease_until = NULL WHERE (grp, topic, partition) IN "
                "(SELECT grp, topic, partition FROM bus.group_offset WHERE grp = $1 AND owner = $2 "
                " ORDER BY topic DESC, partition DESC LIMIT $3)",
                self._group,
                self._member,
                owned - share,
            )
        elif owned < share:
            await self._bus.database.fetch(CLAIM, self._group, self._member, lease, share - owned)
        rows = await self._bus.database.fetch(
            "SELECT topic, partition, epoch, next_offset FROM bus.group_offset WHERE grp = $1 AND owner = $2",
            self._group,
            self._member,
        )
        before, self._owned = self._owned, {(row[0], row[1]): (row[2], row[3]) for row in rows}
        if self._owned.keys() != before.keys():
            self._swept_at = 0.0


class PostgresBus:
    """The log of one database."""

    name = "postgres"

    def __init__(self, database: Database, signals: Signals, *, lease: float = 15.0) -> None:
        self.database = database
        self.signals = signals
        self.lease = lease

    async def open(self, topics: Mapping[str, int]) -> None:
        """Make topics and partitions; the number of a topic's partitions never shrinks and never moves a key."""
        await self.database.fetch(
            "WITH wanted AS (SELECT * FROM unnest($1::text[], $2::int[]) AS t(topic, partitions)), "
            "made AS (INSERT INTO bus.topic SELECT * FROM wanted ON CONFLICT DO NOTHING RETURNING topic, partitions) "
            "INSERT INTO bus.partition (topic, partition) "
            "SELECT topic, generate_series(0, partitions - 1) FROM made",
            list(topics),
            list(topics.values()),
        )

    async def relay(self, database: Database, service: str) -> PostgresRelay:
        """The relay of a service whose schema lies in this database."""
        return PostgresRelay(database, service, self.signals)

    async def subscribe(self, group: str, topics: Sequence[str]) -> PostgresSubscription:
        """Join a group; a new one starts at the first message that is still kept."""
        await self.database.fetch(
            "INSERT INTO bus.group_offset (grp, topic, partition, next_offset) "
            'SELECT $1, topic, partition, coalesce((SELECT min(kept."offset") FROM bus.message AS kept '
            "  WHERE kept.topic = p.topic AND kept.partition = p.partition), p.next_offset) "
            "FROM bus.partition AS p WHERE topic = ANY($2::text[]) ON CONFLICT DO NOTHING",
            group,
            list(topics),
        )
        return PostgresSubscription(self, group, topics)

    async def alive(self) -> None:
        """The log lives in the database, which is asked by itself."""

    async def lag(self) -> dict[str, int]:
        """Messages that each group has not handled yet."""
        rows = await self.database.fetch(
            "SELECT grp, sum(p.next_offset - g.next_offset)::bigint FROM bus.group_offset g "
            "JOIN bus.partition p USING (topic, partition) GROUP BY grp"
        )
        return {row[0]: row[1] for row in rows}

    async def written(self) -> int:
        """How many messages the log has ever taken."""
        [(count,)] = await self.database.fetch("SELECT coalesce(sum(next_offset), 0)::bigint FROM bus.partition")
        return count

    async def purge(self, older_than: datetime) -> int:
        """Drop what every group has handled and what was written before `older_than` (machine time)."""
        rows = await self.database.fetch(
            "WITH safe AS (SELECT topic, partition, min(next_offset) AS upto FROM bus.group_offset GROUP BY 1, 2), "
            "gone AS (DELETE FROM bus.message m USING safe s WHERE m.topic = s.topic AND m.partition = s.partition "
            'AND m."offset" < s.upto AND m.written_at < $1 RETURNING 1) SELECT count(*) FROM gone',
            older_than,
        )
        return rows[0][0]

    async def close(self) -> None:
        """The database is the runtime's to close."""
