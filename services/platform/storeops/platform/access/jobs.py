"""Upkeep of sign-in and keys, by the machine's clock."""

from datetime import timedelta

from storeops.common.db import WriteSession
from storeops.common.timers import JobRouter
from storeops.platform.access import commands

jobs = JobRouter()


@jobs.every(timedelta(minutes=15))
async def forget_failures(session: WriteSession) -> None:
    """Keep the table of failed sign-ins as short as its window."""
    await commands.forget_failures(session)


@jobs.every(timedelta(days=1))
async def replace_old_key(session: WriteSession) -> None:
    """Rotate the signing key four times a year without anybody thinking of it."""
    await commands.replace_old_key(session)
