"""How often one may try, and what a key looks like. Pure."""

import hashlib
from collections.abc import Sequence
from math import ceil

ATTEMPTS = 5
"""Failed sign-ins of one name after which it must wait."""
WINDOW = 15 * 60
"""Seconds in which failures count."""


def seconds_to_wait(ages: Sequence[float]) -> int:
    """How long a name must wait; `ages` are the seconds since its failures within the window."""
    if len(ages) < ATTEMPTS:
        return 0
    return max(1, ceil(WINDOW - sorted(ages)[ATTEMPTS - 1]))


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
