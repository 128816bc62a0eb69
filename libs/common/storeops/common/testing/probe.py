"""A service of two small tables, for tests of the spine itself: it says things and notes what it hears.

Its events are `OrderAudited` with the key as order and the text in `by`, so that no event type exists for tests only.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from storeops.common.address import address_of
from storeops.common.contracts.base import Event
from storeops.common.contracts.orders import OrderAudited, OrderWaitAgreed
from storeops.common.db import Database, ReadSession, WriteSession, reading, transaction
from storeops.common.events import EventRouter
from storeops.common.outbox import publish
from storeops.common.scope import worker_scope
from storeops.common.spine import schema_ddl

SERVICE = "probe"
TOPIC = OrderAudited.topic
LEASE = 2.0
"""Seconds after which a silent owner loses its partitions in these tests."""
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

DDL = [
    *schema_ddl(SERVICE),
    "CREATE TABLE probe.thing (key text PRIMARY KEY, event_sequence bigint NOT NULL)",
    """CREATE TABLE probe.effect (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        consumer text NOT NULL,
        owner text NOT NULL,
        key text NOT NULL,
        note text NOT NULL
    )""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON probe.thing, probe.effect TO svc_probe, wrk_probe",
    "GRANT USAGE ON SCHEMA bus, sandbox TO wrk_probe",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bus TO wrk_probe",
    "GRANT SELECT, INSERT, UPDATE ON sandbox.clock TO wrk_probe",
]
ROLES_LOCK = 7_163_003
"""Roles belong to the whole server: two tests must not make them at once."""


async def add_probe(admin_url: str, maintenance_url: str) -> None:
    """Make the schema in a test's database; both addresses with the rights to make roles."""
    guard = await asyncpg.connect(address_of(maintenance_url).dsn)
    admin = await asyncpg.connect(address_of(admin_url).dsn)
    try:
        await guard.execute(f"SELECT pg_advisory_lock({ROLES_LOCK})")
        for statement in DDL:
            await admin.execute(statement)
    finally:
        await admin.close()
        await guard.close()


class Probe:
    """The probe in one test's database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def transaction(self) -> AbstractAsyncContextManager[WriteSession]:
        """A worker's transaction."""
        return transaction(self.database, worker_scope(SERVICE, "test"))

    def reading(self) -> AbstractAsyncContextManager[ReadSession]:
        """A worker's read-only transaction."""
        return reading(self.database, worker_scope(SERVICE, "test"))

    async def say(self, key: str, *notes: str) -> None:
        """Publish one event a note, in one transaction, sequences counting up."""
        async with self.transaction() as session:
            for note in notes:
                await say(session, key, note)

    async def count_up(self, key: str) -> None:
        """Publish one event whose note is its sequence."""
        async with self.transaction() as session:
            await say(session, key)

    async def say_something_else(self, key: str) -> None:
        """Publish an event of a type that `listener` does not handle."""
        async with self.transaction() as session:
            event = OrderWaitAgreed(order_id=key, store_id="sto_1", occurred_at=NOON, ticket_id="tkt_1")
            publish(session, event, sequence=await next_sequence(session, key))

    async def heard(self, group: str | None = None) -> dict[str, list[str]]:
        """What had its effect: the notes of each key in order."""
        heard: dict[str, list[str]] = {}
        for key, note, _ in await self.effects(group):
            heard.setdefault(key, []).append(note)
        return heard

    async def effects(self, group: str | None = None) -> Sequence[tuple[str, str, str]]:
        """Key, note and owner of every effect, in order."""
        async with self.reading() as session:
            rows = await session.fetch(
                "SELECT key, note, owner FROM probe.effect WHERE $1::text IS NULL OR consumer = $1 ORDER BY id", group
            )
        return [tuple(row) for row in rows]

    async def rows(self, table: str) -> int:
        """Rows of a table of the spine."""
        async with self.reading() as session:
            return await session.fetchval(f"SELECT count(*) FROM {SERVICE}.{table}")


async def next_sequence(session: WriteSession, key: str) -> int:
    """Lock the key's row and count on."""
    return await session.fetchval(
        "INSERT INTO probe.thing AS held VALUES ($1, 1) ON CONFLICT (key) "
        "DO UPDATE SET event_sequence = held.event_sequence + 1 RETURNING event_sequence",
        key,
    )


async def say(session: WriteSession, key: str, note: str | None = None) -> None:
    """Publish one event beside its change; its note is its sequence unless given."""
    sequence = await next_sequence(session, key)
    event = OrderAudited(order_id=key, store_id="sto_1", occurred_at=NOON, by=note or str(sequence))
    publish(session, event, sequence=sequence)


def listener(
    group: str, *, owner: str = "", batch: int = 0, refuse: Callable[[OrderAudited], Any] = lambda _event: None
) -> EventRouter:
    """A group that notes what it hears; `refuse` may raise."""
    router = EventRouter(group)

    async def note_all(session: WriteSession, events: Sequence[OrderAudited]) -> None:
        for event in events:
            refuse(event)
        await session.fetch(
            "INSERT INTO probe.effect (consumer, owner, key, note) "
            "SELECT $1, $2, key, note FROM unnest($3::text[], $4::text[]) AS t(key, note)",
            group,
            owner,
            [event.order_id for event in events],
            [event.by for event in events],
        )

    async def note(session: WriteSession, event: Event) -> None:
        assert isinstance(event, OrderAudited)
        await note_all(session, [event])

    router.on(OrderAudited, batch=batch)(note_all if batch else note)
    return router
