"""An installation on this machine: its settings, its embedded PostgreSQL when none is given, its first owner."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from storeops.common.db import transaction
from storeops.common.embedded.postgres import EmbeddedPostgres, url_of_running
from storeops.common.embedded.process import FolderInUse
from storeops.common.migrating import migrate
from storeops.common.runtime import Parts, kept_secret
from storeops.common.scope import worker_scope
from storeops.common.service import Service, installed_services
from storeops.common.settings import Settings
from storeops.common.spine import APP_LOGIN
from storeops.platform.staff.commands import ensure_owner

OWNER_LOGIN = "admin"


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
        await migrate(server.url, migrations_of(installed_services()), app_password=password)
        watch = asyncio.create_task(server.supervise())
        host = server.url.rpartition("@")[2]
        url = f"postgresql://{APP_LOGIN}:{password}@{host}"
        try:
            yield Ground(settings.model_copy(update={"database_url": url, "admin_database_url": server.url}), server)
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
    except FolderInUse:
        admin = url_of_running(settings.data_dir / "postgres")
        assert admin is not None
        url = f"postgresql://{APP_LOGIN}:{kept_secret(settings, None, 'database')}@{admin.rpartition('@')[2]}"
        yield Ground(settings.model_copy(update={"database_url": url, "admin_database_url": admin}), None)


def migrations_of(services: Mapping[str, Service]) -> list[tuple[str, str]]:
    """Names and script locations, in the order of migration."""
    return [(service.name, service.migrations) for service in services.values()]


async def first_owner(parts: Parts) -> str | None:
    """Make the owner of an empty installation; answers the password, or None when people are there already."""
    if "platform" not in parts.services:
        return None
    password = kept_secret(parts.settings, os.environ.get("STOREOPS_OWNER_PASSWORD"), "owner")
    async with transaction(parts.databases["platform"], worker_scope("platform", "installer")) as session:
        made = await ensure_owner(session, login=OWNER_LOGIN, password=password)
    return password if made else None
