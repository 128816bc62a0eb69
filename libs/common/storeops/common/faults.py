"""Named points at which a test may end the process or make it wait: free of cost unless one is named.

`STOREOPS_FAULT=consumer.before_commit:kill` kills this process at that point, `…:kill:3` at the third time.
"""

import os
import signal

POINTS = (
    "request.before_commit",
    "request.after_commit",
    "consumer.before_commit",
    "consumer.after_commit",
    "relay.after_send",
    "relay.after_commit",
    "timers.before_commit",
    "timers.after_commit",
)
"""Every point there is."""

_name, _, _rest = os.environ.get("STOREOPS_FAULT", "").partition(":")
_left = int(_rest.partition(":")[2] or "1") if _name else 0
if _name and _name not in POINTS:
    _message = f"STOREOPS_FAULT names {_name!r}, which is none of {', '.join(POINTS)}"
    raise ValueError(_message)


async def reach(point: str) -> None:
    """Say that this point is reached."""
    global _left  # noqa: PLW0603 - one counter for the process that the fault is to end
    if point != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
