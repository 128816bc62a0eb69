"""Fixtures of every test: one PostgreSQL a run, one database a test, cloned from a migrated template."""

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from storeops.common.db import Database
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.embedded.postgres import EmbeddedPostgres
from storeops.common.logs import configure_logs
from storeops.common.migrating import migrate
from storeops.common.service import Service, installed_services
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness, open_harness
from storeops.common.testing.probe import LEASE, Probe, add_probe

APP_PASSWORD = "test-only"


class Cluster(NamedTuple):
    """The run's PostgreSQL and its migrated template."""

    admin_url: str
    folder: Path

    def url(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        """The address of one of its databases."""
        head, _, _ = self.admin_url.rpartition("/")
        if user is not None:
            scheme, _, rest = head.partition("://")
            head = f"{scheme}://{user}:{password}@{rest.rpartition('@')[2]}"
        return f"{head}/{database}"


def pytest_configure() -> None:
    configure_logs(os.environ.get("STOREOPS_LOG_LEVEL", "CRITICAL"))


@pytest.fixture(scope="session")
def services() -> dict[str, Service]:
    return installed_services()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, services: dict[str, Service]) -> Iterator[Cluster]:
    """One server for all workers of the run: the first to come starts it, the last to go stops it."""
    root = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        root = root.parent
    folder = root / "postgres"
    count = root / "postgres.users"
    server = EmbeddedPostgres(folder, database="template_storeops", settings={"fsync": "off", "max_connections": "300"})
    with locked(root / "postgres.lock"):
        users = int(count.read_text()) if count.exists() else 0
        if users == 0:
            asyncio.run(start(server, services))
            (root / "postgres.url").write_text(server.url)
        count.write_text(str(users + 1))
    yield Cluster((root / "postgres.url").read_text(), folder)
    with locked(root / "postgres.lock"):
        users = int(count.read_text()) - 1
        count.write_text(str(users))
    if users == 0 or server.pid is not None:
        asyncio.run(stop_when_last(server, count))


async def start(server: EmbeddedPostgres, services: dict[str, Service]) -> None:
    await server.start()
    try:
        await migrate(server.url, [(s.name, s.migrations) for s in services.values()], app_password=APP_PASSWORD)
    except BaseException:
        await server.stop(mode="immediate")
        raise


async def stop_when_last(server: EmbeddedPostgres, count: Path) -> None:
    """The worker that started the server ends it once the others are gone."""
    while int(count.read_text()) > 0:  # noqa: ASYNC240 - nothing else runs in this loop
        await asyncio.sleep(0.1)
    await server.stop(mode="immediate")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one broker for all workers of the run; topics and groups of a test carry a prefix of its own."""
    root = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        root = root.parent
    broker, count, address = EmbeddedKafka(root / "kafka"), root / "kafka.users", root / "kafka.address"
    with locked(root / "kafka.guard"):
        users = int(count.read_text()) if count.exists() else 0
        if users == 0:
            asyncio.run(broker.start())
            address.write_text(broker.bootstrap_servers)
        count.write_text(str(users + 1))
    yield address.read_text()
    with locked(root / "kafka.guard"):
        users = int(count.read_text()) - 1
        count.write_text(str(users))
    if broker.pid is not None:
        # Who started it ends it, once the others are gone; nobody needs its data.
        while int(count.read_text()) > 0:
            time.sleep(0.1)
        asyncio.run(broker.kill())


class locked:  # noqa: N801 - reads as a statement
    """A lock between the workers of a run."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.fixture
async def database_url(cluster: Cluster) -> AsyncIterator[str]:
    """A fresh, migrated database, as the application's login."""
    name = f"t_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(cluster.url("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template_storeops STRATEGY FILE_COPY")
        yield cluster.url(name, user="storeops_app", password=APP_PASSWORD)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url, data_dir=tmp_path, sandbox=True, service_secret="s" * 32, contact_key="c" * 32
    )


@pytest.fixture
async def harness(settings: Settings, services: dict[str, Service]) -> AsyncIterator[Harness]:
    """All services in one process; time and events move only when the test says so."""
    async with open_harness(settings, services) as opened:
        yield opened


@pytest.fixture
async def probe(cluster: Cluster, database_url: str) -> AsyncIterator[Probe]:
    """A service of two small tables in this test's database, for tests of the spine itself."""
    await add_probe(cluster.url(database_url.rpartition("/")[2]), cluster.url("postgres"))
    database = Database(database_url, worker_lease=LEASE)
    yield Probe(database)
    await database.close()
