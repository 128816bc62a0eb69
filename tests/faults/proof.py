"""`docs/proof.md` out of what the runs came to. Claims nothing that was not run; changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storeops.common.doctor import Finding
from storeops.common.faults import POINTS

from .history import percentile
from .run import Report
from .sabotage import BUILDS, RUNS, Catch

BUSES = {"whole": "PostgreSQL", "split": "PostgreSQL", "split-kafka": "Kafka", "kafka": "Kafka"}
LAYOUTS = {
    "whole": "`storeops serve`: one process that keeps its own PostgreSQL",
    "split": "two API and two worker processes, PostgreSQL bus",
    "split-kafka": "two API and two worker processes, Kafka",
    "kafka": "one process a service, Kafka",
}
INTRODUCTION = """\
Written by `make prove`, which kills, pauses, cuts and floods a running installation, lets it heal, and then asks
three witnesses: what `storeops doctor` checks (the same code), what must agree between services, and the client's
own record of what it was answered."""
UNKNOWN = """\
*Unknown*: the client gave up without an answer; the request may have had its effect once, or not at all. Deaths of
processes are ours; PostgreSQL's and the broker's stand under faults."""
BETWEEN = """\
`relay.after_send` lies between a broker's acknowledgement and the outbox; on the PostgreSQL bus both are one
statement. Over processes the death is `SIGKILL`."""
WITNESSES = """\
After every run. I1 to I14 are the installation's invariants, ids such as ORD-3 its business rules, X what lies
between services, F what a fault itself must show."""
SECONDS = """\
Seconds from the first sending to the answer, all tries and `Prefer: wait=5` of new orders included; the load, the
services and the servers share this machine. A dead process takes seconds to start again, a paused one holds its
partitions for the lease of 3 s; with the default of 15 s that would be longer."""
NOT_COVERED = """
- One machine, one PostgreSQL, one broker. No replica, no failover, no network between hosts that is slow or split.
- `kill -9` ends a process; the kernel keeps what was written. It is not a power cut: whether disk and controller keep
  what `fsync` promised is not tested.
- Zero failures in *n* runs says only that the chance of a failure in a run like these is below about 3/*n* with 95 %
  confidence (rule of three), and nothing about other faults, longer runs or more load.
- A load of a dozen clients for seconds. No soak of hours, no slow growth of memory or tables.
- Faults come one after another, a few in a run; two at the same instant only by chance.
- Clocks of hosts that run apart: leases use the database's clock, business time is the sandbox's row.
- Runs in one process die by an exception at the named points; the sockets of a process that dies that way are closed in
  better order than by `kill -9`. That is what the runs over processes are for.
- Sabotage shows that the checks see these {builds} wrong ways, not every wrong way.
- I9 (coupons) and I14 (webhooks) have nothing to check yet. I12 (who sees what) is checked by the scene named below
  and, for every endpoint, by `tests/access`.
"""


@dataclass
class Proof:
    """Everything that `make prove` saw."""

    commit: str
    machine: Sequence[str]
    seeds: str
    began: datetime
    minutes: float = 0.0
    runs: list[Report] = field(default_factory=list[Report])
    """Over processes: calm, with faults, at named points, on a full disk."""
    controls: list[Report] = field(default_factory=list[Report])
    """In one process, not sabotaged."""
    scenes: dict[str, list[Finding]] = field(default_factory=dict[str, list[Finding]])
    """What the controls of scenes found broken."""
    catches: list[Catch] = field(default_factory=list[Catch])
    skipped: list[str] = field(default_factory=list[str])
    """What could not be run here, and why."""

    @property
    def failures(self) -> list[str]:
        """Everything that is not as it should be, in words."""
        return [
            *(one.line() for one in (*self.runs, *self.controls) if one.broken),
            *(f"the scene of {name}, not sabotaged: {found}" for name, found in self.scenes.items() if found),
            *(f"{one.build}: not caught in {one.runs} runs" for one in self.catches if not one.seen_by),
        ]


def rendered(proof: Proof) -> str:
    """The document."""
    return "\n".join(
        [
            "# Proof",
            "",
            INTRODUCTION,
            "",
            f"- Commit: {proof.commit}",
            f"- Begun {proof.began:%Y-%m-%d %H:%M} UTC, took {proof.minutes:.0f} minutes",
            *(f"- {line}" for line in proof.machine),
            f"- Seeds: {proof.seeds}",
            *(f"- Not run here: {line}" for line in proof.skipped),
            "",
            *summary(proof),
            *faults_by_kind(proof.runs),
            *named_points(proof),
            *invariants(proof),
            *sabotage(proof),
            *latency(proof.runs),
            *every_run((*proof.runs, *proof.controls)),
            "## What is not covered",
            NOT_COVERED.replace("{builds}", str(len(BUILDS))),
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table and the empty line behind it."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


def is_calm(run: Report) -> bool:
    """Whether nothing was done to the installation."""
    return not run.faults


def summary(proof: Proof) -> list[str]:
    """What it comes to, by bus, and what may be claimed for it."""
    rows: list[list[object]] = []
    claims: list[str] = []
    for bus in ("PostgreSQL", "Kafka"):
        runs = [run for run in proof.runs if BUSES[run.variant] == bus and not is_calm(run)]
        broken = sum(bool(run.broken) for run in runs)
        rows.append([f"{bus} bus, over processes", *counts(runs), broken])
        if runs and not broken:
            claims.append(f"{bus}: {len(runs)} runs, so below {min(1.0, 3 / len(runs)):.0%}")
    broken = sum(bool(run.broken) for run in proof.controls)
    rows.append(["PostgreSQL bus, in one process", *counts(proof.controls), broken])
    caught = sum(bool(one.seen_by) for one in proof.catches)
    text = (
        "Of nothing broken in *n* runs follows, with 95 % confidence, a chance of less than about 3/*n* that a run"
        f" like these breaks something: {'; '.join(claims)}. These runs are few: the figure is that weak."
        if claims
        else "Nothing may be claimed."
    )
    head = ["", "runs", "faults", "deaths of processes", "orders", "answered", "refused", "unknown", "runs not sound"]
    return [
        "## In short",
        "",
        *table(head, rows),
        UNKNOWN,
        "",
        text,
        "",
        f"Sabotage: {caught} of {len(proof.catches)} builds caught.",
        "",
        *(["Not as it should be:", "", *(f"- {line}" for line in proof.failures), ""] if proof.failures else []),
    ]


def counts(runs: Sequence[Report]) -> list[object]:
    """Runs, faults, deaths, orders and answers of some runs."""
    return [
        len(runs),
        sum(len(run.faults) for run in runs),
        sum(run.deaths for run in runs),
        sum(run.orders for run in runs),
        *(sum(run.history.count(outcome) for run in runs) for outcome in ("ok", "fail", "unknown")),
    ]


def faults_by_kind(runs: Sequence[Report]) -> list[str]:
    """How often each fault was done to each layout."""
    done: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for fault in run.faults:
            done[fault][run.variant] += 1
    rows = [[fault, *(done[fault][variant] or "" for variant in BUSES)] for fault in sorted(done)]
    layouts = [f"- `{variant}`: {words}" for variant, words in LAYOUTS.items()]
    return ["## Faults by kind", "", *layouts, "", *table(["fault", *(f"`{name}`" for name in BUSES)], rows)]


def named_points(proof: Proof) -> list[str]:
    """Who died where."""
    over = {bus: points_of(run for run in proof.runs if BUSES[run.variant] == bus) for bus in ("PostgreSQL", "Kafka")}
    inside = points_of(proof.controls)
    rows = [[f"`{point}`", over["PostgreSQL"][point], over["Kafka"][point], inside[point]] for point in POINTS]
    return [
        "## Deaths at named points",
        "",
        *table(["point", "processes, PostgreSQL bus", "processes, Kafka", "in one process"], rows),
        BETWEEN,
        "",
    ]


def points_of(runs: Iterable[Report]) -> Counter[str]:
    """Deaths by point, all runs together."""
    return sum((run.points for run in runs), Counter[str]())


def invariants(proof: Proof) -> list[str]:
    """Every check, in how many runs it was made, and in how many it found something."""
    made: Counter[tuple[str, str, str]] = Counter()
    broken: Counter[tuple[str, str, str]] = Counter()
    for run in (*proof.runs, *proof.controls):
        for name in {(one.id, one.sentence, one.service) for one in run.findings}:
            made[name] += 1
        for name in {(one.id, one.sentence, one.service) for one in run.broken}:
            broken[name] += 1
    rows = [[*name, made[name], broken[name]] for name in sorted(made)]
    return [
        "## Invariants",
        "",
        WITNESSES,
        "",
        *table(["id", "what must hold", "looked at by", "runs", "broken in"], rows),
    ]


def sabotage(proof: Proof) -> list[str]:
    """The builds that are wrong on purpose, and their control."""
    rows = [
        [one.build, BUILDS[one.build].words, one.runs if one.seen_by else f"not in {one.runs}", seen(one.seen_by)]
        for one in proof.catches
    ]
    sound = sum(not run.broken for run in proof.controls)
    return [
        "## Sabotage",
        "",
        f"Each build is run in one process over the same seeds until a check sees it, {RUNS} times at most.",
        "",
        *table(["build", "what is wrong", "runs until caught", "seen by"], rows),
        f"Control: the same {len(proof.controls)} seeds without sabotage: {sound} sound."
        + "".join(
            f" The scene of *{name}* without sabotage: {'sound' if not found else 'NOT SOUND'}."
            for name, found in proof.scenes.items()
        ),
        "",
    ]


def seen(findings: Sequence[Finding]) -> str:
    """The checks that saw a build, the first few."""
    names = list(dict.fromkeys(f"{one.id} {one.sentence}" for one in findings))
    return "; ".join(names[:3]) + (f"; and {len(names) - 3} more" if len(names) > 3 else "")


def latency(runs: Sequence[Report]) -> list[str]:
    """How long requests took from the first sending to the answer, tries included."""
    rows: list[list[object]] = []
    for variant in BUSES:
        for words, calm in (("no fault", True), ("faults", False)):
            taken = [
                one.seconds
                for run in runs
                if run.variant == variant and is_calm(run) == calm
                for one in run.history.operations
                if one.ended is not None
            ]
            if taken:
                figures = (percentile(taken, 0.5), percentile(taken, 0.99), max(taken))
                rows.append([f"`{variant}`", words, len(taken), *(f"{figure:.3f}" for figure in figures)])
    return [
        "## Latency under fault",
        "",
        SECONDS,
        "",
        *table(["layout", "with", "answered requests", "p50", "p99", "longest"], rows),
    ]


def every_run(runs: Sequence[Report]) -> list[str]:
    """Each run by its seed."""
    rows = [
        [
            run.variant,
            run.seed,
            ", ".join(run.faults) or "none",
            run.orders,
            "/".join(str(run.history.count(outcome)) for outcome in ("ok", "fail", "unknown")),
            run.deaths,
            f"{run.seconds:.0f}",
            "sound" if not run.broken else "; ".join(f"{one.id} {one.sentence}: {one.broken}" for one in run.broken),
        ]
        for run in runs
    ]
    head = ["layout", "seed", "faults, in order", "orders", "ok/refused/unknown", "deaths", "s", "result"]
    return ["## Every run", "", *table(head, rows)]
