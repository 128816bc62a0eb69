"""Commands for those who run an installation: migrate, kafka, doctor, rebuild, clock."""

import asyncio
import signal
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx2
import typer
from rich.table import Table

from storeops.app.console import AsJson, answer, fail, measured, out, run, sentences
from storeops.app.installation import OWNER_LOGIN, inspected, migrations_of, owner_password, visited
from storeops.app.rebuild import RebuildReport
from storeops.app.rebuild import rebuild as rebuild_facts
from storeops.common.doctor import Finding, examine
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.migrating import migrate as migrate_services
from storeops.common.runtime import ConfigurationRefused
from storeops.common.service import installed_services
from storeops.common.settings import Settings

LOOK = 1
"""Seconds between two looks at a clock that is playing."""


def migrate(
    app_password: Annotated[
        str | None,
        typer.Option(
            envvar="STOREOPS_APP_PASSWORD",
            show_envvar=True,
            help="Give the application's login (storeops_app) this password; made if it is missing.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring every service's schema to its newest version."""

    async def work() -> list[str]:
        settings = Settings()
        if settings.database_url is None and settings.admin_database_url is not None:
            settings = settings.model_copy(update={"database_url": settings.admin_database_url})
        if settings.database_url is None and app_password is not None:
            message = (
                "STOREOPS_APP_PASSWORD is for a PostgreSQL of your own; the embedded one keeps its password itself"
            )
            raise ConfigurationRefused(message)
        async with visited(settings) as ground:
            url = ground.settings.admin_database_url or ground.settings.database_url
            assert url is not None
            with measured("Migrating", "services") as bar:
                return await migrate_services(
                    url, migrations_of(installed_services()), app_password=app_password, tell=bar.tell
                )

    with sentences():
        done = run(work())
    answer({"migrated": done}, as_json=as_json, text=f"Migrated {', '.join(done)}.")


def kafka(
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Where the broker listens.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a real Apache Kafka (one node) until stopped; the first start downloads it."""

    async def work() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        with measured("Starting Kafka", "jars") as bar:
            broker = EmbeddedKafka(Settings().data_dir / "kafka", port, on_download=bar.tell)
            await broker.start()
        try:
            answer(
                {"bootstrap_servers": broker.bootstrap_servers},
                as_json=as_json,
                text=f"Kafka listens at {broker.bootstrap_servers}: STOREOPS_BUS=kafka "
                f"STOREOPS_KAFKA={broker.bootstrap_servers} storeops serve",
            )
            await stop.wait()
        finally:
            await broker.stop()

    with sentences():
        run(work())


def doctor(as_json: AsJson = False) -> None:
    """Check every invariant on the live data; ends with 1 when one is broken."""

    async def work() -> list[Finding]:
        findings: list[Finding] = []
        services = installed_services()
        async with inspected(Settings()) as databases:
            with measured("Checking", "services") as bar:
                for done, (name, service) in enumerate(services.items(), start=1):
                    findings += await examine(databases[name], name, service.invariants)
                    bar.tell(done, len(services))
        return findings

    with sentences():
        findings = run(work())
    broken = [finding for finding in findings if finding.broken]
    if as_json:
        answer([finding._asdict() for finding in findings], as_json=True, text="")
    else:
        table = Table("service", "id", "must hold", "broken by")
        for finding in findings:
            table.add_row(finding.service, finding.id, finding.sentence, str(finding.broken or "–"))
        out.print(table)
        for finding in broken:
            out.print(f"{finding.service} {finding.id}: {'; '.join(finding.examples)}", markup=False)
    if broken:
        raise typer.Exit(1)


def rebuild(as_json: AsJson = False) -> None:
    """Make the figures' facts anew from the archive, compare them with the live ones, and replace what differs."""

    async def work() -> RebuildReport:
        async with inspected(Settings()) as databases:
            with measured("Rebuilding", "events") as bar:
                return await rebuild_facts(databases["reporting"], progress=bar.tell)

    with sentences():
        report = run(work())
    found = {"events": report.events, "seconds": round(report.seconds, 2)}
    found |= {"rows": report.rows, "differing": report.differing}
    answer(
        {**found, "tables": [table._asdict() for table in report.tables]},
        as_json=as_json,
        text=f"{report.events:,} events folded in {report.seconds:.1f} s; of {report.rows:,} rows "
        f"{report.differing:,} differed" + (" and were replaced." if report.differing else "."),
    )


def clock(
    advance: Annotated[str | None, typer.Option(help="Play to this instant (ISO 8601).")] = None,
    url: Annotated[str, typer.Option(help="Where StoreOps serves.")] = "http://127.0.0.1:8000",
    as_json: AsJson = False,
) -> None:
    """Show the sandbox clock of a running installation, or play it forward and wait until it has arrived."""
    target = instant(advance) if advance is not None else None
    try:
        with sentences(), httpx2.Client(base_url=url, timeout=60.0) as client:
            credentials = {"login": OWNER_LOGIN, "password": owner_password(Settings())}
            token = said(client.post("/v1/tokens", json={"grant_type": "password", **credentials}))["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            now = said(client.get("/v1/sandbox/clock")) if target is None else play(client, target)
    except httpx2.TransportError as error:
        raise fail(f"nobody answers at {url}: {error}") from error
    answer(now, as_json=as_json, text=f"{now['now']} ({now['status']})")


def instant(text: str) -> datetime:
    """An instant as a person writes it; without an offset it is UTC. Ends the command with 2 for anything else."""
    try:
        named = datetime.fromisoformat(text)
    except ValueError as error:
        raise fail(f"--advance is {text!r}; expected an instant such as 2026-11-22T08:00:00Z", 2) from error
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def play(client: httpx2.Client, target: datetime) -> dict[str, Any]:
    """Play to an instant, showing the business minutes that have passed."""
    before = datetime.fromisoformat(said(client.get("/v1/sandbox/clock"))["now"])
    wait = {"prefer": f"wait={LOOK}"}
    now = said(client.post("/v1/sandbox/clock/advance", json={"to": target.isoformat()}, headers=wait))
    with measured("Playing", "minutes") as bar:
        while now["status"] != "ready":
            passed = datetime.fromisoformat(now["now"]) - before
            bar.tell(int(passed.total_seconds()) // 60, int((target - before).total_seconds()) // 60)
            now = said(client.get("/v1/sandbox/clock", headers=wait))
    return now


def said(response: httpx2.Response) -> Any:
    """The JSON of an answer; ends the command with what a refusal says."""
    if response.is_success:
        return response.json()
    said_so = response.headers.get("content-type", "").startswith("application/problem+json")
    raise fail(response.json()["detail"] if said_so else f"{response.url} answered {response.status_code}")
