"""compose.yaml, its gateway and the image: true to how the services are set up. Nothing is built or pulled here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from storeops.common.settings import SERVICE_PORTS, Settings

Part = dict[str, Any]

ROOT = Path(__file__).parents[2]
ROLES = ("api", "worker")


@pytest.fixture
def compose() -> Part:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture
def parts(compose: Part) -> dict[str, Part]:
    return compose["services"]


def address(service: str, role: str = "api") -> str:
    return f"{service.replace('_', '-')}-{role}"


def ours(parts: dict[str, Part]) -> dict[str, Part]:
    return {name: part for name, part in parts.items() if "build" in part}


def test_every_service_has_an_api_and_a_worker_on_its_port(parts: dict[str, Part]) -> None:
    expected = {address(service, role) for service in SERVICE_PORTS for role in ROLES}
    assert parts.keys() == expected | {"postgres", "kafka", "migrate", "gateway"}
    for service, port in SERVICE_PORTS.items():
        for role in ROLES:
            part = parts[address(service, role)]
            assert part["command"] == ["serve", service, "--role", role]
            assert part["environment"]["STOREOPS_PORT"] == str(port), "the image's health check asks there"
            assert part["environment"][f"STOREOPS_{service.upper()}_URL"] == f"http://{address(service)}:{port}"


def test_services_wait_for_what_they_need(parts: dict[str, Part]) -> None:
    needs = {"migrate": "service_completed_successfully", "kafka": "service_healthy"}
    for name, part in ours(parts).items():
        wanted = {"postgres": "service_healthy"} if name == "migrate" else needs
        assert {other: need["condition"] for other, need in part["depends_on"].items()} == wanted
        for other in part["depends_on"]:
            assert other == "migrate" or "test" in parts[other]["healthcheck"]


def test_only_addresses_of_this_machine_are_published(parts: dict[str, Part]) -> None:
    published = [port for part in parts.values() for port in part.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)
    hosts = [port.split(":")[1] for port in published]
    assert len(hosts) == len(set(hosts))


def test_images_are_pinned_and_volumes_declared(compose: Part, parts: dict[str, Part]) -> None:
    for name, part in parts.items():
        assert re.fullmatch(r"[a-z0-9./-]+:[0-9][\w.-]*", part["image"]), name
        for volume in part.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] if source[0] != "." else (ROOT / source).is_file()


def test_every_variable_is_a_setting(parts: dict[str, Part], settings_named: set[str]) -> None:
    for part in ours(parts).values():
        assert set(part["environment"]) <= settings_named
    assert "STOREOPS_ADMIN_DATABASE_URL" in parts["migrate"]["environment"]
    serving = [part for name, part in ours(parts).items() if name != "migrate"]
    assert not any("STOREOPS_ADMIN_DATABASE_URL" in part["environment"] for part in serving)
    Settings(bus=parts["orders-api"]["environment"]["STOREOPS_BUS"])


def test_our_containers_are_confined(parts: dict[str, Part]) -> None:
    for part in ours(parts).values():
        assert part["read_only"]
        assert part["cap_drop"] == ["ALL"]
        assert part["security_opt"] == ["no-new-privileges:true"]


def test_the_gateway_sends_every_path_to_its_owner(parts: dict[str, Part], paths_of: dict[str, list[str]]) -> None:
    text = (ROOT / "deploy/compose/nginx.conf").read_text()
    rules = [(re.compile(pattern), target) for pattern, target in re.findall(r'"~(\^\S+)" "(\S+)";', text)]
    assert {target for _, target in rules} == {f"{address(name)}:{port}" for name, port in SERVICE_PORTS.items()}
    for service, paths in paths_of.items():
        for path in paths:
            owners = [target for pattern, target in rules if pattern.search(path)]
            assert owners == [f"{address(service)}:{SERVICE_PORTS[service]}"], path
    assert not any(pattern.search(path) for path in ("/metrics", "/docs", "/v1", "/v1/ordersx") for pattern, _ in rules)
    [published] = parts["gateway"]["ports"]
    assert f"listen {published.rpartition(':')[2]};" in text


def test_the_gateway_leaves_large_bodies_to_the_services() -> None:
    text = (ROOT / "deploy/compose/nginx.conf").read_text()
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(megabytes) * 2**20 > Settings.model_fields["max_batch_body"].default


def test_the_image_runs_as_an_unprivileged_user_and_checks_its_health(settings_named: set[str]) -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    base, *_ = re.findall(r"^ARG BASE=(\S+)", text, flags=re.MULTILINE)
    assert base == "python:3.11-slim"
    assert re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert re.findall(r"^USER (\S+)", text, flags=re.MULTILINE) == ["10001:10001"]
    assert set(re.findall(r"STOREOPS_[A-Z_]+", text)) <= settings_named
    [health] = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", text, flags=re.MULTILINE)
    compile(json.loads(health)[2], "health", "exec")
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
            assert f"\n!{name}\n" in (ROOT / ".dockerignore").read_text(), name
