"""Runs a consumer group: inbox, effects, outbox and offset are one transaction (effect once).

Errors fall in three kinds. The database or the network: retried in order, without limit. A stale owner: the batch is
left to the new one. Anything else: the batch is taken apart, and a message that fails five times alone is parked
with everything that follows for its key, while other keys flow.
"""

import asyncio
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import asyncpg
import orjson
import structlog
from sqlalchemy.exc import DBAPIError

from storeops.common.bus.base import UNREADABLE, Batch, Message, OwnershipLost, Subscription
from storeops.common.clock import monotonic
from storeops.common.contracts.base import REGISTRY, Event
from storeops.common.db import Cause, Database, WriteSession, transaction
from storeops.common.errors import Unavailable
from storeops.common.events import EventRouter
from storeops.common.faults import reach
from storeops.common.logs import without_values
from storeops.common.metrics import CONSUMED, CONSUMER_RETRIES, PARKED, SKIPPED
from storeops.common.scope import worker_scope
from storeops.common.signals import Signals
from storeops.common.waves import waves

log = structlog.get_logger()

LIMIT = 500
"""Messages of one transaction at most."""
TRIES = 5
"""How often a message may fail alone before it is parked."""

PASSING = (
    OSError,
    TimeoutError,
    Unavailable,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""What may pass by itself: retried in order for as long as it lasts.

The driver calls it an internal error when it meets a connection that the server has just ended.
"""


def is_passing(error: BaseException) -> bool:
    """Whether an error is the database's or the network's, and not the message's."""
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig else None
        return error.connection_invalidated or (cause is not None and is_passing(cause))
    # The driver's own refusal of a value is an InterfaceError too, but no second try will change the value.
    return isinstance(error, PASSING) and not isinstance(error, ValueError)


class UnreadableMessage(Exception):
    """A message that is no event of ours: nothing can be done with it but to park it."""


class Decoded(NamedTuple):
    """A message and, for handlers of types, its event."""

    message: Message
    event: Event | None


class Consumer:
    """One group of one service in this process."""

    def __init__(self, database: Database, service: str, router: EventRouter, signals: Signals) -> None:
        self._database = database
        self._service = service
        self._router = router
        self._signals = signals
        self._hurry = asyncio.Event()
        self._stop_hurry = signals.on("hurry", lambda _data: self._hurry.set())
        self._tries: dict[str, int] = {}
        self._scope = worker_scope(service, f"service:{service}")

    async def run(self, subscription: Subscription) -> None:
        """Handle what comes until cancelled."""
        pause = 0.0
        try:
            while True:
                started = monotonic()
                try:
                    batch = await subscription.poll(LIMIT, 0.25)
                    if batch is None:
                        continue
                    await self.take(subscription, batch)
                    pause = 0.0
                except OwnershipLost as error:
                    log.info("partition_lost", group=self._router.group, detail=str(error))
                    continue
                except Exception as error:
                    if not is_passing(error):
                        raise
                    pause = min(5.0, pause * 2 or 0.05)
                    CONSUMER_RETRIES.labels(self._router.group).inc()
                    log.warning("consumer_retry", group=self._router.group, error=repr(error), pause=pause)
                    await asyncio.sleep(pause)
                    continue
                if len(batch.messages) < LIMIT:
                    await self._rest(started)
        finally:
            self._stop_hurry()
            with suppress(Exception):
                async with asyncio.timeout(2.0):
                    await subscription.close()

    async def _rest(self, started: float) -> None:
        left = self._router.pace - (monotonic() - started)
        if left <= 0:
            return
        if self._router.pace < 0.01:
            await asyncio.sleep(left)
            return
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._hurry.wait()

    async def take(self, subscription: Subscription, batch: Batch) -> None:
        """The whole batch in one transaction; when that fails for a message's own reasons, one by one."""
        try:
            await self._handle(subscription, batch)
        except OwnershipLost:
            raise
        except Exception as error:
            await subscription.rewind(batch)
            if is_passing(error):
                raise
            if len(batch.messages) > 1:
                await self._one_by_one(subscription, batch)
            else:
                await self._try_again_or_park(subscription, batch, error)
        else:
            await subscription.settle(batch)

    async def _one_by_one(self, subscription: Subscription, batch: Batch) -> None:
        while batch.messages:
            one = batch.first(1)
            await self.take(subscription, one)
            if self._tries.get(one.messages[0].event_id):
                continue
            batch = batch.rest(1)

    async def _try_again_or_park(self, subscription: Subscription, batch: Batch, error: Exception) -> None:
        message = batch.messages[0]
        tries = self._tries[message.event_id] = self._tries.get(message.event_id, 0) + 1
        log.warning(
            "message_failed",
            group=self._router.group,
            type=message.type,
            event_id=message.event_id,
            tries=tries,
            error=repr(error),
        )
        if tries < TRIES:
            return
        trace = "".join(traceback.format_exception(error))
        async with transaction(self._database, self._scope) as session:
            await subscription.fence(session, batch)
            await park(session, self._router.group, [(message, without_values(repr(error)), without_values(trace))])
        del self._tries[message.event_id]
        PARKED.labels(self._router.group).inc()
        await subscription.settle(batch)

    async def _handle(self, subscription: Subscription, batch: Batch) -> None:
        if not concerning(self._router, batch.messages):
            await subscription.pass_over(batch)
            SKIPPED.labels(self._router.group).inc(len(batch.messages))
            return
        async with transaction(self._database, self._scope) as session:
            await subscription.fence(session, batch)
            await apply(session, self._router, batch.messages)
            await reach("consumer.before_commit")
        await reach("consumer.after_commit")
        give_hints(self._signals, session)
        for message in batch.messages:
            self._tries.pop(message.event_id, None)


def give_hints(signals: Signals, session: WriteSession) -> None:
    """After the commit: wake the relay for what was published, and callers that wait for a decision."""
    if session.outbox:
        signals.emit(f"outbox:{session.scope.service}")
    for name, data in session.announcements:
        signals.emit(name, data)


async def apply(session: WriteSession, router: EventRouter, messages: Sequence[Message]) -> None:
    """Give every message that is new to the group its effect; duplicates and unknown types have none.

    One that is no event at all is never passed over, whatever the group handles: it raises `UnreadableMessage`.
    """
    handled = concerning(router, messages)
    SKIPPED.labels(router.group).inc(len(messages) - len(handled))
    # A relay that died between sending and deleting sends again: the same event may stand twice in one batch.
    first: dict[str, Message] = {}
    for message in handled:
        first.setdefault(message.event_id, message)
    known = list(first.values())
    if not known:
        return
    fresh, blocked = await receive(session, router.group, known)
    behind = [message for message in known if message.event_id in fresh and (message.topic, message.key) in blocked]
    if behind:
        # A replay may have ended meanwhile. Under its lock it has either gone, or will find what is parked here.
        await lock_group(session, router.group)
        blocked = await blocked_places(session, router.group, behind)
        behind = [message for message in behind if (message.topic, message.key) in blocked]
        await forget(session, router.group, behind)
        await park(session, router.group, [(message, "behind a parked message of its key", "") for message in behind])
    live = [message for message in known if message.event_id in fresh and (message.topic, message.key) not in blocked]
    await act(session, router, live)


def concerning(router: EventRouter, messages: Sequence[Message]) -> list[Message]:
    """The messages that the group handles, and those that nobody can read."""
    return [m for m in messages if router.raw is not None or m.type in router.handlers or m.type == UNREADABLE]


async def act(session: WriteSession, router: EventRouter, live: Sequence[Message]) -> None:
    """Call the group's handlers with messages that are theirs to handle now. Raises `UnreadableMessage`."""
    if any(message.type == UNREADABLE for message in live):
        detail = f"{[f'{m.topic}/{m.partition}/{m.offset}' for m in live if m.type == UNREADABLE]} cannot be read"
        raise UnreadableMessage(detail)
    if router.raw is not None:
        if live:
            await router.raw(session, live)
    else:
        await call_handlers(
            session, router, [Decoded(m, REGISTRY[m.type].model_validate_json(m.payload)) for m in live]
        )
    CONSUMED.labels(router.group).inc(len(live))


async def call_handlers(session: WriteSession, router: EventRouter, decoded: Sequence[Decoded]) -> None:
    """Call the handlers in waves: each key's events in order, equal types together."""
    calls = list(
        waves(
            decoded,
            key=lambda item: item.message.key,
            kind=lambda item: item.message.type,
            limit=lambda item: router.handlers[item.message.type].batch,
        )
    )
    if router.lock is not None and len(calls) > 1:
        await router.lock(session, [item.event for item in decoded])
    for wave in calls:
        handler = router.handlers[wave[0].message.type]
        session.causes = {item.message.key: cause_of(item.message) for item in wave}
        events = [item.event for item in wave]
        await handler.call(session, events if handler.batch else events[0])
    session.causes = {}


def cause_of(message: Message) -> Cause:
    """What events published while handling this message point back to."""
    headers = orjson.loads(message.headers)
    return Cause(message.event_id, headers.get("correlation_id"), headers.get("traceparent"))


async def receive(
    session: WriteSession, group: str, messages: Sequence[Message]
) -> tuple[set[str], set[tuple[str, str]]]:
    """Write the inbox: answers the ids that are new, and the (topic, key) pairs that have parked messages."""
    schema = session.scope.service
    row = await session.fetchrow(
        f"WITH fresh AS (INSERT INTO {schema}.inbox (consumer, event_id) "
        "SELECT $1, id FROM unnest($2::uuid[]) AS t(id) ON CONFLICT DO NOTHING RETURNING event_id::text), "
        f"blocked AS (SELECT DISTINCT topic, key FROM {schema}.parked WHERE consumer = $1 AND key = ANY($3::text[])) "
        "SELECT ARRAY(SELECT event_id FROM fresh), ARRAY(SELECT topic FROM blocked), ARRAY(SELECT key FROM blocked)",
        group,
        [message.event_id for message in messages],
        [message.key for message in messages],
    )
    assert row is not None
    return set(row[0]), set(zip(row[1], row[2], strict=True))


async def lock_group(session: WriteSession, group: str) -> None:
    """Until commit: nobody else replays or drops messages of the group, or parks what follows parked ones."""
    await session.fetch(
        "SELECT pg_advisory_xact_lock(hashtext($1))", f"storeops.parked.{session.scope.service}.{group}"
    )


async def blocked_places(session: WriteSession, group: str, messages: Sequence[Message]) -> set[tuple[str, str]]:
    """Of the messages' (topic, key) pairs those that have parked messages."""
    rows = await session.fetch(
        f"SELECT DISTINCT topic, key FROM {session.scope.service}.parked WHERE consumer = $1 AND key = ANY($2::text[])",
        group,
        [message.key for message in messages],
    )
    return {(row[0], row[1]) for row in rows}


async def forget(session: WriteSession, group: str, messages: Sequence[Message]) -> None:
    """Take inbox rows back: a parked message has had no effect yet."""
    await session.fetch(
        f"DELETE FROM {session.scope.service}.inbox WHERE consumer = $1 AND event_id = ANY($2::uuid[])",
        group,
        [message.event_id for message in messages],
    )


async def park(session: WriteSession, group: str, failed: Sequence[tuple[Message, str, str]]) -> None:
    """Set messages aside with their error; `storeops parked` shows and replays them."""
    schema = session.scope.service
    for message, error, trace in failed:
        await session.fetch(
            f'INSERT INTO {schema}.parked (consumer, topic, partition, "offset", event_id, type, key, sequence, '
            "store_id, occurred_at, headers, payload, error, trace) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
            group,
            *message,
            error[:2000],
            trace[-20000:],
        )
