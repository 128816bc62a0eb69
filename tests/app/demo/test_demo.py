"""The main job, as `make demo` runs it: a day of real orders through the public API, and figures that agree with it."""

import asyncio
import os
import sys
from pathlib import Path

import orjson
import pytest
from storeops.app.demo.data import read_baskets
from storeops.common.embedded.process import free_port

STOREOPS = [sys.executable, "-m", "storeops.app"]
FIGURES = {
    "orders_placed", "orders_paid", "shipped_in_24h", "late", "breached", "stockouts", "delistings", "relistings",
    "tickets_opened", "tickets_settled", "sales_minor", "currency", "events", "seconds", "orders_per_s",
}  # fmt: skip


async def storeops(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command to its end on data in a folder: its code and what it answered."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")}
    process = await asyncio.create_subprocess_exec(
        *STOREOPS, *arguments, stdout=asyncio.subprocess.PIPE, env=inherited | {"STOREOPS_DATA_DIR": str(folder)}
    )
    try:
        out, _ = await process.communicate()
    except BaseException:
        # Cut short, it still ends the installation that it started.
        process.terminate()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_the_whole_year_comes_out_as_it_went_in(tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    code, _ = await storeops(tmp_path, "demo", "--all", "--exit", "--json", str(report), "--port", str(free_port()))
    assert code == 0

    figures = orjson.loads(report.read_bytes())
    assert (figures["orders_placed"], figures["order_lines"]) == (140_932, 1_440_213)
    assert figures["sales_minor"] == 418_740_137


async def test_a_day_of_real_orders_comes_out_as_it_went_in(tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    chosen = ("--days", "1", "--exit", "--json", str(report), "--port", str(free_port()))
    code, told = await storeops(tmp_path, "demo", *chosen)
    assert code == 0

    figures = orjson.loads(report.read_bytes())
    baskets = list(read_baskets(days=1))
    assert set(figures) >= FIGURES
    assert figures["orders_placed"] == figures["orders_paid"] == len(baskets)
    assert figures["order_lines"] == sum(len(basket.lines) for basket in baskets)
    assert figures["sales_minor"] == sum(line.net for basket in baskets for line in basket.lines)
    assert figures["currency"] == "USD"
    assert figures["shipped_in_24h"] + figures["late"] == figures["orders_paid"]
    assert 0 < figures["late"] < figures["orders_paid"] // 10
    assert 0 <= figures["breached"] <= figures["late"]
    assert 0 < figures["tickets_settled"] <= figures["tickets_opened"]
    assert figures["events"] > 10 * figures["orders_placed"]
    assert f"{len(baskets)} real, beside them {figures['synthetic_orders_placed']} seeded" in told

    code, told = await storeops(tmp_path / "demo", "doctor", "--json")
    assert (code, [finding for finding in orjson.loads(told) if finding["broken"]]) == (0, [])
