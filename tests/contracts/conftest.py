"""The bus contract runs every test once per transport."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from storeops.common.testing.probe import Probe
from storeops.common.testing.stage import Stage, Transport


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def transport(request: pytest.FixtureRequest) -> Transport:
    if request.param == "postgres":
        return Transport("postgres")
    return Transport("kafka", request.getfixturevalue("kafka"), f"t{secrets.token_hex(4)}.")


@pytest.fixture
async def stage(transport: Transport, probe: Probe) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(transport, probe, stack)
