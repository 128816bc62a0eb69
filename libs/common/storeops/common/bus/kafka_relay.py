"""Moves a service's outbox to Kafka: read, send, await every acknowledgement, delete exactly what was acknowledged.

A crash between acknowledgement and deletion sends events again; the inbox of each group knows them. Whatever fails,
an event is never sent before an earlier one of its key was acknowledged.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from storeops.common.bus.base import BusUnavailable
from storeops.common.bus.records import OutgoingEvent, headers_of
from storeops.common.clock import monotonic
from storeops.common.db import Database
from storeops.common.faults import reach

log = structlog.get_logger()

PATIENCE = 5.0
"""Seconds after which a turn without acknowledgements is reported; what was sent is still awaited."""
BATCH_BYTES = 512 * 1024
"""Bytes of one request to a partition; a single larger event travels alone."""
REFUSED_SECONDS = 30.0
"""How long a key waits after the broker refused an event of it for good, while other keys flow."""
STOP_SECONDS = 2.0

COLUMNS = "id, event_id::text, topic, hash, key, sequence, type, store_id, occurred_at, headers, payload"


class KafkaRelay:
    """One relay a service works, under a session lock on a connection of its own; others stand by."""

    def __init__(
        self, database: Database, service: str, *, client: Mapping[str, Any], prefix: str, partitions: Mapping[str, int]
    ) -> None:
        self._database = database
        self._service = service
        self._client = client
        self._servers = client["bootstrap_servers"]
        self._prefix = prefix
        self._partitions = partitions
        self._keeper: asyncpg.Connection[asyncpg.Record] | None = None
        """Holds the lock, and alone reads and deletes: without the lock nothing is deleted."""
        self._locked = False
        self._producer: Any = None
        self._sending: asyncio.Task[list[int]] | None = None
        self._refused: dict[str, float] = {}
        """Keys with an event that the broker refused, and when to try again (monotonic)."""

    async def turn(self, limit: int) -> int:
        """Move at most `limit` events. Raises `BusUnavailable` while no broker acknowledges."""
        keeper = await self._keep_lock()
        if keeper is None:
            return 0
        if self._sending is None:
            events = await self._read(keeper, limit)
            if not events:
                return 0
            self._sending = asyncio.create_task(self._send(events))
        # The producer tries on by itself: a second send of the same events would only double them.
        done, _ = await asyncio.wait([self._sending], timeout=PATIENCE)
        if not done:
            message = f"no broker of {self._servers} acknowledged events of {self._service} within {PATIENCE:g} s"
            raise BusUnavailable(message)
        sending, self._sending = self._sending, None
        sent = sending.result()
        await reach("relay.after_send")
        await keeper.fetch(f"DELETE FROM {self._service}.outbox WHERE id = ANY($1::bigint[])", sent)
        return len(sent)

    async def close(self) -> None:
        """Give the lock back. What was sent but not acknowledged stays in the outbox."""
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._sending
            self._sending = None
        await self._stop_producer()
        if self._keeper is not None:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._keeper.close(timeout=STOP_SECONDS)
            self._keeper = None

    async def _keep_lock(self) -> "asyncpg.Connection[asyncpg.Record] | None":
        """The connection that holds the service's lock; None while another relay has it."""
        if self._keeper is None or self._keeper.is_closed():
            self._locked = False
            self._keeper = await self._database.connect_driver()
            # A delete that a crash of the server undoes sends its events again, as a crash just before it would.
            await self._keeper.execute(f"SET ROLE wrk_{self._service}; SET synchronous_commit = off")
        if not self._locked:
            lock = f"SELECT pg_try_advisory_lock(hashtext('storeops.relay.{self._service}'))"
            self._locked = await self._keeper.fetchval(lock)
        return self._keeper if self._locked else None

    async def _read(self, keeper: "asyncpg.Connection[asyncpg.Record]", limit: int) -> list[OutgoingEvent]:
        now = monotonic()
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        rows = await keeper.fetch(
            f"SELECT {COLUMNS} FROM {self._service}.outbox WHERE key <> ALL($2::text[]) ORDER BY id LIMIT $1",
            limit,
            list(self._refused),
        )
        return [OutgoingEvent(*row) for row in rows]

    async def _send(self, events: Sequence[OutgoingEvent]) -> list[int]:
        """Send events, partitions side by side; answers the ids of those that are on the bus."""
        places: dict[tuple[str, int], list[OutgoingEvent]] = {}
        for event in events:
            if event.topic not in self._partitions:
                message = f"topic {event.topic} does not exist on the bus"
                raise LookupError(message)
            places.setdefault((event.topic, event.hash % self._partitions[event.topic]), []).append(event)
        producer = await self._start_producer()
        outcomes = await asyncio.gather(*(self._send_part(producer, part) for part in places.values()))
        sent = [event_id for ids, _ in outcomes for event_id in ids]
        errors = [error for _, error in outcomes if error is not None]
        if errors:
            await self._stop_producer()
        for part, (ids, error) in zip(places.values(), outcomes, strict=True):
            if error is not None and not error.retriable:
                sent += await self._send_singly(part[len(ids) :])
        if errors and not sent and not self._refused:
            message = f"no broker took events of {self._service}: {errors[0]!r}"
            raise BusUnavailable(message)
        return sent

    async def _send_part(self, producer: Any, events: Sequence[OutgoingEvent]) -> tuple[list[int], KafkaError | None]:
        """Send one partition's events, a batch after the other; ends at the first that fails."""
        topic = events[0].topic
        partition = events[0].hash % self._partitions[topic]
        sent: list[int] = []
        while len(sent) < len(events):
            batch = producer.create_batch()
            taken: list[int] = []
            for event in events[len(sent) :]:
                headers = headers_of(event, f"/storeops/{self._service}")
                if (
                    batch.append(key=event.key.encode(), value=event.payload.encode(), timestamp=None, headers=headers)
                    is None
                ):
                    break
                taken.append(event.id)
            try:
                await (await producer.send_batch(batch, self._prefix + topic, partition=partition))
            except KafkaError as error:
                return sent, error
            sent += taken
        return sent, None

    async def _send_singly(self, events: Sequence[OutgoingEvent]) -> list[int]:
        """Send what follows a refusal one by one: a key whose event is refused waits, the others go on.

        Each refusal costs the producer: its numbering of the partition has a gap, which the broker would not take.
        """
        sent: list[int] = []
        for event in events:
            if event.key in self._refused:
                continue
            ids, error = await self._send_part(await self._start_producer(), [event])
            sent += ids
            if error is None:
                continue
            await self._stop_producer()
            if error.retriable:
                break
            self._refused[event.key] = monotonic() + REFUSED_SECONDS
            log.error(
                "event_refused", service=self._service, event_id=event.event_id, type=event.type, error=repr(error)
            )
        return sent

    async def _start_producer(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(**self._client, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES)
            try:
                await producer.start()
            except BaseException as error:
                await producer.stop()
                if isinstance(error, KafkaError):
                    message = f"no broker of {self._servers} answers: {error!r}"
                    raise BusUnavailable(message) from error
                raise
            self._producer = producer
        return self._producer

    async def _stop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # It would wait for a broker that is away as long as it is away.
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await producer.stop()
