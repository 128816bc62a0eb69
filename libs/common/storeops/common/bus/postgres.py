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

from asyncpg import Record

from storeops.common.bus.base import Batch, Message, OwnershipLost
from storeops.common.bus.postgres_relay import PostgresRelay
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

FENCE = (
    "UPDATE bus.group_offset SET next_offset = $6 "
    "WHERE grp = $1 AND topic = $2 AND partition = $3 AND epoch = $4 AND next_offset = $5 AND EXISTS (SELECT "
    'FROM bus.message AS last WHERE last.topic = $2 AND last.partition = $3 AND last."offset" = $6 - 1 '
    "AND last.event_id = $7::uuid) RETURNING 1"
)
"""Moves a group's offset, under the epoch and from the position of who moves it, past messages that are still there.

A crash of the server may take back the last turns of relays; then other events come to lie at the same offsets.
"""

PASS_OVER = f"""
WITH unsynced AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
{FENCE.replace(" WHERE", " FROM unsynced WHERE", 1)}
"""
"""The same in a transaction of its own, whose commit waits for no disk."""

SWEEP = 0.25
"""Seconds between two looks for what no hint told of."""

IDLE = 0.05
"""Seconds after which a group that was only told of types that it does not handle passes them over."""

CLAIM = """
UPDATE bus.group_offset SET owner = $2, epoch = epoch + 1, lease_until = now() + $3 * interval '1 second'
WHERE grp = $1 AND (topic, partition) IN (
    SELECT topic, partition FROM bus.group_offset
    WHERE grp = $1 AND (owner IS NULL OR lease_until < now())
    ORDER BY topic, partition LIMIT $4 FOR UPDATE SKIP LOCKED
)
"""


class PostgresSubscription:
    """One member of a group: owns partitions under a lease, reads on from its own position."""

    def __init__(
        self, bus: "PostgresBus", group: str, topics: Sequence[str], types: frozenset[str] | None = None
    ) -> None:
        self._bus = bus
        self._group = group
        self._types = types
        self._member = f"{os.getpid()}-{os.urandom(6).hex()}"
        self._owned: dict[tuple[str, int], tuple[int, int]] = {}
        """Partition → (epoch, position)."""
        self._heads: dict[tuple[str, int], int] = {}
        """Partition → where its log ends, as far as was heard or seen."""
        self._idle: dict[tuple[str, int], int] = {}
        """The same, of partitions that were only told to hold what this group does not handle."""
        self._idle_timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._beat_at = 0.0
        self._swept_at = 0.0
        self._stop = [bus.signals.on(f"log:{topic}", self._hinted(topic)) for topic in topics]
        self._stop.append(bus.signals.on("hurry", lambda _data: self._see_idle()))

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

    def _step(self, batch: Batch) -> tuple[str, str, int, int, int, int, str]:
        last = batch.messages[-1].event_id
        return (self._group, batch.topic, batch.partition, batch.epoch, batch.start, batch.end, last)

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
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        await self._bus.database.fetch(
            "WITH gone AS (DELETE FROM bus.member WHERE grp = $1 AND member = $2) "
            "UPDATE bus.group_offset SET owner = NULL, lease_until = NULL WHERE grp = $1 AND owner = $2",
            self._group,
            self._member,
        )

    def _hinted(self, topic: str) -> Any:
        def hear(data: tuple[int, int, Sequence[str]]) -> None:
            partition, head, types = data
            place = (topic, partition)
            if place not in self._owned:
                return
            if self._types is None or not self._types.isdisjoint(types):
                self._heads[place] = max(head, self._heads.get(place, 0))
                self._wake.set()
                return
            self._idle[place] = max(head, self._idle.get(place, 0))
            if self._idle_timer is None:
                self._idle_timer = asyncio.get_running_loop().call_later(IDLE, self._see_idle)

        return hear

    def _see_idle(self) -> None:
        """Read on to the end of the idle partitions too."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        for place, head in self._idle.items():
            if head > self._heads.get(place, 0):
                self._heads[place] = head
                self._wake.set()
        self._idle.clear()

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

    async def subscribe(
        self, group: str, topics: Sequence[str], *, types: frozenset[str] | None = None
    ) -> PostgresSubscription:
        """Join a group; a new one starts at the first message that is still kept."""
        await self.database.fetch(
            "INSERT INTO bus.group_offset (grp, topic, partition, next_offset) "
            'SELECT $1, topic, partition, coalesce((SELECT min(kept."offset") FROM bus.message AS kept '
            "  WHERE kept.topic = p.topic AND kept.partition = p.partition), p.next_offset) "
            "FROM bus.partition AS p WHERE topic = ANY($2::text[]) ON CONFLICT DO NOTHING",
            group,
            list(topics),
        )
        return PostgresSubscription(self, group, topics, types)

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
