"""Faults: each hurts a running installation once and leaves the healing to the installation and its keeper."""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from storeops.common.ids import uuid7

from .ground import LEASE, Ground, Unit, admin_of

REACHED_WITHIN = 150.0
"""Seconds in which a process under load comes by any named point, its start included."""
BUSY = ["order", "allocation", "ticket", "stock", "movement"]


class Scene(NamedTuple):
    """What an injector may touch."""

    ground: Ground
    client: httpx2.AsyncClient
    chance: Random


Inject = Callable[[Scene], Awaitable[None]]


async def kill_process(scene: Scene) -> None:
    """SIGKILL to a process of ours; its keeper starts it again."""
    kill_one(scene, scene.ground.units)


async def kill_api(scene: Scene) -> None:
    """SIGKILL to an API process."""
    kill_one(scene, [unit for unit in scene.ground.units if unit.serves_api])


async def kill_worker(scene: Scene) -> None:
    """SIGKILL to a worker process: relays, consumers and timers."""
    kill_one(scene, workers_of(scene.ground))


def kill_one(scene: Scene, units: Sequence[Unit]) -> None:
    """SIGKILL to one of these processes."""
    unit = scene.chance.choice(units)
    if unit.process is not None:
        unit.process.send(signal.SIGKILL)


async def crash_at_points(scene: Scene, points: Sequence[str]) -> list[str]:
    """Have a process die under load at each of these points, all about the same time; answers those where none did."""
    free = list(scene.ground.units)
    crashes: list[Awaitable[bool]] = []
    for point in points:
        units = [unit for unit in passing_by(scene.ground, point) if unit in free]
        if not (point.startswith("relay.") and scene.ground.kafka is not None):
            # A relay on Kafka keeps its lock for as long as it lives: of several the one that comes first passes by.
            units = [scene.chance.choice(units)]
        free = [unit for unit in free if unit not in units]
        crashes.append(crash_at(scene, point, units))
    died = await asyncio.gather(*crashes)
    return [point for point, happened in zip(points, died, strict=True) if not happened]


async def crash_at(scene: Scene, point: str, units: Sequence[Unit]) -> bool:
    """Have one of these processes die at a named point when it passes by; answers whether it did."""
    timers = point.startswith("timers.")
    begun = sum(unit.deaths for unit in units)
    for unit in units:
        unit.fault = f"{point}:kill:{1 if timers else scene.chance.randint(1, 5)}"
        assert unit.process is not None
        unit.process.send(signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(REACHED_WITHIN):
            while sum(unit.deaths for unit in units) < begun + len(units):
                await asyncio.sleep(0.05)
            if timers:
                await scene.ground.until_ready_or_dead(units[0])
                await jump_over_deadlines(scene.ground)
            while sum(unit.deaths for unit in units) < begun + len(units) + 1:
                await asyncio.sleep(0.05)
            return True
    return False


def passing_by(ground: Ground, point: str) -> list[Unit]:
    """Processes that come by a named point as long as there are orders."""
    if ground.variant == "kafka":
        names = {"request": ["orders"], "timers": ["orders"], "relay": ["orders", "inventory"]}.get(
            point.partition(".")[0], ["orders", "inventory", "reporting"]
        )
        return [unit for unit in ground.units if unit.name in names]
    if point.startswith("request."):
        return [unit for unit in ground.units if unit.serves_api]
    return workers_of(ground)


async def jump_over_deadlines(ground: Ground) -> None:
    """Move business time 21 hours on without playing what lies between: the first clock of what is paid falls due."""
    admin = await admin_of(ground)
    try:
        await admin.execute(
            "UPDATE sandbox.clock SET now = now + interval '21 hours', target = target + interval '21 hours'"
        )
    finally:
        await admin.close()


async def kill_postgres(scene: Scene) -> None:
    """SIGKILL to PostgreSQL's postmaster; its supervisor starts it again."""
    signal_postmaster(scene.ground, signal.SIGKILL)


async def restart_postgres(scene: Scene) -> None:
    """PostgreSQL ends at once, leaving a recovery behind (`immediate`)."""
    signal_postmaster(scene.ground, signal.SIGQUIT)


def signal_postmaster(ground: Ground, number: signal.Signals) -> None:
    """Send PostgreSQL a signal; while it is down there is nobody to send it to."""
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(ground.postmaster, number)


async def cut_backends(scene: Scene) -> None:
    """End half of the database's connections, in whatever they are at: commits may be left unknown."""
    with suppress(OSError, asyncpg.PostgresError):
        admin = await admin_of(scene.ground)
        try:
            await admin.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND random() < 0.5"
            )
        finally:
            await admin.close()


async def pause_process(scene: Scene) -> None:
    """SIGSTOP to a process for longer than its lease: another takes its partitions, then it wakes."""
    unit = scene.chance.choice(workers_of(scene.ground))
    process = unit.process
    if process is None:
        return
    process.send(signal.SIGSTOP)
    await asyncio.sleep(LEASE + 1.5)
    process.send(signal.SIGCONT)


async def restart_broker(scene: Scene) -> None:
    """SIGKILL to the Kafka broker under load, and its restart."""
    assert scene.ground.kafka is not None
    await scene.ground.kafka.kill()
    await scene.ground.kafka.start()


async def join_and_leave(scene: Scene) -> None:
    """Two more members, one after the other, join every group and leave again."""
    for number in range(2):
        name = f"guest-{number}-{secrets.token_hex(2)}"
        words = ["--role", "worker"]
        if scene.ground.variant == "kafka":
            words = [scene.chance.choice(["orders", "inventory", "customer_service"]), *words]
        guest = Unit(name, words, scene.chance.randint(33_000, 39_000), scene.ground.folder)
        scene.ground.launch(guest)
        assert guest.process is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                await scene.ground.until_ready([guest])
        await asyncio.sleep(2.0)
        await guest.process.end(signal.SIGTERM, patience=10)


async def repeat_deliveries(scene: Scene) -> None:
    """Groups are set back: what they have handled is delivered again. On Kafka the log's records come once more."""
    if scene.ground.kafka is not None:
        await send_again(scene)
        return
    with suppress(OSError, asyncpg.PostgresError):
        admin = await admin_of(scene.ground)
        try:
            await set_back(admin, scene.chance.randint(1, 200))
        finally:
            await admin.close()


async def set_back(admin: "asyncpg.Connection[asyncpg.Record]", most: int) -> None:
    """Set half of the groups' positions back, unseen by the watch over positions.

    One by one: who holds several of them at once would wait in a circle with their owners.
    """
    await admin.execute("SET session_replication_role = replica")
    for place in await admin.fetch("SELECT grp, topic, partition FROM bus.group_offset WHERE random() < 0.5"):
        await admin.fetch(
            "UPDATE bus.group_offset SET next_offset = greatest(0, next_offset - $4) "
            "WHERE grp = $1 AND topic = $2 AND partition = $3",
            *place,
            most,
        )
    await admin.execute("SET session_replication_role = origin")


async def repeat_late(scene: Scene) -> None:
    """Old events come once more at the end of the log, long after their successors."""
    if scene.ground.kafka is not None:
        await send_again(scene)
        return
    with suppress(OSError, asyncpg.PostgresError):
        admin = await admin_of(scene.ground)
        try:
            await append_copies(admin, scene.chance.randint(5, 40))
        finally:
            await admin.close()


async def append_copies(admin: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    """Copy so many random messages of each partition of the log to its end."""
    for place in await admin.fetch("SELECT topic, partition FROM bus.partition"):
        async with admin.transaction():
            copied = await admin.fetch(
                "SELECT event_id, key, sequence, type, store_id, occurred_at, headers, payload FROM bus.message "
                "WHERE topic = $1 AND partition = $2 ORDER BY random() LIMIT $3",
                *place,
                count,
            )
            end = await admin.fetchval(
                "UPDATE bus.partition SET next_offset = next_offset + $3 WHERE topic = $1 AND partition = $2 "
                "RETURNING next_offset",
                *place,
                len(copied),
            )
            await admin.executemany(
                'INSERT INTO bus.message (topic, partition, "offset", event_id, key, sequence, type, store_id, '
                "occurred_at, headers, payload) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                [(*place, end - len(copied) + n, *row) for n, row in enumerate(copied)],
            )


async def send_again(scene: Scene) -> None:
    """Produce up to 200 records of a topic once more, with their ids."""
    assert scene.ground.kafka is not None
    servers = scene.ground.kafka.bootstrap_servers
    topic = scene.chance.choice(BUSY)
    reader: Any = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    writer: Any = AIOKafkaProducer(bootstrap_servers=servers)
    async with reader, writer:
        found = await reader.getmany(timeout_ms=2000, max_records=200)
        for place, records in found.items():
            for record in records:
                await writer.send_and_wait(
                    topic, record.value, key=record.key, headers=list(record.headers), partition=place.partition
                )


async def jump_clock(scene: Scene) -> None:
    """Business time goes a day or two ahead, playing what falls due, whatever else happens."""
    hours = scene.chance.choice([24, 48])
    with suppress(httpx2.TransportError):
        answer = await scene.client.get("/v1/sandbox/clock")
        if not answer.is_success:
            return
        to = datetime.fromisoformat(answer.json()["target"]) + timedelta(hours=hours)
        await scene.client.post("/v1/sandbox/clock/advance", json={"to": to.isoformat()})


async def poison(scene: Scene) -> None:
    """An order's event that no handler can read, and two good ones of the same key behind it."""
    key, payloads = new_poison()
    scene.ground.poisoned.add(key)
    if scene.ground.kafka is not None:
        await produce(scene.ground.kafka.bootstrap_servers, key, payloads)
        return
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                admin = await admin_of(scene.ground)
                try:
                    await append_messages(admin, key, payloads)
                finally:
                    await admin.close()
                return
            await asyncio.sleep(0.2)


def new_poison() -> tuple[str, list[str]]:
    """The key of an order that is not there, a payload that is no `OrderCancelled`, and two that are."""
    key = f"ord_{uuid7().hex}"
    when = "2026-01-01T00:00:00Z"
    good = {"order_id": key, "store_id": "sto_none", "occurred_at": when, "placed_at": when, "reason": "staff"}
    good |= {"was_paid": False, "net": 0}
    return key, ['{"order_id": 17}', json.dumps(good), json.dumps(good)]


async def append_messages(
    admin: "asyncpg.Connection[asyncpg.Record]", key: str, payloads: list[str], wire_type: str = "order.cancelled.v1"
) -> None:
    """Write messages of one key to the end of the topic `order`, in one transaction."""
    async with admin.transaction():
        partition, end = await admin.fetchrow(
            "UPDATE bus.partition SET next_offset = next_offset + $1 WHERE topic = 'order' AND partition = 0 "
            "RETURNING partition, next_offset",
            len(payloads),
        ) or (0, 0)
        await admin.executemany(
            'INSERT INTO bus.message (topic, partition, "offset", event_id, key, sequence, type, occurred_at, headers, '
            "payload) VALUES ('order', $1, $2, $3, $4, $5, $6, '2026-01-01T00:00:00Z', '{}', $7)",
            [
                (partition, end - len(payloads) + n, uuid7(), key, n + 1, wire_type, payload)
                for n, payload in enumerate(payloads)
            ],
        )


async def produce(servers: str, key: str, payloads: list[str], wire_type: str = "order.cancelled.v1") -> None:
    """Send the same to Kafka, as CloudEvents."""
    producer: Any = AIOKafkaProducer(bootstrap_servers=servers)
    async with producer:
        for n, payload in enumerate(payloads, 1):
            headers = {
                "ce_specversion": "1.0",
                "ce_id": str(uuid7()),
                "ce_source": "/elsewhere",
                "ce_type": wire_type,
                "ce_time": "2026-01-01T00:00:00Z",
                "ce_sequence": str(n),
            }
            await producer.send_and_wait(
                "order", payload.encode(), key=key.encode(), headers=[(k, v.encode()) for k, v in headers.items()]
            )


def workers_of(ground: Ground) -> list[Unit]:
    """The processes that consume."""
    return [unit for unit in ground.units if "api" not in unit.words]


EVERYWHERE: dict[str, Inject] = {
    "process killed": kill_process,
    "PostgreSQL killed": kill_postgres,
    "PostgreSQL restarted at once": restart_postgres,
    "backends terminated": cut_backends,
    "process paused past its lease": pause_process,
    "members joined and left": join_and_leave,
    "deliveries repeated": repeat_deliveries,
    "deliveries repeated late": repeat_late,
    "clock jumped 24 h or 48 h": jump_clock,
    "poison message": poison,
}
"""Faults by name; `faults_of` says which there are where."""


def faults_of(ground: Ground) -> dict[str, Inject]:
    """The faults that an installation of this kind can have."""
    if ground.variant == "kafka":
        return EVERYWHERE | {"broker killed": restart_broker}
    if ground.variant == "whole":
        return {name: inject for name, inject in EVERYWHERE.items() if name != "members joined and left"}
    known = EVERYWHERE | {"API killed": kill_api, "worker killed": kill_worker}
    del known["process killed"]
    return known if ground.kafka is None else known | {"broker killed": restart_broker}
