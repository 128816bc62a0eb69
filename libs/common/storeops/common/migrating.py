"""Migrations: the bus and the sandbox clock first, then each service's own Alembic history, under one lock.

Runs as a role that may create schemas and roles; the application's login (`storeops_app`) owns nothing and bypasses
nothing.
"""

import asyncio
from collections.abc import Callable, Iterable

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from storeops.common.address import address_of
from storeops.common.bus import postgres as bus
from storeops.common.spine import APP_LOGIN, SPINE_TABLES, role_ddl

LOCK = 7_163_002
"""The advisory lock of migrations."""

SANDBOX = [
    "CREATE SCHEMA IF NOT EXISTS sandbox",
    """CREATE TABLE IF NOT EXISTS sandbox.clock (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        now timestamptz NOT NULL,
        target timestamptz NOT NULL CHECK (target >= now),
        playing boolean NOT NULL DEFAULT false,
        figures boolean NOT NULL DEFAULT false
    )""",
    "ALTER TABLE sandbox.clock ADD COLUMN IF NOT EXISTS blocked_by text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE sandbox.clock ADD COLUMN IF NOT EXISTS stops text NOT NULL DEFAULT 'due'",
]


async def migrate(
    url: str,
    services: Iterable[tuple[str, str]],
    *,
    app_password: str | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Bring every schema to its head; answers the services. `services` are (name, script location).

    With `app_password` the login `storeops_app` is made or given that password. `tell` hears how many are done.
    """
    names = list(services)
    address = address_of(url)
    engine = create_async_engine(
        address.engine_url, poolclass=NullPool, connect_args=address.options, hide_parameters=True
    )
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            await connection.run_sync(prepare, app_password)
            for done, (name, scripts) in enumerate(names, start=1):
                await connection.run_sync(upgrade, name, scripts)
                if tell is not None:
                    tell(done, len(names))
            await connection.run_sync(grant_bus, [name for name, _ in names])
            await connection.commit()
    finally:
        await engine.dispose()
    return [name for name, _ in names]


def prepare(connection: Connection, app_password: str | None) -> None:
    """Make the application's login, the bus and the sandbox clock."""
    connection.execute(text(role_ddl(APP_LOGIN)))
    if app_password is not None:
        quoted = app_password.replace("'", "''")
        connection.execute(text(f"ALTER ROLE {APP_LOGIN} LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS PASSWORD '{quoted}'"))
    if not connection.execute(text("SELECT to_regclass('bus.message')")).scalar():
        for statement in bus.DDL:
            connection.execute(text(statement))
    for statement in SANDBOX:
        connection.execute(text(statement))
    connection.commit()


def upgrade(connection: Connection, name: str, scripts: str) -> None:
    """One service's history to its head."""
    config = Config()
    config.set_main_option("script_location", scripts)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["service"] = name
    command.upgrade(config, "head")
    connection.commit()


def grant_bus(connection: Connection, services: Iterable[str]) -> None:
    """Let workers write the log and everyone read the sandbox clock; the application's login runs the log itself."""
    for role in (APP_LOGIN, *(f"wrk_{name}" for name in services)):
        connection.execute(text(f"GRANT USAGE ON SCHEMA bus, sandbox TO {role}"))
        connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bus TO {role}"))
        connection.execute(text(f"GRANT SELECT, INSERT, UPDATE ON sandbox.clock TO {role}"))
    for name in services:
        # The sandbox clock and the gauges look at every queue; queues hold ids and facts, no personal data.
        connection.execute(text(f"GRANT USAGE ON SCHEMA {name} TO {APP_LOGIN}"))
        connection.execute(text(f"GRANT SELECT ON {name}.outbox, {name}.timer TO {APP_LOGIN}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA sandbox TO svc_{name}"))
        connection.execute(text(f"GRANT SELECT ON sandbox.clock TO svc_{name}"))


def run_env(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` does: run its scripts on the connection that `upgrade` opened."""
    config = context.config
    connection: Connection = config.attributes["connection"]
    schema: str = config.attributes["service"]
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table="migration",
        version_table_schema=schema,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == schema,
        include_object=lambda _object, name, kind, _reflected, _to: (
            kind != "table" or name not in (*SPINE_TABLES, "migration")
        ),
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_now(url: str, services: Iterable[tuple[str, str]], *, app_password: str | None = None) -> list[str]:
    """`migrate` for callers outside an event loop."""
    return asyncio.run(migrate(url, services, app_password=app_password))
