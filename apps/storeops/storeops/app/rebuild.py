"""Rebuilds the figures' facts from the archive (REP-9): ranges of a transaction each, then one that compares."""

from collections.abc import Callable
from typing import NamedTuple

from storeops.common.clock import monotonic
from storeops.common.db import Database, transaction
from storeops.common.scope import worker_scope
from storeops.reporting.facts import commands
from storeops.reporting.facts.commands import Compared

STEP = 20_000
"""Events of one transaction."""


class RebuildReport(NamedTuple):
    """What a rebuild found; `differing` rows were replaced by the rebuilt ones."""

    events: int
    seconds: float
    tables: list[Compared]

    @property
    def rows(self) -> int:
        """Rows compared."""
        return sum(table.rows for table in self.tables)

    @property
    def differing(self) -> int:
        """Rows that were not the same, live and rebuilt."""
        return sum(table.differing for table in self.tables)


async def rebuild(database: Database, *, progress: Callable[[int, int], None]) -> RebuildReport:
    """Fold the whole archive anew beside the live facts, compare row by row, and replace what differs.

    Services may go on meanwhile. `progress(done, total)` is called after each range, in events. Raises
    `RebuildOvertaken` when another rebuild begins before this one ends.
    """
    started = monotonic()
    scope = worker_scope("reporting", "rebuild")
    async with transaction(database, scope) as session:
        total = await commands.begin_rebuild(session)
    progress(0, total)
    for low in range(0, total, STEP):
        high = min(low + STEP, total)
        async with transaction(database, scope) as session:
            await commands.fold_shadow(session, low, high)
        progress(high, total)
    async with transaction(database, scope) as session:
        compared = await commands.finish_rebuild(session, total)
    return RebuildReport(total, monotonic() - started, compared)
