"""An installation of real processes that faults may hit: started as people start it, restarted as a supervisor would.

`whole` is one `storeops serve` on its embedded PostgreSQL; `split` is two API and two worker processes on one;
`split-kafka` is the same on a real broker, `kafka` is a process per service on one.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import asyncpg
import httpx2
from storeops.app.installation import migrations_of
from storeops.common.bus.base import Bus
from storeops.common.db import Database
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.embedded.postgres import EmbeddedPostgres, url_of_running
from storeops.common.embedded.process import HOST, ServerProcess, find_running, free_port, spawn
from storeops.common.migrating import migrate
from storeops.common.runtime import make_bus, topics_of
from storeops.common.service import Service, installed_services
from storeops.common.settings import Settings
from storeops.common.signals import Signals
from storeops.common.testing.processes import ByOwner, is_ready

from .quiet import come_to_rest

Variant = Literal["whole", "split", "split-kafka", "kafka"]
LEASE = 3.0
PARTITIONS = 4
PATIENCE = 40.0
"""Seconds without any progress, all processes being ready, after which what is under way is stuck."""
OWNER_PASSWORD = "correct horse battery staple"
APP_PASSWORD = "test-only"


class Unit:
    """One process of the installation, kept running by `Ground.keep`."""

    def __init__(self, name: str, words: Sequence[str], port: int, folder: Path) -> None:
        self.name = name
        self.words = list(words)
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.log = folder / f"{name}.log"
        self.process: ServerProcess | None = None
        self.fault: str | None = None
        """The point at which it dies next (`STOREOPS_FAULT`); its successor has none."""
        self.held = False
        """Stays down until somebody starts it again."""
        self.deaths = 0

    @property
    def serves_api(self) -> bool:
        """Whether clients may ask it."""
        return "worker" not in self.words


class Turns(httpx2.AsyncBaseTransport):
    """Sends requests to several addresses in turn, as a load balancer does."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [httpx2.URL(url) for url in urls]
        self._turn = 0
        self._network = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_connections=400))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it to whose turn it is."""
        self._turn += 1
        url = self._urls[self._turn % len(self._urls)]
        request.url = request.url.copy_with(host=url.host, port=url.port)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._network.aclose()


class Ground:
    """The installation, its servers and what a test needs to look at it."""

    def __init__(self, variant: Variant, folder: Path, command: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.variant: Variant = variant
        self.folder = folder
        self.services: Mapping[str, Service] = installed_services()
        self.units: list[Unit] = []
        self.postgres: EmbeddedPostgres | None = None
        self.kafka: EmbeddedKafka | None = None
        self.environment: dict[str, str] = {}
        self.poisoned: set[str] = set()
        """Keys of the messages that were made to fail."""
        self.began: datetime | None = None
        """Business time before the first load."""
        self._command = list(command)

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "postgres" / "data"

    @property
    def deaths(self) -> int:
        """How often a process died and was started again."""
        return sum(unit.deaths for unit in self.units)

    @property
    def admin_url(self) -> str:
        """The database as the superuser."""
        url = url_of_running(self.folder / "postgres")
        assert url is not None
        return url

    @property
    def url(self) -> str:
        """The database as the application."""
        password = APP_PASSWORD
        if self.variant == "whole":
            password = (self.folder / "secrets" / "database").read_text().strip()
        return f"postgresql://storeops_app:{password}@{self.admin_url.rpartition('@')[2]}"

    @property
    def postmaster(self) -> int:
        """PostgreSQL's process id, as it wrote it down."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def launch(self, unit: Unit) -> None:
        """Start a unit's process, with its fault if it has one."""
        environment = dict(self.environment)
        if unit.fault is not None:
            environment["STOREOPS_FAULT"] = unit.fault
            unit.fault = None
        unit.process = spawn([*self._command, *unit.words, "--port", str(unit.port)], unit.log, env=environment)

    async def keep(self) -> None:
        """Start again what died, after a moment, until cancelled."""
        while True:
            for unit in self.units:
                if unit.process is not None and not unit.process.alive and not unit.held:
                    unit.deaths += 1
                    await asyncio.sleep(0.2)
                    self.launch(unit)
            await asyncio.sleep(0.05)

    async def until_ready(self, units: Sequence[Unit] | None = None) -> None:
        """Return once every unit says that it is ready."""
        async with asyncio.timeout(120), httpx2.AsyncClient() as client:
            for unit in units or self.units:
                while not await is_ready(client, unit.url):
                    await asyncio.sleep(0.05)

    async def until_ready_or_dead(self, unit: Unit) -> None:
        """Return once a unit says that it is ready, or has died again."""
        deaths = unit.deaths
        async with httpx2.AsyncClient() as client:
            while unit.deaths == deaths and not await is_ready(client, unit.url):
                await asyncio.sleep(0.05)

    def client(self) -> httpx2.AsyncClient:
        """A client on the whole installation, not signed in."""
        if self.variant == "kafka":
            transport: httpx2.AsyncBaseTransport = ByOwner(
                self.services, {unit.words[0]: unit.url for unit in self.units}
            )
        else:
            transport = Turns([unit.url for unit in self.units if unit.serves_api])
        return httpx2.AsyncClient(transport=transport, base_url="http://storeops", timeout=20.0)

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[Database]:
        """The installation's database, for the doctor's eyes."""
        database = Database(self.url, size=4, sandbox=True)
        try:
            yield database
        finally:
            await database.close()

    @asynccontextmanager
    async def bus(self, database: Database) -> AsyncGenerator[Bus]:
        """The installation's bus as one more process sees it."""
        settings = Settings(partitions=PARTITIONS, lease=LEASE)
        if self.kafka is not None:
            settings = settings.model_copy(update={"bus": "kafka", "kafka": self.kafka.bootstrap_servers})
        bus = make_bus(settings, database, Signals(database, shared=False))
        await bus.open(topics_of(settings))
        try:
            yield bus
        finally:
            await bus.close()

    async def settle(self) -> None:
        """Return once nothing is under way any more; raises `NotQuiet` saying what is."""
        async with self.database() as database, self.bus(database) as bus:
            await come_to_rest(database, bus, list(self.services), patience=PATIENCE)


COMMAND = [sys.executable, "-m", "storeops.app", "serve"]


@asynccontextmanager
async def opened(
    variant: Variant, folder: Path, *, command: Sequence[str] = COMMAND, apis: int = 2, workers: int = 2
) -> AsyncGenerator[Ground]:
    """An installation that runs and is kept running until the block ends."""
    ground = Ground(variant, folder, command)
    async with AsyncExitStack() as stack:
        ground.environment = environment_of(folder)
        if variant != "whole":
            await start_servers(ground, stack)
        ground.units = units_of(variant, folder, apis=apis, workers=workers)
        if variant == "kafka":
            ground.environment |= {f"STOREOPS_{unit.name.upper()}_URL": unit.url for unit in ground.units}
        stack.push_async_callback(end_units, ground)
        for unit in ground.units:
            ground.launch(unit)
        keeper = asyncio.create_task(ground.keep())
        stack.push_async_callback(cancelled, keeper)
        await ground.until_ready()
        yield ground


def environment_of(folder: Path) -> dict[str, str]:
    """What every process of the installation is told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")}
    return kept | {
        "STOREOPS_DATA_DIR": str(folder),
        "STOREOPS_SANDBOX": "true",
        "STOREOPS_OWNER_PASSWORD": OWNER_PASSWORD,
        "STOREOPS_SERVICE_SECRET": secrets.token_hex(16),
        "STOREOPS_CONTACT_KEY": secrets.token_hex(16),
        "STOREOPS_LEASE": str(LEASE),
        "STOREOPS_PARTITIONS": str(PARTITIONS),
        "STOREOPS_POOL_SIZE": "10",
        "STOREOPS_LOG_LEVEL": "WARNING",
    }


def variant_on_kafka(variant: Variant) -> bool:
    """Whether its bus is Kafka."""
    return "kafka" in variant


async def start_servers(ground: Ground, stack: AsyncExitStack) -> None:
    """PostgreSQL, supervised, and for `kafka` a broker: outside of the processes of the installation."""
    ground.postgres = await stack.enter_async_context(EmbeddedPostgres(ground.folder / "postgres"))
    await migrate(ground.postgres.url, migrations_of(ground.services), app_password=APP_PASSWORD)
    supervisor = asyncio.create_task(ground.postgres.supervise())
    stack.push_async_callback(cancelled, supervisor)
    ground.environment["STOREOPS_DATABASE_URL"] = ground.url
    if variant_on_kafka(ground.variant):
        ground.kafka = EmbeddedKafka(ground.folder / "kafka")
        await ground.kafka.start()
        stack.push_async_callback(ground.kafka.kill)
        ground.environment |= {"STOREOPS_BUS": "kafka", "STOREOPS_KAFKA": ground.kafka.bootstrap_servers}


def units_of(variant: Variant, folder: Path, *, apis: int, workers: int) -> list[Unit]:
    """The processes of a variant."""
    if variant == "whole":
        return [Unit("whole", [], free_port(), folder)]
    if variant != "kafka":
        return [
            *(Unit(f"api-{n}", ["--role", "api"], free_port(), folder) for n in range(apis)),
            *(Unit(f"worker-{n}", ["--role", "worker"], free_port(), folder) for n in range(workers)),
        ]
    return [Unit(name, [name], free_port(), folder) for name in installed_services()]


async def end_units(ground: Ground) -> None:
    """End every process, in good order where possible; a paused one is let go on first."""
    for unit in ground.units:
        unit.held = True
        if unit.process is not None:
            unit.process.send(signal.SIGCONT)
    running = [unit.process for unit in ground.units if unit.process is not None]
    await asyncio.gather(*(process.end(signal.SIGTERM, patience=15) for process in running))
    with suppress(FileNotFoundError):
        left = find_running(ground.postmaster, str(ground.data)) if ground.variant == "whole" else None
        if left is not None:
            await left.end(signal.SIGQUIT, patience=15)


async def cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def admin_of(ground: Ground) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection as the superuser."""
    return await asyncpg.connect(ground.admin_url)
