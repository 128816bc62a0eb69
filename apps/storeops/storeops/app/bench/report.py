"""Figures: their shape, what they are meant to reach, and how they are written and shown. Measures nothing."""

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
import psutil
from rich.table import Table

from storeops.common.embedded.postgres import VERSION

Machine = dict[str, str | int | float]


class Figure(NamedTuple):
    """Something measured; `ratio` is to the figure `against`, measured in the same run."""

    name: str
    value: float
    unit: str
    n: int
    """How many orders, events or starts it was measured on."""
    machine: Machine
    ratio: float | None = None
    against: str | None = None

    def document(self) -> dict[str, Any]:
        """The figure as it is written."""
        names = ("name", "value", "unit", "ratio", "against", "n", "machine")
        return {name: getattr(self, name) for name in names}


class Aim(NamedTuple):
    """What a figure is meant to reach, and what is a defect."""

    of: Literal["value", "ratio"]
    aim: float
    least: float

    def judge(self, figure: Figure) -> str:
        """`met`, `short` of the aim, or `defect`; a smaller number is better where the aim is below the least."""
        reached = figure.value if self.of == "value" else figure.ratio
        if reached is None:
            return ""
        sign = -1 if self.aim > self.least else 1
        if sign * reached <= sign * self.aim:
            return "met"
        return "short" if sign * reached <= sign * self.least else "defect"


AIMS: dict[str, Aim] = {
    "order.single.c8": Aim("ratio", 0.25, 0.15),
    "order.single.c32": Aim("ratio", 0.25, 0.15),
    "order.single.statements.c1": Aim("value", 25, 35),
    "order.batch.100": Aim("value", 3000, 1500),
    "order.batch.500": Aim("value", 3000, 1500),
    "allocate.hot": Aim("ratio", 2.5, 1.5),
    "allocate.hot.command": Aim("ratio", 10, 5),
    "event.latency.postgres.p50": Aim("value", 5, 10),
    "event.latency.postgres.p99": Aim("value", 20, 50),
    "event.latency.kafka.p50": Aim("value", 5, 10),
    "event.latency.kafka.p99": Aim("value", 20, 50),
    "replay.all": Aim("value", 700, 300),
    "rebuild": Aim("value", 50_000, 15_000),
    "start.first": Aim("value", 4, 8),
    "memory.pss": Aim("value", 500, 800),
}


def figure(name: str, value: float, unit: str, *, n: int, against: Figure | None = None) -> Figure:
    """A figure of this machine as it is now, in four digits."""
    ratio = None if against is None else short(value / against.value)
    return Figure(name, short(value), unit, n, machine(), ratio, None if against is None else against.name)


def short(value: float) -> float:
    """Four digits: more would claim what no run holds."""
    return float(f"{value:.4g}")


def machine() -> Machine:
    """What the figure was measured on; `load` is that of the last minute, ours included."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": f"{VERSION}, fsync on",
        "load": round(os.getloadavg()[0], 2),
    }


def cpu_name() -> str:
    """The processor as the system calls it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def median(values: Iterable[float]) -> float:
    """The middle of a few rounds."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def read_figures(path: Path) -> list[dict[str, Any]]:
    """Figures written before; none where there is no file."""
    return orjson.loads(path.read_bytes()) if path.exists() else []


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """Write figures, in place of those of the same name; others in the file stay as they were measured."""
    names = {figure.name for figure in figures}
    kept = [document for document in read_figures(path) if document["name"] not in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    documents = sorted([*kept, *(figure.document() for figure in figures)], key=lambda document: document["name"])
    path.write_bytes(orjson.dumps(documents, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def table_of(figures: Sequence[Figure]) -> Table:
    """Figures for people, with what was aimed at."""
    table = Table("figure", "value", "unit", "ratio", "against", "n", "aim", "", "load")
    for figure in figures:
        aim = AIMS.get(figure.name)
        table.add_row(
            figure.name,
            f"{figure.value:,g}",
            figure.unit,
            "" if figure.ratio is None else f"{figure.ratio:g}",
            figure.against or "",
            f"{figure.n:,}",
            "" if aim is None else f"{aim.aim:g}{' ×' if aim.of == 'ratio' else ''}",
            "" if aim is None else aim.judge(figure),
            str(figure.machine["load"]),
        )
    return table
