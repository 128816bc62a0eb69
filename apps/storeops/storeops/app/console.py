"""How commands speak: lines for people, one JSON document for machines, progress on a terminal only."""

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple, TypeVar

import asyncpg
import orjson
import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from storeops.common.clock import monotonic
from storeops.common.embedded.process import EmbeddedServerError
from storeops.common.errors import DomainError
from storeops.common.runtime import ConfigurationRefused

T = TypeVar("T")

UNWATCHED_WIDTH = 120
"""Columns of what goes to a file or a pipe, which has no width of its own."""

out = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else UNWATCHED_WIDTH)
"""What a person reads."""
notes = Console(stderr=True, highlight=False)
"""What happens meanwhile; never part of a command's answer."""

JsonOption = typer.Option("--json", help="Answer with one JSON document.")
AsJson = Annotated[bool, JsonOption]


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
        disable=not notes.is_terminal,
    )


class Measured(NamedTuple):
    """A progress bar that shows its own rate."""

    bar: Progress
    task: TaskID
    began: float

    def tell(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        rate = f"{done / max(monotonic() - self.began, 0.001):,.0f}/s"
        self.bar.update(self.task, completed=done, total=total, rate=rate)


@contextmanager
def measured(title: str, what: str) -> Generator[Measured]:
    """Show how far a command has come with `what` it counts."""
    with progress(title) as bar:
        yield Measured(bar, bar.add_task(what, total=None, rate=""), monotonic())


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong and what to do; the caller raises what is returned."""
    notes.print(f"[red]storeops:[/] {escape(message)}", soft_wrap=True)
    return typer.Exit(code)


@contextmanager
def sentences() -> Generator[None]:
    """Turn what a person can mend into one sentence and an end with 1; anything else keeps its traceback."""
    try:
        yield
    except ValidationError as error:
        # Without the values: settings hold secrets.
        wrong = [f"STOREOPS_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise fail("; ".join(wrong)) from None
    except (ConfigurationRefused, EmbeddedServerError, DomainError) as error:
        raise fail(str(error)) from error
    except (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedTableError) as error:
        raise fail(f"{error}: `storeops migrate` makes what is missing") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise fail(f"PostgreSQL refuses: {error}") from error
    except (ConnectionError, TimeoutError, socket.gaierror) as error:
        raise fail(f"PostgreSQL does not answer: {error}; is STOREOPS_DATABASE_URL right?") from error
    except OSError as error:
        raise fail(f"{error}") from error
