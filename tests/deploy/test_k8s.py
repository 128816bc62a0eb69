"""The Kubernetes manifests: valid for the versions named, safe by policy, and true to how the services are set up."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from storeops.common.settings import SERVICE_PORTS

Manifest = dict[str, Any]
Render = Callable[[str], list[Manifest]]

ROOT = Path(__file__).parents[2]
FOLDERS = ("base", "overlays/production")
VERSIONS = ("1.32", "1.37")
GATEWAY_API = "gateway.networking.k8s.io/v1"
ROLES = ("api", "worker")
SECRETS = {
    "STOREOPS_DATABASE_URL",
    "STOREOPS_ADMIN_DATABASE_URL",
    "STOREOPS_SERVICE_SECRET",
    "STOREOPS_CONTACT_KEY",
    "STOREOPS_OWNER_PASSWORD",
}


class Strict(BaseModel):
    """Refuses a field it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Metadata(Strict):
    name: str
    namespace: str
    labels: dict[str, str] = {}


class Named(Strict):
    name: str


class PathMatch(Strict):
    type: str
    value: str


class Match(Strict):
    path: PathMatch


class Backend(Strict):
    name: str
    port: int


class Rule(Strict):
    matches: list[Match]
    backend_refs: list[Backend]


class RouteSpec(Strict):
    parent_refs: list[Named]
    hostnames: list[str] = []
    rules: list[Rule]


class HttpRoute(Strict):
    """What we use of Gateway API's HTTPRoute; the kind is no part of Kubernetes' own schemas."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: RouteSpec


class From(Strict):
    namespaces: dict[str, str]


class Tls(Strict):
    mode: str
    certificate_refs: list[Named]


class Listener(Strict):
    name: str
    protocol: str
    port: int
    hostname: str
    tls: Tls
    allowed_routes: From


class GatewaySpec(Strict):
    gateway_class_name: str
    listeners: list[Listener]


class Gateway(Strict):
    """What we use of Gateway API's Gateway."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: GatewaySpec


def of_kind(objects: list[Manifest], kind: str) -> list[Manifest]:
    return [item for item in objects if item["kind"] == kind]


def pods(objects: list[Manifest]) -> list[Manifest]:
    """The pod templates of every Deployment and Job."""
    return [item["spec"]["template"] for item in objects if item["kind"] in ("Deployment", "Job")]


def containers(objects: list[Manifest]) -> list[Manifest]:
    return [container for pod in pods(objects) for container in pod["spec"]["containers"]]


def routes(objects: list[Manifest]) -> list[HttpRoute]:
    return [HttpRoute.model_validate(item) for item in of_kind(objects, "HTTPRoute")]


def deployments(objects: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {
        (item["metadata"]["labels"]["app.kubernetes.io/component"], item["metadata"]["labels"]["role"]): item
        for item in of_kind(objects, "Deployment")
    }


def address(service: str) -> str:
    return f"{service.replace('_', '-')}-api"


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(render: Render, folder: str, version: str) -> None:
    for item in render(folder):
        if item["apiVersion"] == GATEWAY_API:
            (HttpRoute if item["kind"] == "HTTPRoute" else Gateway).model_validate(item)
        else:
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="compares with kubectl where it is installed")
def test_the_renderer_agrees_with_kubectl(render: Render, folder: str) -> None:
    command = ["kubectl", "kustomize", str(ROOT / "deploy/k8s" / folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    expected = sorted(json.dumps(item, sort_keys=True) for item in yaml.safe_load_all(text))
    assert sorted(json.dumps(item, sort_keys=True) for item in render(folder)) == expected


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_two_objects_share_a_name(render: Render, folder: str) -> None:
    names = [(item["kind"], item["metadata"]["name"]) for item in render(folder)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_service_has_an_api_and_a_worker_on_its_port(render: Render, folder: str) -> None:
    found = deployments(render(folder))
    assert found.keys() == {(service, role) for service in SERVICE_PORTS for role in ROLES}
    for (service, role), deployment in found.items():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["serve", service, "--role", role]
        assert container["ports"] == [{"name": "http", "containerPort": SERVICE_PORTS[service]}]


@pytest.mark.parametrize("folder", FOLDERS)
def test_services_and_budgets_select_exactly_their_own_pods(render: Render, folder: str) -> None:
    objects = render(folder)
    labels = {key: item["spec"]["template"]["metadata"]["labels"] for key, item in deployments(objects).items()}

    def selected(selector: dict[str, str]) -> list[tuple[str, str]]:
        return [key for key, pod in labels.items() if selector.items() <= pod.items()]

    for key, item in deployments(objects).items():
        assert selected(item["spec"]["selector"]["matchLabels"]) == [key]
    by_name = {item["metadata"]["name"]: item["spec"] for item in of_kind(objects, "Service")}
    assert by_name.keys() == {address(service) for service in SERVICE_PORTS}
    for service, port in SERVICE_PORTS.items():
        spec = by_name[address(service)]
        assert selected(spec["selector"]) == [(service, "api")]
        assert spec["ports"] == [{"name": "http", "port": port, "targetPort": "http"}]
    budgets = of_kind(objects, "PodDisruptionBudget")
    assert sorted(key for item in budgets for key in selected(item["spec"]["selector"]["matchLabels"])) == sorted(
        labels
    )
    assert all(item["spec"]["maxUnavailable"] == 1 for item in budgets)


@pytest.mark.parametrize("folder", FOLDERS)
def test_peers_are_found_where_they_listen(render: Render, folder: str) -> None:
    [configuration] = of_kind(render(folder), "ConfigMap")
    for service, port in SERVICE_PORTS.items():
        assert configuration["data"][f"STOREOPS_{service.upper()}_URL"] == f"http://{address(service)}:{port}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_path_is_routed_to_the_service_that_owns_it(
    render: Render, folder: str, paths_of: dict[str, list[str]]
) -> None:
    rules = [rule for route in routes(render(folder)) for rule in route.spec.rules]

    def owners(path: str) -> set[str]:
        return {
            backend.name
            for rule in rules
            for match in rule.matches
            for backend in rule.backend_refs
            if path == match.path.value or (match.path.type == "PathPrefix" and path.startswith(match.path.value + "/"))
        }

    for service, paths in paths_of.items():
        for path in paths:
            assert owners(path) == {address(service)}, path
    for rule in rules:
        assert {match.path.type for match in rule.matches} <= {"PathPrefix", "Exact"}
        assert len(rule.matches) <= 64, "Gateway API allows no more in a rule"
        assert {(backend.name, backend.port) for backend in rule.backend_refs} <= {
            (address(service), port) for service, port in SERVICE_PORTS.items()
        }


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_variable_is_a_setting(render: Render, folder: str, settings_named: set[str]) -> None:
    objects = render(folder)
    [configuration] = of_kind(objects, "ConfigMap")
    given = set(configuration["data"])
    for container in containers(objects):
        assert container["envFrom"] == [{"configMapRef": {"name": configuration["metadata"]["name"]}}]
        given |= {variable["name"] for variable in container["env"]}
    assert given <= settings_named


@pytest.mark.parametrize("folder", FOLDERS)
def test_secrets_are_named_one_by_one_and_none_is_in_the_files(render: Render, folder: str) -> None:
    objects = render(folder)
    assert not of_kind(objects, "Secret")
    [configuration] = of_kind(objects, "ConfigMap")
    assert not SECRETS & set(configuration["data"])
    for container in containers(objects):
        for variable in container["env"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert variable["name"] in SECRETS
            assert not reference.get("optional", False)
    serving = {variable["name"] for pod in pods(of_kind(objects, "Deployment")) for variable in names_of(pod)}
    assert "STOREOPS_ADMIN_DATABASE_URL" not in serving
    for (service, _), item in deployments(objects).items():
        has_password = "STOREOPS_OWNER_PASSWORD" in {v["name"] for v in names_of(item["spec"]["template"])}
        assert has_password == (service == "platform")


def names_of(pod: Manifest) -> list[Manifest]:
    return [variable for container in pod["spec"]["containers"] for variable in container["env"]]


@pytest.mark.parametrize("folder", FOLDERS)
def test_pods_are_restricted(render: Render, folder: str) -> None:
    for pod in pods(render(folder)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [temporary] = [volume["name"] for volume in spec["volumes"] if "emptyDir" in volume]
        for container in spec["containers"]:
            limits = container["securityContext"]
            assert limits["allowPrivilegeEscalation"] is False
            assert limits["readOnlyRootFilesystem"] is True
            assert limits["capabilities"] == {"drop": ["ALL"]}
            assert {"name": temporary, "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108 - an emptyDir


@pytest.mark.parametrize("folder", FOLDERS)
def test_containers_have_probes_and_bounds_and_a_pinned_image(render: Render, folder: str) -> None:
    objects = render(folder)
    images = {container["image"] for container in containers(objects)}
    assert len(images) == 1
    [image] = images
    assert image.rpartition(":")[2][0].isdigit()
    for container in containers(objects):
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
    for container in containers(of_kind(objects, "Deployment")):
        assert container["startupProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}


def test_production_survives_the_loss_of_a_pod(render: Render) -> None:
    assert all(item["spec"]["replicas"] >= 2 for item in of_kind(render("overlays/production"), "Deployment"))


def test_production_has_a_way_in(render: Render) -> None:
    objects = render("overlays/production")
    [gateway] = [Gateway.model_validate(item) for item in of_kind(objects, "Gateway")]
    hostnames = [listener.hostname for listener in gateway.spec.listeners]
    for route in routes(objects):
        assert [parent.name for parent in route.spec.parent_refs] == [gateway.metadata.name]
        assert route.metadata.namespace == gateway.metadata.namespace
        assert route.spec.hostnames == hostnames


def test_every_manifest_belongs_to_a_kustomization() -> None:
    folder = ROOT / "deploy/k8s"
    named = {
        (plan.parent / name).resolve()
        for plan in folder.rglob("kustomization.yaml")
        for name in yaml.safe_load(plan.read_text())["resources"]
    }
    files = {path.resolve() for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert files <= named
    assert all(path.exists() for path in named)
