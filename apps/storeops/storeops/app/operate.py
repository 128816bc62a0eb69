"""Commands for those who run an installation: migrate, kafka, doctor, clock."""

import asyncio
import signal
from datetime import datetime
from typing import Annotated

import httpx2
import typer
from rich.table import Table

from storeops.app.console import JsonOption, answer, fail, notes, out, run
from storeops.app.installation import OWNER_LOGIN, migrations_of, visited
from storeops.common.doctor import Finding, examine
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.embedded.process import EmbeddedServerError
from storeops.common.migrating import migrate as migrate_services
from storeops.common.runtime import ConfigurationRefused, assemble, kept_secret
from storeops.common.service import installed_services
from storeops.common.settings import Settings

AsJson = Annotated[bool, JsonOption]


def migrate(as_json: AsJson = False) -> None:
    """Bring every service's schema to its newest version."""
    settings = Settings()

    async def work() -> list[str]:
        async with visited(settings) as ground:
            url = ground.settings.admin_database_url or ground.settings.database_url
            assert url is not None
            return await migrate_services(url, migrations_of(installed_services()))

    done = run(work())
    answer({"migrated": done}, as_json=as_json, text=f"Migrated {', '.join(done)}.")


def kafka(
    port: Annotated[int | None, typer.Option(help="Where the broker listens.")] = None, as_json: AsJson = False
) -> None:
    """Run a real Apache Kafka (one node) until stopped; the first start downloads it."""
    settings = Settings()

    async def work() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        async with EmbeddedKafka(settings.data_dir / "kafka", port) as broker:
            answer(
                {"bootstrap_servers": broker.bootstrap_servers},
                as_json=as_json,
                text=f"Kafka listens at {broker.bootstrap_servers}: STOREOPS_BUS=kafka "
                f"STOREOPS_KAFKA={broker.bootstrap_servers} storeops serve",
            )
            await stop.wait()

    notes.print("Starting Kafka …")
    try:
        run(work())
    except EmbeddedServerError as error:
        raise fail(str(error)) from error


def doctor(as_json: AsJson = False) -> None:
    """Check every invariant on the live data; ends with 1 when one is broken."""
    settings = Settings()

    async def work() -> list[Finding]:
        async with visited(settings) as ground:
            services = installed_services()
            async with assemble(ground.settings, services, alone=False, everyone=services) as parts:
                return [
                    finding
                    for name, service in services.items()
                    for finding in await examine(parts.databases[name], name, service.invariants)
                ]

    try:
        findings = run(work())
    except ConfigurationRefused as error:
        raise fail(str(error)) from error
    broken = [finding for finding in findings if finding.broken]
    if as_json:
        answer([finding._asdict() for finding in findings], as_json=True, text="")
    else:
        table = Table("service", "id", "must hold", "broken by")
        for finding in findings:
            table.add_row(finding.service, finding.id, finding.sentence, str(finding.broken or "–"))
        out.print(table)
        for finding in broken:
            out.print(f"{finding.service} {finding.id}: {'; '.join(finding.examples)}")
    if broken:
        raise typer.Exit(1)


def clock(
    advance: Annotated[str | None, typer.Option(help="Play to this instant (ISO 8601).")] = None,
    url: Annotated[str, typer.Option(help="Where StoreOps serves.")] = "http://127.0.0.1:8000",
    as_json: AsJson = False,
) -> None:
    """Show the sandbox clock of a running installation, or play it forward."""
    settings = Settings()
    if advance is not None:
        try:
            datetime.fromisoformat(advance)
        except ValueError as error:
            raise fail(f"--advance is {advance!r}; expected an instant such as 2026-11-22T08:00:00Z", 2) from error
    with httpx2.Client(base_url=url, timeout=60.0) as client:
        body = {
            "grant_type": "password",
            "login": OWNER_LOGIN,
            "password": kept_secret(settings, None, "owner"),
        }
        token = client.post("/v1/tokens", json=body).json().get("access_token", "")
        headers = {"authorization": f"Bearer {token}", "prefer": "wait=30"}
        if advance is None:
            response = client.get("/v1/sandbox/clock", headers=headers)
        else:
            response = client.post("/v1/sandbox/clock/advance", json={"to": advance}, headers=headers)
    if response.status_code >= 400:
        raise fail(str(response.json().get("detail", response.text)))
    now = response.json()
    answer(now, as_json=as_json, text=f"{now['now']} ({now['status']})")
