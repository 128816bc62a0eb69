"""Writes the generated documents: OpenAPI per service, AsyncAPI 3, docs/events.md and the golden samples.

`python -m storeops.app.documents` writes them, `--check` fails when one is not current.
"""

import sys
from pathlib import Path
from typing import Any, cast

import orjson

from storeops.app.samples import samples
from storeops.common.contracts.base import REGISTRY, Event
from storeops.common.http.application import build_application
from storeops.common.service import Service, installed_services

ROOT = Path(__file__).parents[4]
OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def producers() -> dict[str, str]:
    """The service that owns each event: the contracts file it stands in."""
    return {wire_type: event.__module__.rpartition(".")[2] for wire_type, event in REGISTRY.items()}


def consumers(services: dict[str, Service]) -> dict[str, list[str]]:
    """The groups that act on each event."""
    found: dict[str, list[str]] = {wire_type: [] for wire_type in REGISTRY}
    for service in services.values():
        for router in service.events:
            for wire_type in router.reads | router.handlers.keys():
                found[wire_type].append(router.group)
    return found


def events_page(services: dict[str, Service]) -> str:
    """docs/events.md: every event, who publishes it, who acts on it, and its fields."""
    made, heard = producers(), consumers(services)
    lines = [
        "# Events",
        "",
        "Generated from `storeops.common.contracts` by `make docs`. Every event also reaches the archive.",
        "",
    ]
    for wire_type, event in sorted(REGISTRY.items(), key=lambda item: (made[item[0]], item[1].topic, item[0])):
        acting = heard[wire_type] or ["other teams, by choice"]
        lines += [
            f"## `{wire_type}`",
            "",
            " ".join((event.__doc__ or "").split()),
            "",
            f"Topic `{event.topic}`, key `{':'.join(event.key_fields)}`.",
            "",
            f"Published by **{made[wire_type]}**, acted on by {', '.join(f'**{group}**' for group in acting)}.",
            "",
            "| field | type | required |",
            "|---|---|---|",
            *(f"| `{name}` | {kind} | {need} |" for name, kind, need in fields_of(event)),
            "",
        ]
    return "\n".join(lines)


def fields_of(event: type[Event]) -> list[tuple[str, str, str]]:
    """Name, type and need of each field."""
    schema = event.model_json_schema()
    required = set(schema.get("required", ()))
    return [(name, kind_of(part), "yes" if name in required else "") for name, part in schema["properties"].items()]


def kind_of(part: dict[str, Any]) -> str:
    """A schema's type in a word or two."""
    if "anyOf" in part:
        return " or ".join(kind_of(option) for option in part["anyOf"])
    if "$ref" in part:
        return part["$ref"].rpartition("/")[2]
    if part.get("type") == "array":
        return f"list of {kind_of(part.get('items', {}))}"
    return str(part.get("format") or part.get("type", "any"))


def asyncapi(services: dict[str, Service]) -> dict[str, Any]:
    """AsyncAPI 3: a channel per topic, a message per event."""
    made, heard = producers(), consumers(services)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for wire_type, event in REGISTRY.items():
        name = event.__name__
        channel = channels.setdefault(event.topic, {"address": event.topic, "messages": {}})
        channel["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        messages[name] = {
            "name": wire_type,
            "title": name,
            "summary": " ".join((event.__doc__ or "").split()),
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
            "payload": inline(event.model_json_schema()),
            "x-producer": made[wire_type],
            "x-consumers": heard[wire_type],
        }
        reference = {"$ref": f"#/channels/{event.topic}/messages/{name}"}
        publish = operations.setdefault(
            f"publish-{event.topic}",
            {"action": "send", "channel": {"$ref": f"#/channels/{event.topic}"}, "messages": []},
        )
        publish["messages"].append(reference)
    headers = {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence"],
        "properties": {
            name: {"type": "string"}
            for name in (
                "ce_specversion",
                "ce_id",
                "ce_source",
                "ce_type",
                "ce_subject",
                "ce_time",
                "ce_sequence",
                "ce_partitionkey",
                "ce_storeid",
                "ce_correlationid",
                "ce_causationid",
                "traceparent",
            )
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "StoreOps events", "version": "1", "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"CloudEventHeaders": headers}},
    }


def inline(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema without references: each message stands alone."""
    definitions = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, list):
            return [resolve(item) for item in cast("list[Any]", part)]
        if not isinstance(part, dict):
            return part
        fields = cast("dict[str, Any]", part)
        if "$ref" in fields:
            return resolve(definitions[str(fields["$ref"]).rpartition("/")[2]])
        return {name: resolve(value) for name, value in fields.items()}

    return resolve(schema)


def documents() -> dict[Path, bytes]:
    """Every generated file with its content."""
    services = installed_services()
    files = {
        Path("docs/events.md"): events_page(services).encode(),
        Path("docs/asyncapi.json"): orjson.dumps(asyncapi(services), option=OPTIONS),
    }
    for name, service in services.items():
        document = build_application([service], None).openapi()
        files[Path(f"docs/openapi/{name}.json")] = orjson.dumps(document, option=OPTIONS)
    for wire_type, sample in samples().items():
        path = Path(f"tests/contracts/golden/{wire_type}.json")
        if not (ROOT / path).exists():
            files[path] = orjson.dumps(orjson.loads(sample.model_dump_json()), option=OPTIONS)
    return files


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare; answers the exit code."""
    stale: list[str] = []
    for path, content in documents().items():
        target = ROOT / path
        if target.exists() and target.read_bytes() == content:
            continue
        stale.append(str(path))
        if "--check" not in arguments:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    verb = "not current" if "--check" in arguments else "written"
    sys.stdout.write("".join(f"{verb}: {path}\n" for path in stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
