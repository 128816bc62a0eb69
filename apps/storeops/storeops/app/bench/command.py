"""`storeops bench`: measures what is asked for, shows it and writes it down."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from storeops.app.bench import allocation, events, orders, whole
from storeops.app.bench.report import Figure, table_of, write_figures
from storeops.app.bench.stand import FULL, QUICK, BenchBroken, Size, Stand, standing
from storeops.app.console import AsJson, answer, fail, notes, out, run, sentences
from storeops.common.settings import Settings
from storeops.common.testing.processes import ProcessEnded

BENCHES: Mapping[str, Callable[[Stand], Awaitable[list[Figure]]]] = {
    "order.single": orders.single,
    "order.batch": orders.batch,
    "allocate": allocation.allocation,
    "event.postgres": events.on_postgres,
    "event.kafka": events.on_kafka,
    "start": whole.starting,
    "memory": whole.memory,
    "replay": whole.replay,
}
LATEST = Path("docs/bench/latest.json")


def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(BENCHES)}; may be given again. All of them unless named."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short runs: they show that all works, and little more.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help=f"Where figures are written; {LATEST}, and nowhere with --quick, unless named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure orders, allocation, events, start, memory and replay, beside raw limits on the same PostgreSQL."""
    unknown = [name for name in only or () if name not in BENCHES]
    if unknown:
        raise fail(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}", 2)
    try:
        with sentences():
            figures = run(measure(only or list(BENCHES), QUICK if quick else FULL))
    except (BenchBroken, ProcessEnded) as error:
        raise fail(str(error)) from error
    path = report or (None if quick else LATEST)
    if path is not None:
        write_figures(path, figures)
    if as_json:
        answer([each.document() for each in figures], as_json=True, text="")
    else:
        out.print(table_of(figures))


async def measure(names: list[str], size: Size) -> list[Figure]:
    """The figures of some benches, each on a stand of its own: none meets what another left behind."""
    figures: list[Figure] = []
    for name in names:
        with notes.status(f"Measuring {name}"):
            async with standing((Settings().data_dir / "bench").absolute(), size) as stand:
                figures += await BENCHES[name](stand)
    return figures
