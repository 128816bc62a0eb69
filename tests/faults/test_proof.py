"""`docs/proof.md` tells of everything that there is to prove."""

from pathlib import Path

from storeops.common.faults import POINTS

from .injectors import EVERYWHERE
from .sabotage import BUILDS

PROOF = Path(__file__).parents[2] / "docs" / "proof.md"


def test_the_proof_tells_of_every_point_every_fault_and_every_build() -> None:
    told = PROOF.read_text()
    lines = [*(f"| `{point}` |" for point in POINTS), *(f"| {name} |" for name in (*EVERYWHERE, "broker killed"))]
    missing = [line for line in (*lines, *(f"| {name} |" for name in BUILDS)) if line not in told]
    assert not missing
