"""What both embedded servers need of the machine: an owned folder, kept ports, a process that is watched.

Knows neither PostgreSQL nor Kafka, and keeps no state but the process it watches.
"""

import asyncio
import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import psutil

HOST = "127.0.0.1"
LOG_SIZE_LIMIT = 16 << 20
WATCH_INTERVAL = 0.05
# Below the range the kernel gives to outgoing connections, so that nobody sits on the port while the server is down.
FIRST_PORT, PORT_COUNT = 20_000, 12_000


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot run; the message says what a person can do about it."""


class FolderInUse(EmbeddedServerError):
    """Another live process owns the folder."""


class DiskTooFull(EmbeddedServerError):
    """Less room than the server needs to start."""


class PortInUse(EmbeddedServerError):
    """Something else listens on the server's port."""


class ServerDidNotStart(EmbeddedServerError):
    """The server ended, or stayed silent, before it could be used."""


class Account(NamedTuple):
    """The operating-system user a server runs as."""

    name: str
    uid: int
    gid: int


class ServerProcess:
    """A server's process, started here (then it is reaped here) or found running."""

    def __init__(self, process: psutil.Process, child: subprocess.Popen[bytes] | None = None) -> None:
        self._process = process
        self._child = child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def command(self) -> list[str]:
        """The command line of the live process."""
        return self._process.cmdline()

    @property
    def alive(self) -> bool:
        """Whether the process still runs; a dead one that nobody reaped does not."""
        if self._child is not None:
            return self._child.poll() is None
        with suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    @property
    def exit_code(self) -> int | None:
        """How a process started here ended: 0 is well, a negative number is a signal; None while unknown."""
        return None if self._child is None else self._child.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a process that is gone already is no error."""
        if self.alive:
            with suppress(psutil.NoSuchProcess):
                self._process.send_signal(number)

    async def exited(self) -> None:
        """Return once the process has ended; looks every 50 ms, for one found running is not ours to wait for."""
        while self.alive:
            await asyncio.sleep(WATCH_INTERVAL)

    async def end(self, *numbers: signal.Signals, patience: float) -> None:
        """Send each signal in turn, then SIGKILL, waiting `patience` seconds for each to end the process."""
        for number in (*numbers, signal.SIGKILL):
            self.send(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.exited()
                    return


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> ServerProcess:
    """Start a process apart from our terminal, its output appended to `log`.

    Its own session keeps a Ctrl-C meant for us from reaching it before we say how to end.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return ServerProcess(psutil.Process(child.pid), child)


async def run_to_end(
    command: Sequence[str | Path],
    log: Path,
    *,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command that ends by itself; raise `ServerDidNotStart` with the end of its output when it fails."""
    with log.open("ab") as output:
        offset = output.tell()
    child = spawn(command, log, account=account, env=env, cwd=cwd)
    try:
        await child.exited()
    finally:
        child.send(signal.SIGKILL)
    if child.exit_code != 0:
        raise ServerDidNotStart(f"{Path(command[0]).name} failed: {last_words(log, offset, 'rror|Exception|FATAL')}")


def find_running(pid: int, marker: str) -> ServerProcess | None:
    """The live process of that id whose command line names `marker`; None for a zombie or a stranger."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and any(marker in word for word in process.cmdline()):
            return ServerProcess(process)
    return None


def own_folder(folder: Path) -> IO[str]:
    """Take the folder for this process until the returned file is closed, or raise `FolderInUse`."""
    lock = (folder / "owner.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise FolderInUse(f"{folder} is in use by process {owner}; stop it, or choose another folder") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def require_room(folder: Path, at_least: int) -> None:
    """Raise `DiskTooFull` when the folder's disk has fewer than `at_least` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < at_least:
        raise DiskTooFull(f"{free >> 20} MB free under {folder}, {at_least >> 20} MB needed; make room on this disk")


def keep_ports(folder: Path, *wanted: int | None) -> list[int]:
    """The server's ports: the wanted ones, else those of last time, else free ones; kept in the folder."""
    file = folder / "ports"
    kept = [int(word) for word in file.read_text().split()] if file.exists() else []
    kept += [0] * (len(wanted) - len(kept))
    ports = [port or last or free_port() for port, last in zip(wanted, kept, strict=False)]
    file.write_text(" ".join(map(str, ports)) + "\n")
    return ports


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    while True:
        port = FIRST_PORT + secrets.randbelow(PORT_COUNT)
        if port_is_free(port):
            return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen on that TCP port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free_port(port: int, *, server: str) -> None:
    """Raise `PortInUse` when something listens on the port already."""
    if not port_is_free(port):
        raise PortInUse(f"port {port} of {HOST} is taken by another program; end it, or give {server} another port")


def roll_log(log: Path) -> int:
    """Keep one old log beside a big one; return where the entries of the next run begin, in bytes."""
    size = log.stat().st_size if log.exists() else 0
    if size < LOG_SIZE_LIMIT:
        return size
    log.replace(log.with_suffix(".log.1"))
    return 0


def last_words(log: Path, offset: int, telling: str) -> str:
    """The last line after `offset` bytes that matches the pattern `telling`, as the reason why a server ended."""
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if re.search(telling, line)), f"no reason given in {log}")
