"""Flows run through every service, over the public API, with time played forward; after each, every invariant holds."""

from collections.abc import AsyncIterator

import pytest
from storeops.common.doctor import examine
from storeops.common.testing.harness import Harness
from storeops.common.testing.shop import HarnessTime, Shop, open_shop


@pytest.fixture
async def shop(harness: Harness) -> AsyncIterator[Shop]:
    """A store that has tea to sell."""
    shop = await open_shop(await harness.client(), HarnessTime(harness))
    await shop.receive({"TEA-250": 10})
    await shop.offer("TEA-250")
    yield shop
    await harness.drain()
    for name, service in harness.services.items():
        findings = await examine(harness.parts.databases[name], name, service.invariants)
        assert [finding for finding in findings if finding.broken] == []
