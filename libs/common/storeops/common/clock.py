"""The two clocks. Business time rules deadlines and figures; machine time rules leases, tokens and metrics.

Business time is read once per transaction, by `storeops.common.db`; everything else takes it as an argument.
This is the only module that reads the wall clock for business use; the test that greps for others names the
few modules of the spine that may ask the machine clock.
"""

import time
from datetime import UTC, datetime


def machine_now() -> datetime:
    """The machine's wall clock, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the machine clock


def machine_ms() -> int:
    """Milliseconds since the epoch by the machine's wall clock."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds of a clock that never goes back: for durations, leases and rhythms."""
    return time.monotonic()
