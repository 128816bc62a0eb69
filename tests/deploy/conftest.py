"""What the tests of the deployments share: Kustomize's rendering without kubectl, and the settings there are.

The renderer knows only the parts of Kustomize that `deploy/k8s` uses and refuses every other; where kubectl is
installed, a test compares the two.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from storeops.common.service import Service
from storeops.common.settings import SERVICE_PORTS, Settings

ROOT = Path(__file__).parents[2]
KNOWN_KEYS = {"apiVersion", "kind", "namespace", "namePrefix", "labels", "resources", "patches", "images"}
NO_NAMESPACE = ("Namespace",)

Manifest = dict[str, Any]
Render = Callable[[str], list[Manifest]]


@pytest.fixture
def render() -> Render:
    """The objects of a folder under deploy/k8s, as `kubectl kustomize` writes them."""
    return lambda folder: rendered((ROOT / "deploy/k8s" / folder).resolve())


@pytest.fixture
def settings_named() -> set[str]:
    """Every variable that the code reads."""
    literal = re.compile(r'"(STOREOPS_[A-Z_]+)"')
    sources = [path.read_text() for folder in ("libs", "apps", "services") for path in (ROOT / folder).rglob("*.py")]
    return {
        *(f"STOREOPS_{name.upper()}" for name in Settings.model_fields),
        *(f"STOREOPS_{name.upper()}_{part}" for name in SERVICE_PORTS for part in ("URL", "DATABASE_URL")),
        *(name for source in sources for name in literal.findall(source)),
    }


@pytest.fixture
def paths_of(services: dict[str, Service]) -> dict[str, list[str]]:
    """The paths of every service."""
    return {
        name: sorted({cast("str", getattr(route, "path", "")) for router in service.routers for route in router.routes})
        for name, service in services.items()
    }


def rendered(folder: Path) -> list[Manifest]:
    """The objects of a kustomization and of those it names, with what it changes about them."""
    plan: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert plan.keys() <= KNOWN_KEYS, f"{folder}: {sorted(plan.keys() - KNOWN_KEYS)} is not known to the renderer"
    objects: list[Manifest] = []
    for name in plan["resources"]:
        path = (folder / name).resolve()
        objects += rendered(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for patch in plan.get("patches", []):
        apply_patch(objects, patch)
    for item in objects:
        rename(item, prefix=plan.get("namePrefix", ""), namespace=plan.get("namespace"))
        for labels in plan.get("labels", []):
            assert labels.keys() <= {"pairs", "includeSelectors"}
            add_labels(item, labels["pairs"], selectors=labels.get("includeSelectors", False))
        for image in plan.get("images", []):
            set_image(item, image)
    return objects


def apply_patch(objects: Sequence[Manifest], patch: Manifest) -> None:
    """Change what a JSON patch (RFC 6902, `add` and `replace`) aims at; a patch without a target is a mistake."""
    target = patch["target"]
    assert target.keys() <= {"kind", "name"}
    aimed = [
        item
        for item in objects
        if item["kind"] == target["kind"] and re.fullmatch(target.get("name", ".*"), item["metadata"]["name"])
    ]
    assert aimed, f"nothing matches {target}"
    for item in aimed:
        for operation in yaml.safe_load(patch["patch"]):
            change(item, operation)


def change(item: Manifest, operation: Manifest) -> None:
    """One operation of a JSON patch."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    place: Any = item
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    kind, value = operation["op"], operation["value"]
    assert kind in ("add", "replace"), f"{kind} is not known to the renderer"
    if not isinstance(place, list):
        assert kind == "add" or last in place, f"{operation['path']} is not there to be replaced"
        place[last] = value
    elif kind == "add":
        elements = cast("list[Any]", place)
        elements.insert(len(elements) if last == "-" else int(last), value)
    else:
        place[int(last)] = value


def rename(item: Manifest, *, prefix: str, namespace: str | None) -> None:
    """Put the prefix before the name, and the object into its namespace."""
    metadata = item["metadata"]
    metadata["name"] = prefix + metadata["name"]
    if namespace is not None and item["kind"] not in NO_NAMESPACE:
        metadata["namespace"] = namespace


def add_labels(item: Manifest, pairs: dict[str, str], *, selectors: bool) -> None:
    """Label the object and its pods, and let selectors ask for it."""
    item["metadata"].setdefault("labels", {}).update(pairs)
    spec = item.get("spec", {})
    if "template" in spec:
        spec["template"].setdefault("metadata", {}).setdefault("labels", {}).update(pairs)
    if selectors and item["kind"] == "Service":
        spec["selector"].update(pairs)
    elif selectors and item["kind"] in ("Deployment", "PodDisruptionBudget"):
        spec["selector"]["matchLabels"].update(pairs)


def set_image(item: Manifest, image: Manifest) -> None:
    """Put another address or tag on an image."""
    for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        name, _, tag = container["image"].partition(":")
        if name == image["name"]:
            container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
