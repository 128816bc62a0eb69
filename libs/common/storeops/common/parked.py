"""Parked messages: shown, replayed in order, or dropped with a reason. Every act is written to an audit table.

A key with a parked message takes no new effect: what follows is parked behind it. Replaying goes through a key from
its first message on, one transaction each (inbox, effect, the row's end), and stops at one that fails again.
"""

import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple

from asyncpg import Record

from storeops.common.bus.base import Message
from storeops.common.consumer import act, is_passing, lock_group, receive
from storeops.common.db import Database, ReadSession, WriteSession, reading, transaction
from storeops.common.errors import Invalid, NotFound
from storeops.common.events import EventRouter
from storeops.common.logs import without_values
from storeops.common.scope import worker_scope

MESSAGE = 'topic, partition, "offset", event_id::text, type, key, sequence, store_id, occurred_at, headers, payload'

Outcome = Literal["replayed", "already handled", "failed", "would be handled", "waits"]


class ParkedMessageNotFound(NotFound):
    """No message with this id is parked for this group."""


class ReasonMissing(Invalid):
    """Dropping a message for good needs a reason that others can read."""


class Parked(NamedTuple):
    """A message set aside, and why."""

    group: str
    message: Message
    error: str
    trace: str
    parked_at: datetime


class Verdict(NamedTuple):
    """What became of a parked message, or in a dry run would become of it."""

    event_id: str
    topic: str
    key: str
    sequence: int
    type: str
    outcome: Outcome
    error: str = ""


class DryRunEnded(Exception):
    """Rolls a dry run back."""


async def list_parked(session: ReadSession, group: str | None = None) -> list[Parked]:
    """The service's parked messages, of one group or all, each key in its order."""
    rows = await session.fetch(
        f"SELECT consumer, {MESSAGE}, error, trace, parked_at FROM {session.scope.service}.parked "
        'WHERE $1::text IS NULL OR consumer = $1 ORDER BY consumer, topic, key, sequence, "offset"',
        group,
    )
    return [parked_of(row) for row in rows]


async def show_parked(session: ReadSession, event_id: str) -> list[Parked]:
    """One event with payload and trace, for each group that parked it. Raises `ParkedMessageNotFound`."""
    rows = await session.fetch(
        f"SELECT consumer, {MESSAGE}, error, trace, parked_at FROM {session.scope.service}.parked "
        "WHERE event_id::text = $1 ORDER BY consumer",
        event_id,
    )
    if not rows:
        message = f"{event_id} is not parked in {session.scope.service}"
        raise ParkedMessageNotFound(message)
    return [parked_of(row) for row in rows]


async def drop_parked(session: WriteSession, event_id: str, *, group: str, reason: str, actor: str) -> Parked:
    """Give a message up for good. What waits behind it flows with the next replay of its key.

    Raises `ReasonMissing` or `ParkedMessageNotFound`.
    """
    if not reason.strip():
        message = "say why this message may be lost"
        raise ReasonMissing(message, errors=[{"pointer": "/reason", "value": reason, "expected": "a reason"}])
    await lock_group(session, group)
    found = [parked for parked in await list_parked(session, group) if parked.message.event_id == event_id]
    if not found:
        message = f"{event_id} is not parked for {group}"
        raise ParkedMessageNotFound(message)
    # In the inbox, so that the bus may deliver it again without effect.
    await receive(session, group, [found[0].message])
    await unpark(session, group, event_id)
    await write_audit(session, found[0], action="dropped", reason=reason.strip(), actor=actor)
    return found[0]


async def replay_parked(
    database: Database,
    service: str,
    router: EventRouter,
    *,
    actor: str,
    topic: str | None = None,
    key: str | None = None,
    dry_run: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> list[Verdict]:
    """Handle a group's parked messages again: of one topic, of one key, or all; `tell` hears how many keys are done.

    With `dry_run` the handlers really run, each key in one transaction that is rolled back, so that the verdict is
    what would happen. Errors of the database or network are raised and leave the rest parked.
    """
    async with reading(database, worker_scope(service, actor)) as session:
        waiting = await list_parked(session, router.group)
    places = dict.fromkeys(
        (parked.message.topic, parked.message.key)
        for parked in waiting
        if topic in {None, parked.message.topic} and key in {None, parked.message.key}
    )
    handle = try_key if dry_run else replay_key
    verdicts: list[Verdict] = []
    for done, place in enumerate(places, start=1):
        verdicts += await handle(database, service, router, place, actor=actor)
        if tell is not None:
            tell(done, len(places))
    return verdicts


async def replay_key(
    database: Database, service: str, router: EventRouter, place: tuple[str, str], *, actor: str
) -> list[Verdict]:
    """Handle one key's parked messages in order, and those that are parked behind them meanwhile."""
    scope = worker_scope(service, actor)
    verdicts: list[Verdict] = []
    while True:
        first: Parked | None = None
        try:
            async with transaction(database, scope) as session:
                await lock_group(session, router.group)
                first = next(iter(await parked_at(session, router.group, place)), None)
                if first is None:
                    return verdicts
                outcome = await handle_again(session, router, first)
                await write_audit(session, first, action="replayed", reason=outcome, actor=actor)
            verdicts.append(verdict_of(first, outcome))
        except Exception as error:
            if first is None or is_passing(error):
                raise
            async with transaction(database, scope) as session:
                await keep_error(session, first, error)
                await write_audit(session, first, action="failed", reason=without_values(repr(error)), actor=actor)
                behind = (await parked_at(session, router.group, place))[1:]
            return [
                *verdicts,
                verdict_of(first, "failed", without_values(repr(error))),
                *(verdict_of(p, "waits") for p in behind),
            ]


async def try_key(
    database: Database, service: str, router: EventRouter, place: tuple[str, str], *, actor: str
) -> list[Verdict]:
    """What would become of one key's parked messages; changes nothing."""
    verdicts: list[Verdict] = []
    queue: list[Parked] = []
    try:
        async with transaction(database, worker_scope(service, actor)) as session:
            await lock_group(session, router.group)
            queue = await parked_at(session, router.group, place)
            for parked in queue:
                outcome = await handle_again(session, router, parked)
                verdicts.append(verdict_of(parked, "would be handled" if outcome == "replayed" else outcome))
            raise DryRunEnded
    except DryRunEnded:
        return verdicts
    except Exception as error:
        if is_passing(error):
            raise
        done = len(verdicts)
        failed = verdict_of(queue[done], "failed", without_values(repr(error)))
        return [*verdicts, failed, *(verdict_of(parked, "waits") for parked in queue[done + 1 :])]


async def handle_again(session: WriteSession, router: EventRouter, parked: Parked) -> Outcome:
    """Inbox, effect and the end of the parked row."""
    fresh, _ = await receive(session, router.group, [parked.message])
    if fresh:
        await act(session, router, [parked.message])
    await unpark(session, router.group, parked.message.event_id)
    return "replayed" if fresh else "already handled"


async def parked_at(session: ReadSession, group: str, place: tuple[str, str]) -> list[Parked]:
    """One key's parked messages in order."""
    rows = await session.fetch(
        f"SELECT consumer, {MESSAGE}, error, trace, parked_at FROM {session.scope.service}.parked "
        'WHERE consumer = $1 AND topic = $2 AND key = $3 ORDER BY sequence, "offset"',
        group,
        *place,
    )
    return [parked_of(row) for row in rows]


async def unpark(session: WriteSession, group: str, event_id: str) -> None:
    """End a parked row."""
    await session.fetch(
        f"DELETE FROM {session.scope.service}.parked WHERE consumer = $1 AND event_id::text = $2", group, event_id
    )


async def keep_error(session: WriteSession, parked: Parked, error: Exception) -> None:
    """Show the newest failure with the parked message."""
    await session.fetch(
        f"UPDATE {session.scope.service}.parked SET error = $3, trace = $4 WHERE consumer = $1 AND event_id::text = $2",
        parked.group,
        parked.message.event_id,
        without_values(repr(error))[:2000],
        without_values("".join(traceback.format_exception(error)))[-20000:],
    )


async def write_audit(session: WriteSession, parked: Parked, *, action: str, reason: str, actor: str) -> None:
    """Keep who did what with which message, and the message itself."""
    message = parked.message
    await session.fetch(
        f"INSERT INTO {session.scope.service}.parked_audit "
        "(actor, action, reason, consumer, event_id, topic, key, sequence, type, payload) "
        "VALUES ($1, $2, $3, $4, $5::text::uuid, $6, $7, $8, $9, $10)",
        actor,
        action,
        reason[:2000],
        parked.group,
        message.event_id,
        message.topic,
        message.key,
        message.sequence,
        message.type,
        message.payload,
    )


def parked_of(row: Record) -> Parked:
    """A row as selected here."""
    group, *message, error, trace, parked_at = row.values()
    return Parked(group, Message(*message), error, trace, parked_at)


def verdict_of(parked: Parked, outcome: Outcome, error: str = "") -> Verdict:
    """The verdict on a parked message."""
    message = parked.message
    return Verdict(message.event_id, message.topic, message.key, message.sequence, message.type, outcome, error)
