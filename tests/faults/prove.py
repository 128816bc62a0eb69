"""`make prove`: every fault, every named point, every sabotage, on both buses; writes `docs/proof.md`.

Ends with 1 when something was not as it should be. Progress goes to stderr.
"""

import argparse
import asyncio
import logging
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain, count
from pathlib import Path
from random import Random

import psutil
from storeops.app.installation import migrations_of
from storeops.common.clock import machine_now, monotonic
from storeops.common.embedded.postgres import EmbeddedPostgres, binary
from storeops.common.faults import POINTS
from storeops.common.logs import configure_logs
from storeops.common.migrating import migrate
from storeops.common.service import installed_services

from .checks import finding
from .disk import MountRefused, full_disk_run
from .ground import Variant, variant_on_kafka
from .injectors import faults_of
from .miniature import APP_PASSWORD, TEMPLATE, miniature
from .proof import Proof, rendered
from .run import Report, crash_run, fault_run, standing
from .sabotage import BUILDS, RUNS, hunt, trial

ROOT = Path(__file__).parents[2]
PARTS = ("sabotage", "points", "faults", "disk")
LAYOUT_RUNS: dict[Variant, float] = {"split": 1.0, "whole": 0.25, "kafka": 0.75}
"""Runs with faults of each layout, as a share of `--runs`."""
TOGETHER = (
    ("request.before_commit", "request.after_commit", "consumer.before_commit", "consumer.after_commit"),
    ("timers.before_commit", "timers.after_commit"),
    ("relay.after_send",),
    ("relay.after_commit",),
)
assert sorted(point for points in TOGETHER for point in points) == sorted(POINTS)
AT_ONCE = 5
"""Runs on one installation; then a new one is made."""
HAND = 4
"""Faults of a run."""


class Options(argparse.Namespace):
    """What the command was told."""

    runs: int
    seeds: list[int]
    only: list[str]
    out: Path


def options() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=6, help="runs with faults on the main layout (default 6)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[], help="seeds of the runs; further ones count on")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "proof.md", help="the document")
    return parser.parse_args(namespace=Options())


def main() -> None:
    """Run it all and write it down."""
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    configure_logs("CRITICAL")
    logging.getLogger("storeops").setLevel(logging.CRITICAL)
    chosen = options()
    given = chosen.seeds or [secrets.randbelow(10**6)]
    proof = Proof(commit(), machine(), f"{', '.join(map(str, given))} and on", machine_now())
    started = monotonic()
    with tempfile.TemporaryDirectory(prefix="storeops-prove-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        asyncio.run(prove(proof, folder, chosen, given))
    proof.minutes = (monotonic() - started) / 60
    chosen.out.write_text(rendered(proof))
    say(f"written to {chosen.out}")
    for line in proof.failures:
        say(f"NOT SOUND: {line}")
    sys.exit(1 if proof.failures else 0)


async def prove(proof: Proof, folder: Path, chosen: Options, given: Sequence[int]) -> None:
    """Every part that was chosen."""
    seeds = chain(given, count(given[-1] + 1))
    if "sabotage" in chosen.only:
        await prove_checks(proof, folder / "miniature", given[0])
    if "points" in chosen.only:
        for variant in ("split", "split-kafka"):
            await prove_points(proof, folder / f"points-{variant}", variant, seeds)
    if "faults" in chosen.only:
        for variant, share in LAYOUT_RUNS.items():
            await prove_faults(proof, folder, variant, max(1, round(chosen.runs * share)), seeds)
    if "disk" in chosen.only:
        await prove_full_disk(proof, folder / "disk", next(seeds))


async def prove_checks(proof: Proof, folder: Path, first: int) -> None:
    """Every sabotage build until it is caught, and the same runs without sabotage."""
    seeds = range(first, first + RUNS)
    async with template(folder) as url:
        for name, build in BUILDS.items():
            catch = await hunt(url, folder, name, seeds)
            proof.catches.append(catch)
            say(f"sabotage, {name}: {'caught' if catch.seen_by else 'NOT CAUGHT'} after {catch.runs} runs")
            if build.scene is not None:
                proof.scenes[name] = await trial(url, folder, first, scene=build.scene)
        for seed in seeds[: max(catch.runs for catch in proof.catches)]:
            proof.controls.append(await miniature(url, folder, seed))
            say(proof.controls[-1].line())


@asynccontextmanager
async def template(folder: Path) -> AsyncGenerator[str]:
    """A PostgreSQL with a migrated template; answers the address of its maintenance database."""
    settings = {"fsync": "off", "max_connections": "300"}
    async with EmbeddedPostgres(folder / "postgres", database=TEMPLATE, settings=settings) as server:
        await migrate(server.url, migrations_of(installed_services()), app_password=APP_PASSWORD)
        yield server.url_of("postgres")


async def prove_points(proof: Proof, folder: Path, variant: Variant, seeds: Iterator[int]) -> None:
    """Every named point that this bus has, those together that lie in different processes."""
    async with standing(variant, folder) as (ground, client):
        for points in TOGETHER:
            if points == ("relay.after_send",) and not variant_on_kafka(variant):
                continue
            seed = next(seeds)
            try:
                note(proof, await crash_run(ground, client, seed, points))
            except Exception as error:  # noqa: BLE001 - a run that fails is a result
                note(proof, ended(variant, seed, [f"died at {point}" for point in points], error))


async def prove_faults(proof: Proof, folder: Path, variant: Variant, runs: int, seeds: Iterator[int]) -> None:
    """A calm run, and runs with faults, dealt so that every kind comes up as often as any other."""
    left: list[str] = []
    done = -1
    while done < runs:
        async with standing(variant, folder / f"faults-{variant}-{done + 1}") as (ground, client):
            for _ in range(min(AT_ONCE, runs - done)):
                seed = next(seeds)
                hand: list[str] = []
                while done >= 0 and len(hand) < HAND:
                    left = left or Random(seed).sample(sorted(faults_of(ground)), k=len(faults_of(ground)))
                    hand.append(left.pop())
                try:
                    note(proof, await fault_run(ground, client, seed, names=hand))
                except Exception as error:  # noqa: BLE001 - a run that fails is a result
                    note(proof, ended(variant, seed, hand, error))
                done += 1


async def prove_full_disk(proof: Proof, folder: Path, seed: int) -> None:
    """The disk of PostgreSQL's folder is full for a while."""
    try:
        note(proof, await full_disk_run(folder, seed))
    except MountRefused as refused:
        proof.skipped.append(f"a full disk, for want of the right to mount a small file system: {refused}")
        say(proof.skipped[-1])
    except Exception as error:  # noqa: BLE001 - a run that fails is a result
        note(proof, ended("whole", seed, ["disk full"], error))


def note(proof: Proof, report: Report) -> None:
    """Keep a run and say what it came to."""
    proof.runs.append(report)
    say(report.line())


def ended(variant: Variant, seed: int, faults: list[str], error: Exception) -> Report:
    """The report of a run that did not come to its end."""
    return Report(variant, seed, faults, [finding("faults", "F0 the run comes to its end", [repr(error)])])


def say(line: str) -> None:
    """Progress."""
    sys.stderr.write(f"{machine_now():%H:%M:%S} {line}\n")
    sys.stderr.flush()


def commit() -> str:
    """The commit that runs, and whether the work tree differs from it."""
    head = told("git", "-C", str(ROOT), "rev-parse", "HEAD")
    changed = told("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", "libs", "services")
    changed += told("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", "apps", "tests")
    return f"`{head}`" + (", with changes that are not committed" if changed else "")


def machine() -> list[str]:
    """What it runs on."""
    memory = psutil.virtual_memory().total / 2**30
    postgres = told(str(binary("postgres")), "--version")
    return [
        (
            f"Machine: {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.release()},"
            f" load {os.getloadavg()[0]:.1f} at the start"
        ),
        (f"Python {platform.python_version()}, {postgres}; `fsync` on, but for the runs in one process"),
    ]


def told(*command: str) -> str:
    """What a command answers."""
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
