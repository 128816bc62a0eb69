"""The shop of the access tests, to be fired at."""

import asyncio
import os
import secrets

import pytest_asyncio

from ..access.conftest import world  # noqa: TID252 - tests have no package to name
from ..access.world import World  # noqa: TID252 - tests have no package to name
from .range import Range, open_range

__all__ = ["world"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firing(world: World) -> Range:
    """The shop with the document that it serves. `STOREOPS_SEED` sets the chances, which are printed."""
    document = (await world.http.get("/openapi.json")).json()
    seed = int(os.environ.get("STOREOPS_SEED") or secrets.randbelow(10**6))
    return open_range(world, document, asyncio.get_running_loop(), seed=seed)
