"""Reads of the archive."""

from storeops.common.db import ReadSession


async def archived_up_to(session: ReadSession, *, for_update: bool = False) -> int:
    """The position up to which events are kept and folded; `for_update` keeps it there until the transaction ends."""
    lock = " FOR UPDATE" if for_update else ""
    position: int = await session.fetchval(f"SELECT position FROM reporting.fold{lock}")
    return position
