"""How commands speak: lines for people, one JSON document for machines, progress on a terminal only."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import orjson
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

out = Console(highlight=False)
"""What a person reads."""
notes = Console(stderr=True, highlight=False)
"""What happens meanwhile; never part of a command's answer."""

JsonOption = typer.Option("--json", help="Answer with one JSON document.")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def answer(document: Any, *, as_json: bool, text: str) -> None:
    """Print a command's answer."""
    if as_json:
        sys.stdout.write(orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        out.print(text)


def progress(title: str) -> Progress:
    """A progress bar with rate and time left; plain silence when nobody watches."""
    return Progress(
        TextColumn(f"{title} {{task.description}}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
    )


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong and what to do; the caller raises what is returned."""
    notes.print(f"[red]storeops:[/] {message}")
    return typer.Exit(code)
