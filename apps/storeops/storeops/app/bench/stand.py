"""The test stand: one PostgreSQL for everything that is compared, an installation on it, and the load's process.

Owns the processes, the databases and the addresses; measures nothing and knows no figure.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import httpx2
import orjson

from storeops.app.bench import raw
from storeops.app.bench.load import Job, Load
from storeops.app.installation import OWNER_LOGIN, embedded, migrations_of, owner_password
from storeops.common.clock import monotonic
from storeops.common.embedded.postgres import EmbeddedPostgres, binary
from storeops.common.embedded.process import HOST
from storeops.common.migrating import migrate
from storeops.common.runtime import kept_secret
from storeops.common.service import installed_services
from storeops.common.settings import Settings
from storeops.common.testing.processes import Serving, start, stop_services, until_ready

RAW = "raw"
"""The database of the raw limits, beside ours on the same server."""
SERVE = (sys.executable, "-m", "storeops.app", "serve")
DRAINED_WITHIN = 120.0
LOOK_AGAIN = 0.005
PGBENCH = re.compile(r"actually processed: (?P<done>[0-9]+).*^tps = (?P<rate>[0-9.]+)", re.MULTILINE | re.DOTALL)


class BenchBroken(Exception):
    """What was to be measured did not happen as it should; says what came instead."""


class Size(NamedTuple):
    """How much is measured."""

    rounds: int
    seconds: float
    """Of one round at one concurrency."""
    orders: int
    """Of one run of batches or of allocations."""
    events: int
    days: int | None
    """Days of the replay; None: the whole year."""
    warm: int
    """Orders before anything is measured, in each of three parts."""


FULL = Size(rounds=3, seconds=6.0, orders=10_000, events=20_000, days=None, warm=300)
QUICK = Size(rounds=1, seconds=2.0, orders=2_000, events=4_000, days=14, warm=200)


class Stand(NamedTuple):
    """Everything that figures are measured on."""

    folder: Path
    server: EmbeddedPostgres
    admin: "asyncpg.Connection[asyncpg.Record]"
    """A superuser's connection to our database."""
    settings: Settings
    size: Size

    @property
    def environment(self) -> dict[str, str]:
        """What a process of ours needs to know."""
        return environment(self.folder) | {
            "STOREOPS_DATABASE_URL": str(self.settings.database_url),
            raw.ADDRESS: self.server.url_of(RAW),
        }

    @property
    def server_id(self) -> int:
        """PostgreSQL's process."""
        assert self.server.pid is not None
        return self.server.pid


class Shop(NamedTuple):
    """An installation that serves, and the shop in it that the load buys from."""

    processes: Sequence[Serving]
    token: str
    store_id: str

    @property
    def url(self) -> str:
        """Where it answers requests."""
        return self.processes[0].url

    @property
    def ids(self) -> list[int]:
        """Its processes."""
        return [serving.process.pid for serving in self.processes]

    def job(self, **job: Any) -> Job:
        """A job at this shop."""
        return Job(port=port_of(self.url), token=self.token, store_id=self.store_id, **job)


def port_of(url: str) -> int:
    """The port of an address."""
    port = urlsplit(url).port
    assert port is not None
    return port


def environment(folder: Path) -> dict[str, str]:
    """The caller's environment without its settings of StoreOps, for processes whose data lies in `folder`."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")}
    return plain | {"STOREOPS_DATA_DIR": str(folder), "STOREOPS_LOG_LEVEL": "WARNING"}


@asynccontextmanager
async def standing(folder: Path, size: Size) -> AsyncGenerator[Stand]:
    """A stand that begins anew in `folder`: our database migrated, the raw one filled."""
    begin_anew(folder)
    async with EmbeddedPostgres(folder / "postgres") as server:
        settings = Settings(data_dir=folder)
        password = kept_secret(settings, None, "database")
        await migrate(server.url, migrations_of(installed_services()), app_password=password)
        admin = await asyncpg.connect(server.url)
        try:
            await admin.execute(f"CREATE DATABASE {RAW}")
            await fill_raw(server.url_of(RAW))
            yield Stand(folder, server, admin, embedded(settings, server.url), size)
        finally:
            await admin.close()


def begin_anew(folder: Path) -> None:
    """An empty folder, whatever was in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


async def fill_raw(url: str) -> None:
    """Make the raw tables."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(raw.SCHEMA)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


@asynccontextmanager
async def serving(stand: Stand, *, apart: bool = False) -> AsyncGenerator[Sequence[Serving]]:
    """`storeops serve` on the stand's database: one process, or `apart` one for the API and one for the workers.

    The first one answers requests.
    """
    roles = ("api", "worker") if apart else ("all",)
    processes = [start(role, [*SERVE, "--role", role], stand.environment, stand.folder) for role in roles]
    async with ready(processes):
        yield processes


@asynccontextmanager
async def serving_raw(stand: Stand) -> AsyncGenerator[Serving]:
    """The raw endpoint."""
    process = start("raw", [sys.executable, "-m", raw.__name__], stand.environment, stand.folder)
    async with ready([process]):
        yield process


@asynccontextmanager
async def ready(processes: Sequence[Serving]) -> AsyncGenerator[None]:
    """Wait until processes are ready, and end them when the block ends."""
    try:
        await until_ready(processes)
        yield
    finally:
        await stop_services(processes)


async def sign_in(url: str, folder: Path) -> str:
    """A token of the first owner of the installation in `folder`."""
    password = owner_password(Settings(data_dir=folder))
    body = {"grant_type": "password", "login": OWNER_LOGIN, "password": password}
    async with httpx2.AsyncClient(base_url=url) as client:
        answer = await client.post("/v1/tokens", json=body)
    return answer.raise_for_status().json()["access_token"]


async def put_load(job: Job) -> Load:
    """Do a job in a process of its own; raises `BenchBroken` when an answer was not what an order wants."""
    command = [sys.executable, "-m", "storeops.app.bench.load"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(orjson.dumps(job._asdict()))
    if process.returncode:
        message = f"the load {job.name} ended with {process.returncode}"
        raise BenchBroken(message)
    load = Load(**orjson.loads(said))
    if load.unexpected:
        message = f"{job.name}: {load.unexpected} answers were not as they should be, such as {load.example}"
        raise BenchBroken(message)
    return load


async def pgbench(stand: Stand, script: str, *, clients: int, seconds: float) -> tuple[float, int]:
    """Transactions a second of a script on the raw database, and how many there were."""
    file = stand.folder / "script.pgb"
    file.write_text(script)
    address = urlsplit(stand.server.url_of(RAW))
    options = ["-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(max(1, int(seconds)))]
    place = ["-h", HOST, "-p", str(address.port), "-U", str(address.username), "-f", str(file), RAW]
    process = await asyncio.create_subprocess_exec(
        binary("pgbench"),
        *options,
        *place,
        env={**stand.environment, "PGPASSWORD": str(address.password)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    found = PGBENCH.search(said.decode())
    if process.returncode or found is None:
        raise BenchBroken(f"pgbench ended with {process.returncode}: {(said + complaints).decode()[-500:]}")
    return float(found["rate"]), int(found["done"])


async def drained(stand: Stand) -> float:
    """Wait until every event has been handled by every group; answers the instant at which that was seen."""
    outboxes = " OR ".join(f"(SELECT min(id) FROM {name}.outbox) IS NOT NULL" for name in installed_services())
    under_way = (
        f"SELECT {outboxes} OR EXISTS (SELECT FROM bus.group_offset AS g JOIN bus.partition AS p "
        "USING (topic, partition) WHERE g.next_offset < p.next_offset)"
    )
    until = monotonic() + DRAINED_WITHIN
    while await stand.admin.fetchval(under_way):
        if monotonic() > until:
            raise BenchBroken(f"events were still under way after {DRAINED_WITHIN:g} s")
        await asyncio.sleep(LOOK_AGAIN)
    return monotonic()


async def analyse(stand: Stand) -> None:
    """Tell the planner what is in the tables; never about empty ones, for whose plans it would then be blind."""
    tables = await stand.admin.fetch(
        "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables WHERE pg_relation_size(relid) > 0"
    )
    await stand.admin.execute(f"ANALYZE {', '.join(row[0] for row in tables)}")
