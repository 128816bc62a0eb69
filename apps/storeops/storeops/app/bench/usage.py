"""What processes use of the machine: processor time and memory. Reads the kernel's own books, changes nothing."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil


class Memory(NamedTuple):
    """Bytes that processes hold: each page in equal shares of all who map it, and each page for every one of them."""

    pss: int
    rss: int


def family(ids: Sequence[int]) -> list[int]:
    """Processes with everything that they started."""
    parents = [psutil.Process(number) for number in ids]
    return sorted({each.pid for parent in parents for each in (parent, *parent.children(recursive=True))})


def cpu_seconds(ids: Sequence[int]) -> float:
    """Processor seconds that processes, what they started and what has ended of that have used so far."""
    used = 0.0
    for number in family(ids):
        # A process may end while we look.
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(number).cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def memory_of(ids: Sequence[int]) -> Memory:
    """What processes and all that they started hold in memory now."""
    pss = rss = 0
    for number in family(ids):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
                name, _, amount = line.partition(":")
                kilobytes = int(amount.split()[0]) if amount.endswith(" kB") else 0
                pss += kilobytes * 1024 if name == "Pss" else 0
                rss += kilobytes * 1024 if name == "Rss" else 0
    return Memory(pss, rss)
