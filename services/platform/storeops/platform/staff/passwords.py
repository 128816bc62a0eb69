"""Hashing passwords with argon2id, off the event loop. Knows no person and no table.

Apart because it is neither pure nor a use case: it draws salts, and its work belongs to a thread.
"""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""19 MiB and two passes: OWASP's minimum, since a small shop's machine serves everything else too."""


async def hash_password(password: str) -> str:
    """The encoded hash, with its own salt and parameters."""
    return await asyncio.to_thread(HASHER.hash, password)


async def password_holds(encoded: str | None, password: str) -> bool:
    """Whether a password is the hashed one. Without a hash the work is the same and the answer no."""
    return await asyncio.to_thread(_holds, encoded, password)


def _holds(encoded: str | None, password: str) -> bool:
    try:
        return HASHER.verify(encoded or _nobodys(), password) and encoded is not None
    except VerifyMismatchError:
        return False


@cache
def _nobodys() -> str:
    return HASHER.hash(secrets.token_urlsafe(32))
