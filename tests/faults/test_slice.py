"""What CI runs of the fault runs: by one fresh seed, which is printed and may be given as `STOREOPS_SEED`.

All of them: `make prove`.
"""

import os
import secrets
import sys
from pathlib import Path
from random import Random

import pytest
from storeops.common.faults import POINTS

from ..conftest import Cluster  # noqa: TID252 - tests have no package to name
from .miniature import miniature
from .run import Report, fault_run, standing
from .sabotage import BUILDS, RUNS, hunt, trial

SEED = int(os.environ.get("STOREOPS_SEED") or secrets.randbelow(10**6))
SAMPLE = 2
"""Sabotage builds of one slice, beside those that have a scene of their own."""
UNFINISHED = "ignore:coroutine .* was never awaited:RuntimeWarning"
"""A worker that dies while it starts leaves parts that never ran."""

processes = pytest.mark.xdist_group("fault-processes")
in_one_process = pytest.mark.xdist_group("fault-miniatures")


@pytest.fixture(autouse=True)
def told(capfd: pytest.CaptureFixture[str]) -> None:
    """Say the seed, whether the test fails or not."""
    with capfd.disabled():
        sys.stderr.write(f"\nfault runs: STOREOPS_SEED={SEED}\n")


def assert_sound(report: Report, folder: Path) -> None:
    """Fail with the whole story of a run that is not sound."""
    report.history.write(folder / f"history-{report.seed}.jsonl")
    assert report.findings, "nothing was checked"
    assert not report.broken, report.line()


@processes
async def test_killed_processes_and_a_killed_postgresql_lose_and_double_nothing(tmp_path: Path) -> None:
    names = ["API killed", "worker killed", "PostgreSQL killed", "deliveries repeated", "poison message"]
    async with standing("split", tmp_path, apis=1) as (ground, client):
        Random(SEED).shuffle(names)
        report = await fault_run(ground, client, SEED, seconds=10.0, names=names)
    assert report.deaths >= 2
    assert_sound(report, tmp_path)


@processes
@pytest.mark.kafka
async def test_a_broker_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with standing("split-kafka", tmp_path, apis=1, workers=1) as (ground, client):
        report = await fault_run(ground, client, SEED, seconds=5.0, names=["broker killed", "deliveries repeated"])
    assert_sound(report, tmp_path)


@in_one_process
@pytest.mark.filterwarnings(UNFINISHED)
async def test_every_named_point_may_be_the_last(cluster: Cluster, tmp_path: Path) -> None:
    # What the one between Kafka and the outbox does needs Kafka.
    unseen = set(POINTS) - {"relay.after_send"}
    for seed in range(SEED, SEED + RUNS):
        report = await miniature(cluster.url("postgres"), tmp_path, seed)
        assert_sound(report, tmp_path)
        unseen -= set(report.points)
        if not unseen:
            return
    pytest.fail(f"nobody died at {', '.join(sorted(unseen))} in {RUNS} runs from seed {SEED}")


@in_one_process
@pytest.mark.filterwarnings(UNFINISHED)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(SAMPLE))
async def test_sabotage_is_caught(cluster: Cluster, tmp_path: Path, number: int) -> None:
    plain = sorted(name for name, build in BUILDS.items() if build.scene is None)
    name = Random(SEED).sample(plain, SAMPLE)[number]
    catch = await hunt(cluster.url("postgres"), tmp_path, name, range(SEED, SEED + RUNS))
    assert catch.seen_by, f"{name}: not caught in {catch.runs} runs from seed {SEED}"


@in_one_process
@pytest.mark.filterwarnings(UNFINISHED)
@pytest.mark.parametrize("name", sorted(name for name, build in BUILDS.items() if build.scene is not None))
async def test_sabotage_is_caught_where_two_meet(cluster: Cluster, tmp_path: Path, name: str) -> None:
    url = cluster.url("postgres")
    assert not await trial(url, tmp_path, SEED, scene=BUILDS[name].scene)
    assert (await hunt(url, tmp_path, name, range(SEED, SEED + RUNS))).seen_by
