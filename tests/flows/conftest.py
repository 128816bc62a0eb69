"""Flows run through every service, over the public API, with time played forward; after each, every invariant holds.

Each runs twice: on the PostgreSQL bus in one process, moved by hand, and on Kafka with every service a process of its
own, moved by the sandbox clock. All flows share those processes, each with a store of its own.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

import asyncpg
import httpx2
import pytest
from storeops.common.db import Database
from storeops.common.doctor import examine
from storeops.common.service import Service
from storeops.common.testing.harness import Harness
from storeops.common.testing.processes import Serving, client_of, start_services, stop_services
from storeops.common.testing.shop import HarnessTime, SandboxTime, Shop, Time, open_shop

from ..conftest import APP_PASSWORD, Cluster  # noqa: TID252 - tests have no package to name

OWNER_PASSWORD = "correct horse battery staple"


class Installation(NamedTuple):
    """Six processes on Kafka, and their database."""

    running: list[Serving]
    database_url: str
    kafka: str
    prefix: str
    """Of its topics."""


class Ground(NamedTuple):
    """What a flow runs on, however it is run."""

    client: httpx2.AsyncClient
    time: Time
    databases: Mapping[str, Database]


@pytest.fixture(scope="session")
def processes(
    cluster: Cluster, kafka: str, services: dict[str, Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Every service as `storeops serve` runs it, on a database and topics of their own."""
    name = f"t_{secrets.token_hex(6)}"
    asyncio.run(execute(cluster, f"CREATE DATABASE {name} TEMPLATE template_storeops STRATEGY FILE_COPY"))
    folder = tmp_path_factory.mktemp("processes")
    database_url = cluster.url(name, user="storeops_app", password=APP_PASSWORD)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")} | {
        "STOREOPS_DATA_DIR": str(folder),
        "STOREOPS_DATABASE_URL": database_url,
        "STOREOPS_BUS": "kafka",
        "STOREOPS_KAFKA": kafka,
        "STOREOPS_TOPIC_PREFIX": f"{name}.",
        "STOREOPS_SANDBOX": "true",
        "STOREOPS_SERVICE_SECRET": secrets.token_hex(16),
        "STOREOPS_CONTACT_KEY": secrets.token_hex(16),
        "STOREOPS_OWNER_PASSWORD": OWNER_PASSWORD,
        "STOREOPS_POOL_SIZE": "8",
        "STOREOPS_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "storeops.app", "serve"]
    running = asyncio.run(start_services(command, list(services), environment, folder))
    try:
        yield Installation(running, database_url, kafka, f"{name}.")
    finally:
        asyncio.run(stop_services(running))
        asyncio.run(execute(cluster, f"DROP DATABASE {name} WITH (FORCE)"))


async def execute(cluster: Cluster, sql: str) -> None:
    """One statement with the rights to make databases."""
    connection = await asyncpg.connect(cluster.url("postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(
    params=[
        "one-process",
        pytest.param("kafka-processes", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka-processes")]),
    ]
)
def place(request: pytest.FixtureRequest) -> Harness | Installation:
    """Where the flow runs."""
    return request.getfixturevalue("harness" if request.param == "one-process" else "processes")


@pytest.fixture
async def ground(place: Harness | Installation, services: dict[str, Service]) -> AsyncIterator[Ground]:
    """The owner's client, business time, and the databases to examine."""
    async with AsyncExitStack() as stack:
        if isinstance(place, Harness):
            yield Ground(await place.client(), HarnessTime(place), place.parts.databases)
            return
        database = Database(place.database_url, sandbox=True)
        stack.push_async_callback(database.close)
        signed_in = client_of(services, place.running, login="admin", password=OWNER_PASSWORD)
        client = await stack.enter_async_context(signed_in)
        yield Ground(client, SandboxTime(client), dict.fromkeys(services, database))


@pytest.fixture
async def shop(ground: Ground, services: dict[str, Service]) -> AsyncIterator[Shop]:
    """A store that has tea to sell."""
    shop = await open_shop(ground.client, ground.time)
    await shop.receive({"TEA-250": 10})
    await shop.offer("TEA-250")
    yield shop
    await shop.advance()
    for name, service in services.items():
        findings = await examine(ground.databases[name], name, service.invariants)
        assert [finding for finding in findings if finding.broken] == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes said last beside the failure of a flow that ran on them."""
    report = yield
    place = getattr(item, "funcargs", {}).get("place")
    if report.failed and isinstance(place, Installation):
        report.sections += [(f"log of {serving.name}", serving.tail) for serving in place.running]
    return report
