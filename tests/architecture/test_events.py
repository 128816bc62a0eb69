"""Every event is consumed or public, has a golden sample, and the generated documents are current."""

from pathlib import Path

import orjson
import pytest
from storeops.app.documents import ROOT, consumers, documents
from storeops.common.contracts.base import REGISTRY
from storeops.common.service import Service

GOLDEN = ROOT / "tests" / "contracts" / "golden"


def test_every_event_is_acted_on_or_public(services: dict[str, Service]) -> None:
    heard = consumers(services)
    idle = [wire_type for wire_type, event in REGISTRY.items() if not event.public and not heard[wire_type]]
    assert idle == []


@pytest.mark.parametrize("wire_type", sorted(REGISTRY))
def test_golden_samples_stay_readable(wire_type: str) -> None:
    sample = (GOLDEN / f"{wire_type}.json").read_bytes()
    read = orjson.loads(REGISTRY[wire_type].model_validate_json(sample).model_dump_json())
    kept = orjson.loads(sample)
    assert {name: read.get(name) for name in kept} == kept


def test_every_golden_sample_has_its_contract() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} <= set(REGISTRY)


def test_generated_documents_are_current() -> None:
    stale = [str(path) for path, content in documents().items() if read(path) != content]
    assert stale == [], "run `make docs`"


def read(path: Path) -> bytes:
    target = ROOT / path
    return target.read_bytes() if target.exists() else b""
