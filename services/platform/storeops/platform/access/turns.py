"""Turns at checking a password: few at once, and few that wait.

Apart because it is no use case: it keeps people who sign in, or one who guesses, from taking every connection and
every core of the process. A check holds its connection while it hashes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from storeops.platform.access.errors import SignInsCrowded

AT_ONCE = 4
"""Checks at the same time; each takes a core and 19 MiB for tens of milliseconds."""
MAY_WAIT = 40
"""Who comes when so many wait is refused: the wait would be longer than people have patience."""


class Turns:
    """The turns of one process."""

    def __init__(self) -> None:
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Hold a turn; raises `SignInsCrowded` (429) when too many wait already."""
        if self._taken < AT_ONCE:
            self._taken += 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self) -> None:
        if len(self._waiting) >= MAY_WAIT:
            message = "too many people sign in at this moment; try again"
            raise SignInsCrowded(message, retry_after=1)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            else:
                self._waiting.remove(mine)
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._taken -= 1


TURNS = Turns()
