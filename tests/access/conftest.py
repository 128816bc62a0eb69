"""One installation with a shop in full swing for all tests of a module."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime

import asyncpg
import pytest
import pytest_asyncio
from storeops.common.service import Service
from storeops.common.settings import Settings
from storeops.common.testing.harness import open_harness

from ..conftest import APP_PASSWORD, Cluster  # noqa: TID252 - tests have no package to name
from .world import OPENED, World, build_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    cluster: Cluster, services: dict[str, Service], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Built once a module: no test may rely on what another did to it."""
    name = f"t_{secrets.token_hex(6)}"
    settings = Settings(
        database_url=cluster.url(name, user="storeops_app", password=APP_PASSWORD),
        data_dir=tmp_path_factory.mktemp("world"),
        sandbox=True,
        sandbox_start=datetime.fromisoformat(OPENED),
        service_secret="s" * 32,
        contact_key="c" * 32,
        max_body=100_000,
        max_batch_body=600_000,
    )
    async with AsyncExitStack() as stack:
        maintenance = await asyncpg.connect(cluster.url("postgres"))
        stack.push_async_callback(maintenance.close)
        await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE template_storeops STRATEGY FILE_COPY")
        stack.push_async_callback(maintenance.execute, f"DROP DATABASE {name} WITH (FORCE)")
        admin = await asyncpg.connect(cluster.url(name))
        stack.push_async_callback(admin.close)
        harness = await stack.enter_async_context(open_harness(settings, services))
        yield await build_world(harness, admin)
