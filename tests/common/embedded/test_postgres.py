"""The embedded PostgreSQL: it keeps what it acknowledged, comes back by itself, and has one owner."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from storeops.common.embedded.postgres import EmbeddedPostgres
from storeops.common.embedded.process import HOST, DiskTooFull, FolderInUse, PortInUse

DEADLINE = 60.0

OWNER = """
import asyncio, sys
from storeops.common.embedded.postgres import EmbeddedPostgres

async def own():
    server = EmbeddedPostgres(sys.argv[1])
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(own())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: that is closed to the user the server runs as when the tests run as root.
    with tempfile.TemporaryDirectory(prefix="storeops-") as parent:
        yield Path(parent) / "postgres"


@asynccontextmanager
async def supervised(server: EmbeddedPostgres) -> AsyncGenerator[EmbeddedPostgres]:
    async with server, asyncio.timeout(DEADLINE):
        supervisor = asyncio.create_task(server.supervise())
        yield server
        await server.stop()
        await supervisor


async def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; the deadline of `supervised` ends a vain wait."""
    while not condition():
        await asyncio.sleep(0.02)


async def query(server: EmbeddedPostgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_an_acknowledged_row_survives_the_kill_of_the_server(folder: Path) -> None:
    async with supervised(EmbeddedPostgres(folder)) as server:
        first_pid, first_url = server.pid, server.url
        await query(server, "CREATE TABLE kept AS SELECT 42 AS answer")

        os.kill(psutil.Process(first_pid).pid, signal.SIGKILL)
        await server.wait_until_down()
        assert not server.ready
        assert server.problem is not None

        await server.wait_until_ready()
        assert server.ready
        assert server.problem is None
        assert (server.url, await query(server, "SELECT answer FROM kept")) == (first_url, 42)
        assert server.pid != first_pid


async def test_a_server_that_cannot_come_back_says_why_and_returns_once_it_can(folder: Path) -> None:
    async with supervised(EmbeddedPostgres(folder)) as server:
        os.kill(psutil.Process(server.pid).pid, signal.SIGKILL)
        await server.wait_until_down()
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind((HOST, server.port))
            stranger.listen()
            await eventually(lambda: f"port {server.port}" in (server.problem or ""))
            assert not server.ready

        await server.wait_until_ready()
        assert await query(server, "SELECT 1") == 1


async def test_a_restart_keeps_address_and_data(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        await query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = server.url
    async with EmbeddedPostgres(folder) as server:
        assert (server.url, await query(server, "SELECT answer FROM kept")) == (first, 42)


async def test_a_second_live_owner_is_refused(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        with pytest.raises(FolderInUse, match=str(os.getpid())):
            await EmbeddedPostgres(folder).start()
        assert await query(server, "SELECT 1") == 1


async def test_a_server_left_by_a_killed_owner_is_adopted_and_stopped(folder: Path) -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, folder, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    left_over = int(await owner.stdout.readline())
    owner.kill()
    await owner.communicate()

    async with EmbeddedPostgres(folder) as server:
        assert server.pid == left_over
        assert await query(server, "SELECT 1") == 1
    assert not psutil.pid_exists(left_over) or psutil.Process(left_over).status() == psutil.STATUS_ZOMBIE


async def test_a_left_over_server_with_other_settings_is_replaced(folder: Path) -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, folder, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    left_over = int(await owner.stdout.readline())
    owner.kill()
    await owner.communicate()

    async with EmbeddedPostgres(folder, settings={"work_mem": "5MB"}) as server:
        assert server.pid != left_over
        assert await query(server, "SHOW work_mem") == "5MB"


async def test_a_stale_pid_file_that_names_a_stranger_does_not_stop_the_start(folder: Path) -> None:
    async with EmbeddedPostgres(folder):
        stale = (folder / "data/postmaster.pid").read_text().split("\n")
    (folder / "data/postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]))
    async with EmbeddedPostgres(folder) as server:
        assert await query(server, "SELECT 1") == 1


async def test_defaults_are_durable_and_closed_to_those_without_the_password(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        assert [await query(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "jit")] == [
            "on",
            "on",
            "off",
        ]
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host=HOST, port=server.port, user="postgres", password="guessed")


async def test_a_full_disk_and_a_taken_port_are_named(folder: Path) -> None:
    with pytest.raises(DiskTooFull, match="make room"):
        await EmbeddedPostgres(folder, room_to_start=1 << 60).start()
    with socket.socket() as stranger:
        stranger.bind((HOST, 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)):
            await EmbeddedPostgres(folder, port).start()
    async with EmbeddedPostgres(folder, port) as server:
        assert server.port == port
