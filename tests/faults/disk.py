"""A full disk: PostgreSQL's folder on a small file system of its own, filled under load until PostgreSQL goes down.

Needs the right to mount (root on Linux).
"""

import asyncio
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import httpx2
from storeops.common.clock import monotonic
from storeops.common.embedded.process import find_running
from storeops.common.testing.processes import is_ready

from .checks import finding
from .ground import Ground, admin_of
from .injectors import Scene
from .run import Report, run_under_load, standing

SIZE = "700m"
FULL = 20.0
"""Seconds that the disk stays full once PostgreSQL is down: long enough for a supervisor to try and fail."""
DOWN_WITHIN, BACK_WITHIN = 90.0, 90.0


class MountRefused(Exception):
    """This process may not mount a file system; says what the system said."""


@contextmanager
def small_disk(folder: Path) -> Generator[None]:
    """A file system of `SIZE` in memory under the folder. Raises `MountRefused`."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", folder],  # noqa: S607 - the system's own
        capture_output=True,
        check=False,
        text=True,
    )
    if mounted.returncode:
        raise MountRefused(mounted.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S607 - the system's own


async def full_disk_run(folder: Path, seed: int) -> Report:
    """A whole run of `storeops serve` whose disk is full for a while. Raises `MountRefused`."""
    with small_disk(folder / "postgres"):
        async with standing("whole", folder) as (ground, client):
            report = Report("whole", seed, ["disk full"])

            async def hurt(scene: Scene) -> None:
                await asyncio.sleep(2.0)
                await fill_until_down(scene.ground, report)

            return await run_under_load(ground, client, report, hurt)


async def fill_until_down(ground: Ground, report: Report) -> None:
    """Fill the disk, wait for PostgreSQL's end, look at readiness, and make room again."""
    ballast = ground.folder / "postgres" / "ballast"
    before = ground.postmaster
    fill(ballast)
    try:
        async with asyncio.timeout(DOWN_WITHIN):
            while find_running(before, str(ground.data)) is not None:
                await use_up_log(ground)
                fill(ballast)
                await asyncio.sleep(0.2)
        async with httpx2.AsyncClient() as client:
            until, ready = monotonic() + FULL, 0
            while monotonic() < until:
                await asyncio.sleep(0.5)
                ready += await is_ready(client, ground.units[0].url)
        said = [f"ready {ready} times"] if ready else []
        report.findings.append(finding("disk", "F2 readiness is red while PostgreSQL has no room", said))
    except TimeoutError:
        report.findings.append(finding("disk", "F2 a full disk ends PostgreSQL", [f"still up after {DOWN_WITHIN} s"]))
    finally:
        ballast.unlink()
    try:
        async with asyncio.timeout(BACK_WITHIN):
            await ground.until_ready()
        report.findings.append(finding("disk", "F2 with room again all comes back by itself", []))
    except TimeoutError:
        late = f"not ready {BACK_WITHIN:g} s after there was room"
        report.findings.append(finding("disk", "F2 with room again all comes back by itself", [late]))


def fill(ballast: Path) -> None:
    """Write until there is no room left."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))


async def use_up_log(ground: Ground) -> None:
    """Have PostgreSQL want the next file of its log: what lies ready is soon used up."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        admin = await admin_of(ground)
        try:
            await admin.execute(
                "SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 8000000)), pg_switch_wal()"
            )
        finally:
            await admin.close(timeout=1.0)
