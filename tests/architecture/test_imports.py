"""Who may import whom, as `[tool.importlinter]` in pyproject.toml says; no service and no area is left out of it."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_every_contract_is_kept() -> None:
    linter = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    answer = subprocess.run(linter, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_orders_its_areas(service: str) -> None:
    package = f"storeops.{service}"
    assert package in LINTER["root_packages"]
    [order] = [each for each in LINTER["contracts"] if each.get("containers") == [package]]
    assert order["exhaustive"], "a new area must find its place"
    assert any(f"{package}.*" in each.get("containers", ()) for each in LINTER["contracts"])
