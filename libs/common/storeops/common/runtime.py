"""Puts services and roles together into one running process, and takes them apart again in reverse order.

What runs is data: which services, which roles, where the peers are. A part that fails for a reason that does not pass
ends the process; whoever started it starts it again.
"""

import asyncio
import gc
import os
import secrets
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
import structlog
import uvicorn
from fastapi import FastAPI

from storeops.common.auth.tokens import Verifier
from storeops.common.bus.base import Bus
from storeops.common.bus.kafka import KafkaBus
from storeops.common.bus.postgres import PostgresBus
from storeops.common.bus.security import KafkaSecurity
from storeops.common.clients import Peers
from storeops.common.consumer import Consumer
from storeops.common.contracts.base import REGISTRY
from storeops.common.db import Database
from storeops.common.http.application import build_application
from storeops.common.http.context import HttpContext, ServiceTokens
from storeops.common.relay import run_relay
from storeops.common.sandbox import Player, is_sandbox, set_clock_once
from storeops.common.service import Service
from storeops.common.settings import SERVICE_PORTS, Settings
from storeops.common.signals import Signals
from storeops.common.timers import TimerRunner
from storeops.common.upkeep import run_gauges, run_retention, run_upkeep

log = structlog.get_logger()

Role = Literal["all", "api", "worker"]


class Parts(NamedTuple):
    """One process's services with everything they share."""

    settings: Settings
    services: Mapping[str, Service]
    """Those that run here."""
    everyone: Mapping[str, Service]
    """Those of the whole installation, here or elsewhere."""
    databases: Mapping[str, Database]
    signals: Signals
    bus: Bus
    context: HttpContext
    application: FastAPI


class ConfigurationRefused(Exception):
    """These settings cannot work together; says why."""


def topics_of(settings: Settings) -> dict[str, int]:
    """Every topic of the contracts, with the partitions it is made with."""
    return dict.fromkeys(sorted({event.topic for event in REGISTRY.values()}), settings.partitions)


def database_urls(settings: Settings, services: Sequence[str], everyone: Sequence[str]) -> dict[str, str]:
    """Where the schema of each of `services` lies: `STOREOPS_<SERVICE>_DATABASE_URL`, or the one database.

    Raises `ConfigurationRefused` when one has none, and when `everyone` is spread over databases where neither the
    PostgreSQL bus nor the sandbox clock can span them.
    """
    urls = {name: os.environ.get(f"STOREOPS_{name.upper()}_DATABASE_URL") or settings.database_url for name in everyone}
    missing = [name for name in services if urls[name] is None]
    if missing:
        message = f"no database for {', '.join(missing)}: set STOREOPS_DATABASE_URL"
        raise ConfigurationRefused(message)
    spread = len({url for url in urls.values() if url is not None}) > 1
    if spread and settings.bus == "postgres":
        message = "the PostgreSQL bus needs all services in one database; use STOREOPS_BUS=kafka"
        raise ConfigurationRefused(message)
    if spread and settings.sandbox:
        message = "the sandbox clock needs all services in one database"
        raise ConfigurationRefused(message)
    return {name: url for name in services if (url := urls[name]) is not None}


def open_databases(settings: Settings, services: Sequence[str], everyone: Sequence[str]) -> dict[str, Database]:
    """The databases of `services`, one for each address, for the caller to close. Raises `ConfigurationRefused`."""
    urls = database_urls(settings, services, everyone)
    try:
        by_url = {
            url: Database(url, size=settings.pool_size, sandbox=settings.sandbox, worker_lease=settings.lease)
            for url in dict.fromkeys(urls.values())
        }
    except (ValueError, OSError) as error:
        message = f"a database URL cannot be used: {error}"
        raise ConfigurationRefused(message) from error
    return {name: by_url[url] for name, url in urls.items()}


async def agree_on_time(database: Database, settings: Settings) -> None:
    """Begin a sandbox's time, or make sure that there is none: raises `ConfigurationRefused` for a sandbox's data."""
    if settings.sandbox:
        await set_clock_once(database, settings.sandbox_start)
    elif await is_sandbox(database):
        message = "this database is a sandbox's, whose time is its own: serve it with --sandbox, or choose another one"
        raise ConfigurationRefused(message)


def peer_urls(settings: Settings, names: Sequence[str]) -> dict[str, str]:
    """Where services outside this process are: `STOREOPS_<SERVICE>_URL`, or their fixed ports on this host."""
    return {
        name: os.environ.get(f"STOREOPS_{name.upper()}_URL")
        or f"http://{settings.host}:{SERVICE_PORTS.get(name, 8000)}"
        for name in names
    }


def kept_secret(settings: Settings, given: str | None, name: str) -> str:
    """A secret from the settings, or one made once and kept readable by its owner only in the data folder."""
    if given is not None:
        return given
    path = Path(settings.data_dir) / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(secrets.token_urlsafe(48))
        draft.chmod(0o600)
        # A link does not overwrite: of two processes that start at once, one secret wins.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


@asynccontextmanager
async def assemble(
    settings: Settings, services: Mapping[str, Service], *, alone: bool, everyone: Mapping[str, Service]
) -> AsyncGenerator[Parts]:
    """Open what a process needs for `services`; `alone` says that no other process shares the database.

    `everyone` is the whole installation, here or elsewhere. Raises `ConfigurationRefused`.
    """
    settings = settings.model_copy(
        update={
            "service_secret": kept_secret(settings, settings.service_secret, "service"),
            # Only orders compares phones and addresses: no other process needs to be able to.
            "contact_key": kept_secret(settings, settings.contact_key, "contact") if "orders" in services else None,
        }
    )
    assert settings.service_secret is not None
    databases = open_databases(settings, list(services), list(everyone))
    shared = next(iter(databases.values()))
    signals = Signals(shared, shared=not alone)
    bus = make_bus(settings, shared, signals)
    apps: dict[str, Any] = {}
    peers = Peers(apps=apps, urls=peer_urls(settings, list(everyone)))
    context = HttpContext(
        settings=settings,
        databases=databases,
        verifier=make_verifier(settings, peers),
        peers=peers,
        signals=signals,
        service_tokens=ServiceTokens(peers, settings.service_secret),
    )
    application = build_application(list(services.values()), context)
    apps.update(dict.fromkeys(services, application))
    try:
        await agree_on_time(shared, settings)
        await bus.open(topics_of(settings))
        yield Parts(settings, services, everyone, databases, signals, bus, context, application)
    finally:
        await bus.close()
        await peers.close()
        for database in set(databases.values()):
            await database.close()


def make_bus(settings: Settings, database: Database, signals: Signals) -> Bus:
    """The transport of the settings."""
    if settings.bus == "postgres":
        return PostgresBus(database, signals, lease=settings.lease)
    if settings.kafka is None:
        message = "STOREOPS_BUS=kafka needs STOREOPS_KAFKA, the bootstrap servers"
        raise ConfigurationRefused(message)
    security = KafkaSecurity(
        protocol=settings.kafka_security,
        mechanism=settings.kafka_mechanism,
        username=settings.kafka_username,
        password=settings.kafka_password,
        authority=settings.kafka_ca,
    )
    try:
        return KafkaBus(
            settings.kafka,
            prefix=settings.topic_prefix,
            lease=settings.lease,
            security=security,
            retention_days=settings.retention_days,
        )
    except (ValueError, OSError) as error:
        message = f"Kafka cannot be reached so: {error}; see STOREOPS_KAFKA_USERNAME, _PASSWORD and _CA"
        raise ConfigurationRefused(message) from error


def make_verifier(settings: Settings, peers: Peers) -> Verifier:
    """Verifies tokens by the platform's key set, wherever the platform is."""

    async def fetch_keys() -> dict[str, Any]:
        return orjson.loads(await peers.call("platform", "GET", "/v1/jwks"))

    async def exchange_key(key: str) -> str:
        body = orjson.dumps({"grant_type": "api_key", "api_key": key})
        return orjson.loads(await peers.call("platform", "POST", "/v1/tokens", body=body))["access_token"]

    return Verifier(issuer=settings.issuer, fetch_keys=fetch_keys, exchange_key=exchange_key)


def observers_of(services: Mapping[str, Service]) -> list[str]:
    """The groups that the sandbox clock need not wait for."""
    return [router.group for service in services.values() for router in service.events if router.observer]


async def workers(parts: Parts) -> list[Coroutine[Any, Any, None]]:
    """Everything that a worker runs: per service its relay, its consumers, its timers and its upkeep."""
    running: list[Coroutine[Any, Any, None]] = [run_retention(parts.bus, parts.settings.retention_days)]
    if "platform" in parts.services:
        # Whichever process measures, measures every group: one does it.
        running.append(run_gauges(parts.bus))
    topics = list(topics_of(parts.settings))
    for name, service in parts.services.items():
        database = parts.databases[name]
        running.append(run_relay(await parts.bus.relay(database, name), name, parts.signals))
        for router in service.events:
            subscription = await parts.bus.subscribe(router.group, router.topics(topics), types=router.types)
            running.append(Consumer(database, name, router, parts.signals).run(subscription))
        timers = TimerRunner(database, name, service.jobs, parts.signals)
        running.extend((timers.run(), timers.run_upkeep(), run_upkeep(database, name)))
    if parts.settings.sandbox and "platform" in parts.services:
        player = Player(
            parts.databases["platform"],
            parts.bus,
            parts.signals,
            services=list(parts.everyone),
            observers=observers_of(parts.everyone),
        )
        running.append(player.run())
    return running


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process stops all its parts together."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the process."""


async def serve_http(server: Server) -> None:
    """Serve until told to exit; when another part fails, take nothing new and finish what was begun.

    A request that outlived its event loop would be torn down in any order, and might answer what it never committed.
    """
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


SELDOM = (20_000, 20, 50)
"""The collector's thresholds while serving: what a batch of orders makes goes away by itself, not in circles."""


@contextmanager
def loaded_for_good() -> Generator[None]:
    """Keep what was loaded out of the collector's way: to walk it again and again takes a third of a second each time.

    It looks less often besides. Both are given back at the end, for modules that look at what is left of them.
    """
    gc.collect()
    gc.freeze()
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


async def run_process(parts: Parts, *, role: Role, port: int, stopping: asyncio.Event, ready: asyncio.Event) -> None:
    """Run the roles of this process until `stopping` is set; raises what a part failed with."""
    async with asyncio.TaskGroup() as group:
        bridge = group.create_task(parts.signals.run(), name="signals")
        tasks = [bridge]
        if role != "api":
            parts.application.state.bus = parts.bus
            tasks += [group.create_task(part) for part in await workers(parts)]
        config = uvicorn.Config(
            parts.application,
            host=parts.settings.host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="none",
            http="httptools",
            timeout_graceful_shutdown=5,
        )
        server = Server(config)
        serving = group.create_task(serve_http(server), name="http")
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        with loaded_for_good():
            ready.set()
            log.info("ready", services=list(parts.services), role=role, port=port, bus=parts.bus.name)
            await stopping.wait()
        server.should_exit = True
        await serving
        for task in tasks:
            task.cancel()
