"""The bench: a tiny slice of all that it measures runs, and what it writes has its shape. No figure is judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import pytest
from storeops.app.bench.command import BENCHES
from storeops.app.bench.load import Job
from storeops.app.bench.report import (
    AIMS,
    Aim,
    Figure,
    figure,
    percentile,
    read_figures,
    short,
    table_of,
    write_figures,
)
from storeops.app.bench.stand import BenchBroken, Size, pgbench, put_load, standing

if TYPE_CHECKING:
    from ..conftest import Cluster  # noqa: TID252 - tests have no package to name

TINY = Size(rounds=1, seconds=0.2, orders=500, events=1000, days=1, warm=40)
ON_ONE_STAND = ["order.single", "order.batch", "allocate", "event.postgres", "memory", "start"]
"""All but those that start a broker or the demo."""

pytestmark = [pytest.mark.xdist_group("bench"), pytest.mark.timeout(900)]


def test_every_bench_is_tried_here() -> None:
    assert sorted([*ON_ONE_STAND, "event.kafka", "replay"]) == sorted(BENCHES)


async def test_a_slice_of_each_gives_figures(tmp_path: Path) -> None:
    figures: list[Figure] = []
    async with standing(tmp_path / "bench", TINY) as stand:
        for name in ON_ONE_STAND:
            figures += await BENCHES[name](stand)
        with pytest.raises(BenchBroken, match="pgbench ended"):
            await pgbench(stand, "SELECT nothing;\n", clients=1, seconds=1)

    write_figures(tmp_path / "latest.json", figures)
    documents: list[dict[str, Any]] = orjson.loads((tmp_path / "latest.json").read_bytes())
    names = [document["name"] for document in documents]
    assert names == sorted({each.name for each in figures})
    for document in documents:
        assert list(document) == ["name", "value", "unit", "ratio", "against", "n", "machine"]
        assert document["value"] > 0
        assert document["n"] > 0
        assert {"cpu", "cores", "load", "postgresql"} <= set(document["machine"])
        assert (document["ratio"] is None) == (document["against"] is None)
        assert document["against"] is None or document["against"] in names
    elsewhere = {"replay.all", "rebuild", "event.latency.kafka.p50", "event.latency.kafka.p99"}
    assert set(AIMS) - set(names) == elsewhere


@pytest.mark.kafka
async def test_a_slice_of_events_on_kafka(tmp_path: Path) -> None:
    async with standing(tmp_path / "bench", TINY) as stand:
        figures = await BENCHES["event.kafka"](stand)

    assert {"event.latency.kafka.p50", "event.latency.kafka.p99"} <= {each.name for each in figures}


async def test_a_slice_of_the_replay(tmp_path: Path) -> None:
    async with standing(tmp_path / "bench", TINY) as stand:
        figures = await BENCHES["replay"](stand)

    assert [each.name for each in figures] == ["replay.days1", "rebuild"]


async def test_a_load_that_fails_is_said(cluster: "Cluster") -> None:
    no_web_server = urlsplit(cluster.admin_url).port
    assert no_web_server is not None
    with pytest.raises(BenchBroken, match="broken: 1 answers were not as they should be, such as"):
        await put_load(Job("raw", no_web_server, "broken", orders=1))


def test_later_figures_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "latest.json"
    limit = figure("limit", 2000, "orders/s", n=10)
    write_figures(path, [limit, figure("ours", 500, "orders/s", n=10, against=limit)])
    write_figures(path, [figure("ours", 123.456, "orders/s", n=20, against=limit)])

    limit_again, ours = read_figures(path)
    assert (limit_again["name"], limit_again["value"]) == ("limit", 2000)
    assert (ours["value"], ours["ratio"], ours["against"], ours["n"]) == (123.5, 0.06173, "limit", 20)


def test_aims_are_judged_by_value_or_ratio_and_by_what_is_better() -> None:
    limit = figure("limit", 1000, "orders/s", n=1)
    many, few = Aim("ratio", 0.25, 0.15), Aim("value", 5, 10)

    def judged(aim: Aim, value: float) -> str:
        return aim.judge(figure("any", value, "x", n=1, against=limit))

    assert [judged(many, value) for value in (250, 200, 150, 149)] == ["met", "short", "short", "defect"]
    assert [judged(few, value) for value in (5, 9, 10, 11)] == ["met", "short", "short", "defect"]
    assert many.judge(figure("any", 1, "x", n=1)) == ""


def test_a_table_has_every_figure() -> None:
    assert table_of([figure("start.first", 3.2, "s", n=1), figure("other", 1, "s", n=1)]).row_count == 2


def test_four_digits_and_percentiles() -> None:
    assert [short(value) for value in (123456.0, 12.3456, 0.0123456)] == [123500, 12.35, 0.01235]
    assert [percentile(range(1, 101), share) for share in (0.5, 0.99, 1.0)] == [51, 100, 100]
