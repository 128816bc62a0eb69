"""The commands as people and scripts run them: processes of their own on one installation, which is running."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from typing import Any, NamedTuple

import asyncpg
import httpx2
import orjson
import psutil
import pytest
from storeops.app.main import app
from storeops.common.contracts.platform import StoreOpened
from storeops.common.embedded.postgres import EmbeddedPostgres, url_of_running
from storeops.common.embedded.process import free_port
from storeops.common.testing.processes import Serving, start, stop_services, until_ready
from typer.testing import CliRunner

pytestmark = pytest.mark.xdist_group("commands")

WIDE = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
"""A wide terminal, so that sentences stay on their line."""
STOREOPS = [sys.executable, "-m", "storeops.app"]
PATIENCE = 60.0


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


class Installation(NamedTuple):
    """A running `storeops serve --sandbox` and what its commands are told."""

    serving: Serving
    environment: Mapping[str, str]
    folder: Path

    async def execute(self, sql: str) -> None:
        """One statement with every right."""
        await execute(str(url_of_running(self.folder / "postgres")), sql)

    async def until(self, sql: str) -> None:
        """Return once a question to the database is answered with true."""
        connection = await asyncpg.connect(str(url_of_running(self.folder / "postgres")))
        try:
            async with asyncio.timeout(PATIENCE):
                while not await connection.fetchval(sql):
                    await asyncio.sleep(0.1)
        finally:
            await connection.close()


def environment_of(**settings: str) -> dict[str, str]:
    """The environment without settings of StoreOps but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")}
    return inherited | WIDE | {f"STOREOPS_{name.upper()}": value for name, value in settings.items()}


async def storeops(*arguments: str, environment: Mapping[str, str]) -> Ended:
    """Run a command to its end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *STOREOPS, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def left_over(folder: Path) -> list[psutil.Process]:
    """Processes that still work on a folder."""
    return [process for process in psutil.process_iter(["cmdline"]) if str(folder) in str(process.info["cmdline"])]


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything in one process on an embedded PostgreSQL, as `storeops serve` runs it."""
    folder = tmp_path_factory.mktemp("installation")
    environment = environment_of(data_dir=str(folder), log_level="WARNING")
    serving = start("serve", [*STOREOPS, "serve", "--sandbox"], environment, folder)
    try:
        asyncio.run(until_ready([serving]))
        yield Installation(serving, environment, folder)
    finally:
        asyncio.run(stop_services([serving]))


@pytest.fixture
async def owner(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    """A client signed in with the password that the first start made."""
    password = (installation.folder / "secrets" / "owner").read_text()
    async with httpx2.AsyncClient(base_url=installation.serving.url, timeout=30.0) as client:
        body = {"grant_type": "password", "login": "admin", "password": password}
        answer = await client.post("/v1/tokens", json=body)
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("serve", "--role", "nobody"), "--role is 'nobody'; expected all, api or worker"),
        (("serve", "ordres"), "no service ordres; there are platform, inventory, "),
        (("clock", "--advance", "tomorrow"), "--advance is 'tomorrow'; expected an instant such as 20"),
        (("parked", "--service", "ordres"), "--service is 'ordres'; expected one of platform, inventory, "),
        (("parked", "drop", "1"), "Missing option '--reason'"),
    ],
)
def test_a_wrong_option_ends_with_2_and_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    ended = CliRunner().invoke(app, arguments, env=WIDE)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert sentence in ended.stderr


@pytest.mark.parametrize(
    ("command", "settings", "sentence"),
    [
        (["doctor"], {"DATA_DIR": "nowhere"}, "storeops: nothing is installed in nowhere: "),
        (["parked"], {"PARTITIONS": "many"}, "storeops: STOREOPS_PARTITIONS: Input should be a valid integer"),
        *(
            (["migrate"], {"DATABASE_URL": url}, "storeops: STOREOPS_DATABASE_URL: Value error, expected postgresql://")
            for url in ("db", "mysql://storeops_app:secret@db/storeops", "postgresql://db")
        ),
        (["migrate"], {"APP_PASSWORD": "secret"}, "storeops: STOREOPS_APP_PASSWORD is for a PostgreSQL of your own"),
        (
            ["rebuild"],
            {"DATABASE_URL": "postgresql://storeops_app:secret@127.0.0.1:1/storeops"},
            "PostgreSQL does not answer: ",
        ),
        (
            ["doctor"],
            {"DATABASE_URL": "postgresql://one/a", "ORDERS_DATABASE_URL": "postgresql://two/b"},
            "storeops: the PostgreSQL bus needs all services in one database; use STOREOPS_BUS=kafka",
        ),
        (
            ["serve", "reporting", "--port", str(free_port()), "--sandbox"],
            {"DATABASE_URL": "postgresql://one/a", "ORDERS_DATABASE_URL": "postgresql://two/b", "BUS": "kafka"},
            "storeops: the sandbox clock needs all services in one database",
        ),
    ],
)
def test_settings_that_cannot_work_are_said_not_traced(
    command: list[str], settings: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {f"STOREOPS_{name}": value for name, value in settings.items()}
    ended = CliRunner().invoke(app, command, env=WIDE | {"STOREOPS_LOG_LEVEL": "CRITICAL"} | environment)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert sentence in ended.stderr
    assert "secret@" not in ended.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.kafka
async def test_kafka_says_where_it_listens_and_ends_well(tmp_path: Path) -> None:
    environment = environment_of(data_dir=str(tmp_path))
    broker = start("broker", [*STOREOPS, "kafka", "--json"], environment, tmp_path)
    port = broker.url.rpartition(":")[2]
    try:
        async with asyncio.timeout(PATIENCE):
            while '"bootstrap_servers": ' not in broker.log.read_text():
                assert broker.process.alive, broker.tail
                await asyncio.sleep(0.1)
    finally:
        await stop_services([broker])
    assert orjson.loads(broker.log.read_text()) == {"bootstrap_servers": f"127.0.0.1:{port}"}
    assert broker.process.exit_code == 0
    assert left_over(tmp_path) == []


async def test_a_database_of_ones_own_is_migrated_with_its_login_and_its_owner(tmp_path: Path) -> None:
    password = "it's 'quoted'"
    async with EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"}) as server:
        ended = await storeops(
            "migrate", "--json", environment=environment_of(admin_database_url=server.url, app_password=password)
        )
        assert ended.code == 0
        assert ended.json["migrated"][0] == "platform"

        url = f"postgresql://storeops_app:it%27s%20%27quoted%27@{server.url.rpartition('@')[2]}"
        served = environment_of(database_url=url, data_dir=str(tmp_path / "data"), log_level="WARNING")
        await execute(url, "SET ROLE svc_orders")
        ended = await storeops("serve", "--port", "0", environment=served | {"STOREOPS_OWNER_PASSWORD": "short"})
        assert ended.code == 1
        assert ended.err.startswith("storeops: STOREOPS_OWNER_PASSWORD does not do: password: ")

        chosen = served | {"STOREOPS_OWNER_PASSWORD": "a passphrase of one's own"}
        serving = start("serve", [*STOREOPS, "serve"], chosen, tmp_path)
        try:
            await until_ready([serving])
        finally:
            await stop_services([serving])
        assert "sign in as 'admin' with the password in STOREOPS_OWNER_PASSWORD" in serving.log.read_text()
        assert not (tmp_path / "data" / "secrets" / "owner").exists()


async def test_migrating_a_running_installation_changes_nothing(installation: Installation) -> None:
    ended = await storeops("migrate", "--json", environment=installation.environment)
    assert (ended.code, ended.err) == (0, "")
    services = ["platform", "inventory", "promotions", "orders", "customer_service", "reporting"]
    assert ended.json == {"migrated": services}


async def test_the_clock_is_shown_and_played(installation: Installation) -> None:
    at = ("--url", installation.serving.url, "--json")
    before = await storeops("clock", *at, environment=installation.environment)
    assert (before.code, before.json["status"]) == (0, "ready")
    target = datetime.fromisoformat(before.json["now"]) + timedelta(hours=30)
    after = await storeops("clock", "--advance", target.isoformat(), *at, environment=installation.environment)
    assert (after.code, after.json["status"]) == (0, "ready")
    assert datetime.fromisoformat(after.json["now"]) == target

    back = await storeops("clock", "--advance", before.json["now"], *at, environment=installation.environment)
    assert back.code == 1
    assert "goes forward only" in back.err


async def test_figures_are_rebuilt_and_differ_in_nothing(installation: Installation, owner: httpx2.AsyncClient) -> None:
    await open_store(owner)
    ended = await storeops("rebuild", "--json", environment=installation.environment)
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["events"] > 0
    assert ended.json["differing"] == 0


async def test_a_parked_message_is_shown_replayed_or_dropped(
    installation: Installation, owner: httpx2.AsyncClient
) -> None:
    await installation.execute("ALTER TABLE inventory.store RENAME TO store_away")
    stores = [await open_store(owner), await open_store(owner)]
    await installation.until("SELECT count(*) = 2 FROM inventory.parked")
    listed = (await storeops("parked", "list", "--json", environment=installation.environment)).json
    kept, lost = sorted(listed, key=lambda row: stores.index(row["key"]))
    assert (kept["service"], kept["group"], kept["type"]) == ("inventory", "inventory", StoreOpened.type)
    assert '"inventory.store" does not exist' in kept["error"]

    [shown] = (await storeops("parked", "show", kept["event_id"], "--json", environment=installation.environment)).json
    assert (shown["payload"]["store_id"], "Traceback" in shown["trace"]) == (stores[0], True)
    sick = await storeops("doctor", "--json", environment=installation.environment)
    assert (sick.code, {found["id"] for found in sick.json if found["broken"]}) == (1, {"I8"})
    again = await storeops("parked", "replay", "--json", environment=installation.environment)
    assert (again.code, [row["outcome"] for row in again.json]) == (1, ["failed", "failed"])

    reason = ("--reason", "opened by mistake")
    dropped = await storeops(
        "parked", "drop", lost["event_id"], *reason, "--json", environment=installation.environment
    )
    assert (dropped.code, dropped.json["key"]) == (0, stores[1])
    await installation.execute("ALTER TABLE inventory.store_away RENAME TO store")
    mended = await storeops("parked", "replay", "--key", stores[0], "--json", environment=installation.environment)
    assert (mended.code, [row["outcome"] for row in mended.json]) == (0, ["replayed"])
    left = await storeops("parked", "--json", environment=installation.environment)
    assert (left.code, left.json) == (0, [])


async def open_store(owner: httpx2.AsyncClient) -> str:
    """A store, without waiting for anyone who hears of it."""
    brand = (await owner.post("/v1/brands", json={"name": os.urandom(4).hex()})).json()["brand_id"]
    body = {"brand_id": brand, "name": "A store", "channel": "own", "currency": "CNY"}
    answer = await owner.post("/v1/stores", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["store_id"]


async def test_the_doctor_finds_nothing(installation: Installation) -> None:
    ended = await storeops("doctor", "--json", environment=installation.environment)
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.json) > 20
    assert [finding for finding in ended.json if finding["broken"]] == []


async def test_a_sandboxes_data_are_not_served_in_real_time(installation: Installation) -> None:
    running = url_of_running(installation.folder / "postgres")
    served = environment_of(database_url=str(running), data_dir=str(installation.folder))
    ended = await storeops("serve", "reporting", "--port", "0", environment=served)
    assert ended.code == 1
    assert "serve it with --sandbox" in ended.err


async def test_serve_ends_well_and_leaves_no_process(installation: Installation) -> None:
    serving, environment, folder = installation
    ended = await storeops("serve", "--port", serving.url.rpartition(":")[2], environment=environment)
    assert ended.code == 1
    assert "is taken by another program" in ended.err

    before = psutil.Process(serving.process.pid).children(recursive=True)
    assert before
    await serving.process.end(SIGTERM, patience=30.0)
    assert serving.process.exit_code == 0
    assert [child for child in before if child.is_running()] == []
    told = serving.log.read_text()
    assert f"First start: sign in as 'admin' with the password in {folder / 'secrets' / 'owner'}" in told
    assert "Traceback" not in told

    rested = await storeops("parked", "--json", environment=environment)
    assert (rested.code, rested.json) == (0, [])
    assert left_over(folder) == []
