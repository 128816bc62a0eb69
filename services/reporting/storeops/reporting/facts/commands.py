"""Folds the archive into facts, live and in a rebuild (REP-9). The only writer of facts.

A rebuild folds everything into the shadow tables, in ranges of a transaction each, and ends in one that holds the
live fold still: there it folds what came in meanwhile, compares row by row, and replaces what differs.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from storeops.common.bus.base import Message
from storeops.common.db import WriteSession
from storeops.reporting.archive.commands import archive_events
from storeops.reporting.archive.queries import archived_up_to
from storeops.reporting.facts import queries
from storeops.reporting.facts.errors import RebuildOvertaken
from storeops.reporting.facts.rules import FOLDS, LIVE, SHADOW, STATEMENTS


class Compared(NamedTuple):
    """A table after a rebuild: its rows, live and rebuilt taken together, and how many were not the same in both."""

    table: str
    rows: int
    differing: int


async def record_events(session: WriteSession, messages: Sequence[Message]) -> None:
    """Keep events and fold them at once, so that facts are never behind the archive."""
    kept = await archive_events(session, messages)
    await fold_range(session, kept.low, kept.high, topics=kept.topics)


async def fold_range(
    session: WriteSession, low: int, high: int, *, topics: Collection[str] | None = None, schema: str = LIVE
) -> None:
    """Fold the events after position `low` up to `high`, of these topics or of all."""
    for fold in FOLDS:
        if topics is None or fold.topic in topics:
            await session.fetch(STATEMENTS[schema, fold.table], low, high)


async def begin_rebuild(session: WriteSession) -> int:
    """Empty the shadow; answers the position up to which the archive reaches now."""
    await session.fetch(f"TRUNCATE {', '.join(f'{SHADOW}.{fold.table}' for fold in FOLDS)}")
    # An insert too: after a crash of the server the shadow, which has no write-ahead log, is empty.
    await session.fetch(
        f"INSERT INTO {SHADOW}.fold VALUES (true, 0) ON CONFLICT (one) DO UPDATE SET position = excluded.position"
    )
    return await archived_up_to(session)


async def fold_shadow(session: WriteSession, low: int, high: int) -> None:
    """Fold a range into the shadow; raises `RebuildOvertaken` unless the shadow stands at `low`."""
    moved = await session.fetchval(
        f"UPDATE {SHADOW}.fold SET position = $2 WHERE position = $1 RETURNING position", low, high
    )
    if moved is None:
        message = f"the rebuild no longer stands at position {low}: another one began"
        raise RebuildOvertaken(message)
    await fold_range(session, low, high, schema=SHADOW)


async def finish_rebuild(session: WriteSession, low: int) -> list[Compared]:
    """Fold the rest, compare the rebuilt rows with the live ones at the same position, and replace what differs."""
    high = await archived_up_to(session, for_update=True)
    await fold_shadow(session, low, high)
    compared = [Compared(fold.table, *await queries.compare(session, fold.table)) for fold in FOLDS]
    for table in compared:
        if table.differing:
            await replace_differing(session, table.table)
    return compared


async def replace_differing(session: WriteSession, table: str) -> None:
    """Make a live table equal to its shadow, touching only what differs."""
    same_key = " AND ".join(f"live.{column} = shadow.{column}" for column in queries.key_of(table))
    await session.fetch(
        f"DELETE FROM {LIVE}.{table} AS live WHERE NOT EXISTS (SELECT FROM {SHADOW}.{table} AS shadow "
        f"WHERE {same_key} AND NOT ({queries.differs(table)}))"
    )
    await session.fetch(f"INSERT INTO {LIVE}.{table} SELECT * FROM {SHADOW}.{table} ON CONFLICT DO NOTHING")
