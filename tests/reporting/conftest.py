"""Reporting alone: the tests tell it what other services would, and nobody else answers."""

from collections.abc import AsyncIterator

import pytest
from storeops.common.service import Service
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness, open_harness


@pytest.fixture
async def harness(settings: Settings, services: dict[str, Service]) -> AsyncIterator[Harness]:
    async with open_harness(settings, {"reporting": services["reporting"]}) as opened:
        yield opened
