"""`storeops parked`: messages that were set aside, and what becomes of them. The rules are `common.parked`'s."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, NamedTuple

import orjson
import psutil
import typer
from rich.markup import escape

from storeops.app.console import AsJson, answer, fail, measured, out, run, sentences
from storeops.app.installation import inspected
from storeops.common.db import Database, reading, transaction
from storeops.common.parked import (
    Parked,
    ParkedMessageNotFound,
    drop_parked,
    list_parked,
    replay_parked,
    show_parked,
)
from storeops.common.scope import worker_scope
from storeops.common.service import installed_services
from storeops.common.settings import Settings

parked = typer.Typer(help="Messages that were set aside: list (unless said otherwise), show, replay or drop them.")

OfService = Annotated[str | None, typer.Option("--service", help="Of this service only.")]
OfGroup = Annotated[str | None, typer.Option("--group", help="Of this consumer group only.")]
EventId = Annotated[str, typer.Argument(help="The event's id, as `parked list` shows it.")]


class SetAside(NamedTuple):
    """A parked message and the service whose schema holds it."""

    service: str
    parked: Parked

    def facts(self) -> dict[str, Any]:
        """What a list shows."""
        message = self.parked.message
        return {
            "service": self.service,
            "group": self.parked.group,
            "event_id": message.event_id,
            "type": message.type,
            "topic": message.topic,
            "key": message.key,
            "sequence": message.sequence,
            "store_id": message.store_id,
            "occurred_at": message.occurred_at,
            "parked_at": self.parked.parked_at,
            "error": self.parked.error,
        }

    def everything(self) -> dict[str, Any]:
        """The message itself, and the whole trace."""
        message = self.parked.message
        place = {"partition": message.partition, "offset": message.offset}
        content = {"headers": orjson.loads(message.headers), "payload": readable(message.payload)}
        return self.facts() | place | content | {"trace": self.parked.trace}


@parked.callback(invoke_without_command=True)
def overview(context: typer.Context, service: OfService = None, group: OfGroup = None, as_json: AsJson = False) -> None:
    """Messages that were set aside: list (unless said otherwise), show, replay or drop them."""
    if context.invoked_subcommand is None:
        show_list(service, group, as_json)


@parked.command("list")
def show_list(service: OfService = None, group: OfGroup = None, as_json: AsJson = False) -> None:
    """List what is parked, each key in its order."""
    names = named(service)

    async def work() -> list[SetAside]:
        async with inspected(Settings()) as databases:
            return await list_everywhere(databases, names, group)

    with sentences():
        found = run(work())
    answer([one.facts() for one in found], as_json=as_json, text=f"{len(found)} messages are parked.")
    if not as_json:
        for one in found:
            message = one.parked.message
            told = f"{message.event_id} {message.type} of {message.key} ({message.sequence}) for {one.parked.group}"
            out.print(f"{told}: {one.parked.error}", markup=False, soft_wrap=True)


@parked.command("show")
def show_one(event_id: EventId, as_json: AsJson = False) -> None:
    """Show one event with its payload and the trace of its failure, for each group that parked it."""

    async def work() -> list[SetAside]:
        found: list[SetAside] = []
        async with inspected(Settings()) as databases:
            for name, database in databases.items():
                async with reading(database, worker_scope(name, actor())) as session:
                    with suppress(ParkedMessageNotFound):
                        found += [SetAside(name, one) for one in await show_parked(session, event_id)]
        return found

    with sentences():
        found = run(work())
    if not found:
        raise fail(f"{event_id} is not parked")
    document = [one.everything() for one in found]
    lines = [f"{name}: {value}" for one in document for name, value in one.items()]
    answer(document, as_json=as_json, text=escape("\n".join(lines)))


@parked.command("replay")
def replay(
    *,
    service: OfService = None,
    group: OfGroup = None,
    topic: Annotated[str | None, typer.Option(help="Of this topic only.")] = None,
    key: Annotated[str | None, typer.Option(help="Of this key only.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Handle parked messages again, each key in its order; ends with 1 when one fails again."""
    names = named(service)
    services = installed_services()

    async def work() -> list[dict[str, Any]]:
        verdicts: list[dict[str, Any]] = []
        async with inspected(Settings()) as databases:
            parked_groups = {(one.service, one.parked.group) for one in await list_everywhere(databases, names, group)}
            routers = [(name, router) for name in names for router in services[name].events]
            refuse_unknown(parked_groups - {(name, router.group) for name, router in routers})
            with measured("Replaying", "keys") as bar:
                for name, router in routers:
                    if (name, router.group) not in parked_groups:
                        continue
                    verdicts += [
                        {"service": name, "group": router.group, **verdict._asdict()}
                        for verdict in await replay_parked(
                            *(databases[name], name, router),
                            actor=actor(), topic=topic, key=key, dry_run=dry_run, tell=bar.tell,
                        )
                    ]  # fmt: skip
        return verdicts

    with sentences():
        verdicts = run(work())
    answer(verdicts, as_json=as_json, text=f"{len(verdicts)} messages looked at.")
    if not as_json:
        for row in verdicts:
            told = f"{row['service']} {row['group']} {row['key']} {row['sequence']} {row['type']}: {row['outcome']}"
            out.print(f"{told} {row['error']}".rstrip(), markup=False, soft_wrap=True)
    if any(row["outcome"] == "failed" for row in verdicts):
        raise typer.Exit(1)


@parked.command("drop")
def drop(
    event_id: EventId,
    reason: Annotated[str, typer.Option(help="Why this message may be lost; kept with it for good.")],
    group: OfGroup = None,
    as_json: AsJson = False,
) -> None:
    """Give a message up for good; what waits behind it flows with the next replay of its key."""
    if not reason.strip():
        raise fail("--reason is empty; say why this message may be lost", 2)

    async def work() -> SetAside:
        async with inspected(Settings()) as databases:
            every = await list_everywhere(databases, list(databases), group)
            chosen = only([one for one in every if one.parked.message.event_id == event_id], event_id)
            scope = worker_scope(chosen.service, actor())
            async with transaction(databases[chosen.service], scope) as session:
                await drop_parked(session, event_id, group=chosen.parked.group, reason=reason, actor=actor())
        return chosen

    with sentences():
        dropped = run(work())
    answer(dropped.facts(), as_json=as_json, text=f"Dropped {event_id} of {dropped.parked.group}.")


def named(service: str | None) -> list[str]:
    """The services to look at; ends the command with 2 for one that there is not."""
    everyone = list(installed_services())
    if service is None:
        return everyone
    if service not in everyone:
        raise fail(f"--service is {service!r}; expected one of {', '.join(everyone)}", 2)
    return [service]


def only(found: Sequence[SetAside], event_id: str) -> SetAside:
    """The one message that is meant; ends the command when there is none, or more than one."""
    if not found:
        raise fail(f"{event_id} is not parked")
    if len(found) > 1:
        groups = ", ".join(one.parked.group for one in found)
        raise fail(f"{event_id} is parked for {groups}: say for which with --group", 2)
    return found[0]


async def list_everywhere(
    databases: Mapping[str, Database], services: Sequence[str], group: str | None
) -> list[SetAside]:
    """What is parked in these services."""
    found: list[SetAside] = []
    for name in services:
        async with reading(databases[name], worker_scope(name, actor())) as session:
            found += [SetAside(name, one) for one in await list_parked(session, group)]
    return found


def refuse_unknown(groups: Collection[tuple[str, str]]) -> None:
    """End the command when a group that no longer exists holds messages."""
    if groups:
        gone = ", ".join(f"{group} of {service}" for service, group in sorted(groups))
        raise fail(f"there is no group {gone} any more: its messages can only be dropped")


def actor() -> str:
    """Who runs this command, for the ledger of parked messages."""
    return f"command:{psutil.Process().username()}"


def readable(payload: str) -> Any:
    """A payload as JSON, or as it is when it is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
