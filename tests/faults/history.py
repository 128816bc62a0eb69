"""What a client knows of its own: each request it made, when, and what it was answered. Written before and after each.

`unknown` is a request whose answer never came: it may have had its effect once, or not at all.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["place", "take", "pay", "pack", "handover", "cancel"]
Outcome = Literal["ok", "fail", "unknown"]


@dataclass
class Operation:
    """One intention, sent under one key as often as it takes."""

    id: str
    """Also the Idempotency-Key, the order's label, the payment's reference and the parcel's waybill."""
    kind: Kind
    subject: str
    """What it is about: an order, a fulfillment order or a parcel; empty for a new order."""
    body: Mapping[str, Any]
    started: float
    """Seconds since the load began, machine time."""
    ended: float | None = None
    outcome: Outcome = "unknown"
    status: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tries: int = 0
    troubles: list[str] = field(default_factory=list[str])
    """What each try but the last came to."""

    @property
    def seconds(self) -> float:
        """From the first sending to the answer."""
        return (self.ended or self.started) - self.started


class History:
    """The client's record. `stem` makes its ids differ from those of other runs in the same installation."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self.operations: list[Operation] = []
        self.faulty: list[str] = []
        """Answers that no client should ever see: a 500, an error that is no problem+json."""

    def begin(self, kind: Kind, subject: str, body: Mapping[str, Any], *, at: float) -> Operation:
        """Write down what is about to be sent."""
        operation = Operation(f"{self.stem}-{len(self.operations)}", kind, subject, body, at)
        self.operations.append(operation)
        return operation

    def of(self, *kinds: Kind, outcome: Outcome | None = None) -> Iterator[Operation]:
        """Operations of these kinds, with this outcome or any."""
        return (one for one in self.operations if one.kind in kinds and outcome in (None, one.outcome))

    def count(self, outcome: Outcome) -> int:
        """How many ended so."""
        return sum(one.outcome == outcome for one in self.operations)

    def write(self, path: Path) -> None:
        """Keep it, a line an operation."""
        path.write_text("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in self.operations))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
