"""`start`, `memory`, `replay` and `rebuild`: the whole system as a user starts it."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from storeops.app.bench.report import Figure, figure, median
from storeops.app.bench.shop import shop
from storeops.app.bench.stand import SERVE, BenchBroken, Stand, drained, environment, put_load, ready
from storeops.app.bench.usage import memory_of
from storeops.common.clock import monotonic
from storeops.common.embedded.process import free_port
from storeops.common.testing.processes import start

LOADED = 500
"""Orders before memory is looked at."""
AT_ONCE = 32
MEGABYTE = 2**20


async def starting(stand: Stand) -> list[Figure]:
    """Seconds from the command to readiness, on an empty folder and on one that was used before."""
    folder = stand.folder / "started"
    folder.mkdir()
    first = await seconds_to_ready(folder)
    again = [await seconds_to_ready(folder) for _ in range(stand.size.rounds)]
    return [figure("start.first", first, "s", n=1), figure("start.again", median(again), "s", n=len(again))]


async def seconds_to_ready(folder: Path) -> float:
    """One start of everything, and its end."""
    began = monotonic()
    process = start("all", SERVE, environment(folder), folder)
    async with ready([process]):
        return monotonic() - began


async def memory(stand: Stand) -> list[Figure]:
    """What `storeops serve` and its PostgreSQL hold in memory after some orders, shared pages counted once (PSS)."""
    async with shop(stand) as opened:
        await put_load(opened.job(kind="single", name="memory", concurrency=AT_ONCE, orders=LOADED))
        await drained(stand)
        held = memory_of([*opened.ids, stand.server_id])
    return [
        figure("memory.pss", held.pss / MEGABYTE, "MB", n=LOADED),
        figure("memory.rss", held.rss / MEGABYTE, "MB", n=LOADED),
    ]


async def replay(stand: Stand) -> list[Figure]:
    """`storeops demo` over the year (or some days of it), and then the figures made anew from its archive."""
    days = stand.size.days
    folder = stand.folder / "replayed"
    folder.mkdir()
    report = folder / "demo.json"
    window = ["--all"] if days is None else ["--days", str(days)]
    told = ["--exit", "--port", str(free_port()), "--json", str(report)]
    await command(["demo", *window, *told], environment(folder))
    figures = orjson.loads(report.read_bytes())
    orders = figures["orders_placed"] + figures["synthetic_orders_placed"]
    rebuilt = await command(["rebuild", "--json"], environment(folder / "demo"))
    if rebuilt["differing"]:
        raise BenchBroken(f"{rebuilt['differing']} of {rebuilt['rows']} rows differed when they were rebuilt")
    name = "all" if days is None else f"days{days}"
    return [
        figure(f"replay.{name}", figures["orders_per_s"], "orders/s", n=orders),
        figure("rebuild", rebuilt["events"] / rebuilt["seconds"], "events/s", n=rebuilt["events"]),
    ]


async def command(words: Sequence[str], settings: Mapping[str, str]) -> Any:
    """Run a command of ours to its end; answers with the JSON that it said, if any. Raises `BenchBroken`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storeops.app",
        *words,
        env=dict(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    if process.returncode:
        raise BenchBroken(f"storeops {words[0]} ended with {process.returncode}: {complaints.decode()[-500:]}")
    return orjson.loads(said) if said.startswith(b"{") else None
