"""An installation on this machine: its settings, its embedded PostgreSQL when none is given, its first owner."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from storeops.app.console import measured
from storeops.common.db import Database, transaction
from storeops.common.embedded.postgres import EmbeddedPostgres, url_of_running
from storeops.common.embedded.process import FolderInUse
from storeops.common.migrating import migrate
from storeops.common.runtime import ConfigurationRefused, Parts, kept_secret, open_databases
from storeops.common.sandbox import is_sandbox
from storeops.common.scope import worker_scope
from storeops.common.service import Service, installed_services
from storeops.common.settings import Settings
from storeops.common.spine import APP_LOGIN
from storeops.platform.staff.commands import ensure_owner
from storeops.platform.staff.errors import FirstOwnerInvalid

OWNER_LOGIN = "admin"
OWNER_PASSWORD = "STOREOPS_OWNER_PASSWORD"  # noqa: S105 - the name of the setting, not its value


class Ground(NamedTuple):
    """What the processes stand on: settings with a database, and the embedded server if there is one."""

    settings: Settings
    server: EmbeddedPostgres | None


@asynccontextmanager
async def grounded(settings: Settings) -> AsyncGenerator[Ground]:
    """Settings with a database that answers: the given one, or the embedded one, started and migrated."""
    if settings.database_url is not None:
        yield Ground(settings, None)
        return
    password = kept_secret(settings, None, "database")
    async with EmbeddedPostgres(settings.data_dir / "postgres") as server:
        with measured("Making schemas", "services") as bar:
            await migrate(server.url, migrations_of(installed_services()), app_password=password, tell=bar.tell)
        watch = asyncio.create_task(server.supervise())
        try:
            yield Ground(embedded(settings, server.url), server)
        finally:
            watch.cancel()


@asynccontextmanager
async def visited(settings: Settings) -> AsyncGenerator[Ground]:
    """The ground of an installation that may be running: its own server is used, and started only if it is down."""
    if settings.database_url is not None:
        yield Ground(settings, None)
        return
    try:
        async with grounded(settings) as ground:
            yield ground
    except FolderInUse as error:
        admin = url_of_running(settings.data_dir / "postgres")
        if admin is None:
            message = f"{error}; or wait until it has started"
            raise ConfigurationRefused(message) from error
        yield Ground(embedded(settings, admin), None)


@asynccontextmanager
async def inspected(settings: Settings) -> AsyncGenerator[Mapping[str, Database]]:
    """Every service's database, for a command that looks at an installation while it may be running.

    Business time is the installation's own, a sandbox's or the machine's. Raises `ConfigurationRefused` where nothing
    is installed.
    """
    if settings.database_url is None and not (settings.data_dir / "postgres" / "data").exists():
        message = f"nothing is installed in {settings.data_dir}: set STOREOPS_DATA_DIR or STOREOPS_DATABASE_URL"
        raise ConfigurationRefused(message)
    services = list(installed_services())
    async with visited(settings) as ground:
        databases = open_databases(ground.settings, services, services)
        try:
            for database in set(databases.values()):
                database.sandbox = await is_sandbox(database)
            yield databases
        finally:
            for database in set(databases.values()):
                await database.close()


def embedded(settings: Settings, admin_url: str) -> Settings:
    """Settings with the embedded server's addresses: for whoever migrates, and for the application's own login."""
    url = f"postgresql://{APP_LOGIN}:{kept_secret(settings, None, 'database')}@{admin_url.rpartition('@')[2]}"
    return settings.model_copy(update={"database_url": url, "admin_database_url": admin_url})


def migrations_of(services: Mapping[str, Service]) -> list[tuple[str, str]]:
    """Names and script locations, in the order of migration."""
    return [(service.name, service.migrations) for service in services.values()]


def owner_password(settings: Settings) -> str:
    """The first owner's password: the environment's, or the one kept in the data folder."""
    return kept_secret(settings, os.environ.get(OWNER_PASSWORD), "owner")


async def first_owner(parts: Parts) -> str | None:
    """Make the owner of an empty installation; answers where the password lies, or None when people are there already.

    Raises `ConfigurationRefused` for a password that does not do.
    """
    if "platform" not in parts.services:
        return None
    password = owner_password(parts.settings)
    try:
        async with transaction(parts.databases["platform"], worker_scope("platform", "installer")) as session:
            made = await ensure_owner(session, login=OWNER_LOGIN, password=password)
    except FirstOwnerInvalid as error:
        message = f"{OWNER_PASSWORD} does not do: {error}"
        raise ConfigurationRefused(message) from error
    if made is None:
        return None
    return OWNER_PASSWORD if OWNER_PASSWORD in os.environ else str(parts.settings.data_dir / "secrets" / "owner")
