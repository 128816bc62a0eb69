"""Invariants: what must hold of a live system, each a query that returns the rows that break it.

The same checks run after every fault test and in `storeops doctor`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from storeops.common.db import Database, ReadSession, reading
from storeops.common.scope import worker_scope

Check = Callable[[ReadSession], Awaitable[Sequence[Any]]]
SHOWN = 5


class Invariant(NamedTuple):
    """A sentence that must be true, its source (I1 … I14, a rule id), and how to find what breaks it."""

    id: str
    sentence: str
    check: Check


class Finding(NamedTuple):
    """What became of one check."""

    service: str
    id: str
    sentence: str
    broken: int
    examples: list[str]


async def examine(database: Database, service: str, invariants: Sequence[Invariant]) -> list[Finding]:
    """Run a service's checks; a finding with `broken` 0 is good."""
    findings: list[Finding] = []
    for invariant in (*invariants, *spine_invariants(service)):
        async with reading(database, worker_scope(service, "doctor")) as session:
            rows = await invariant.check(session)
        examples = [str(tuple(row)) for row in rows[:SHOWN]]
        findings.append(Finding(service, invariant.id, invariant.sentence, len(rows), examples))
    return findings


def spine_invariants(service: str) -> list[Invariant]:
    """What must hold in every schema."""

    async def early(session: ReadSession) -> Sequence[Any]:
        return await session.fetch(
            f"SELECT kind, key, due_at, fired_at FROM {service}.timer WHERE state = 'fired' AND fired_at < due_at"
        )

    async def overdue(session: ReadSession) -> Sequence[Any]:
        now = await session.now()
        return await session.fetch(
            f"SELECT kind, key, due_at FROM {service}.timer "
            "WHERE state = 'armed' AND due_at < $1::timestamptz - interval '1 hour'",
            now,
        )

    async def parked(session: ReadSession) -> Sequence[Any]:
        return await session.fetch(f"SELECT consumer, type, key, error FROM {service}.parked")

    return [
        Invariant("I4", "no timer fired before it was due", early),
        Invariant("I10", "no deadline is an hour past and still waits", overdue),
        Invariant("I8", "no message is parked", parked),
    ]
