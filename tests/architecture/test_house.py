"""The rules of the house as tests: what CONTRIBUTING says, fails here when it is not so."""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("libs", "services", "apps")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
AREA_FILES = {
    "__init__",
    "endpoints",
    "handlers",
    "jobs",
    "commands",
    "queries",
    "rules",
    "schemas",
    "models",
    "errors",
}
ROOT_FILES = {
    "__init__", "app", "base", "settings", "events", "sessions", "invariants", "migrations", "py.typed",
}  # fmt: skip

WALL_CLOCK = re.compile(
    r"\b(time\.time|time\.monotonic|time\.time_ns|datetime\.now|datetime\.utcnow|date\.today)\(|loop\(?\)?\.time\(\)"
)
SQL_CLOCK = re.compile(r"\bnow\(\)|CURRENT_TIMESTAMP|clock_timestamp\(\)", re.IGNORECASE)
MACHINE_CLOCK_FILES = {
    "libs/common/storeops/common/clock.py": "the machine clock itself",
    "libs/common/storeops/common/bus/postgres.py": "leases and retention of the log",
    "libs/common/storeops/common/bus/kafka.py": "leases and retention of the log",
    "libs/common/storeops/common/spine.py": "when spine rows were written: retention and operators",
    "libs/common/storeops/common/http/idempotency.py": "retention of stored answers",
    "libs/common/storeops/common/upkeep.py": "retention of the inbox",
    "libs/common/storeops/common/parked.py": "when operators acted",
    "libs/common/storeops/common/embedded/postgres.py": "pauses of the supervisor",
    "libs/common/storeops/common/embedded/process.py": "pauses of the supervisor",
    "libs/common/storeops/common/embedded/kafka.py": "pauses of the supervisor",
    "services/platform/storeops/platform/access/commands.py": "sign-in throttle, keys and tokens",
    "services/platform/storeops/platform/access/queries.py": "sign-in throttle, keys and tokens",
}
"""Who may ask the machine clock, and why. Everything else takes business time as an argument."""


MACHINE_CLOCK = {"machine_now", "machine_ms", "monotonic"}
IMPORTERS_OF_THE_MACHINE_CLOCK = {
    "apps/storeops/storeops/app/console.py": "the rate that a progress bar shows",
    "apps/storeops/storeops/app/rebuild.py": "how long a command took",
    "libs/common/storeops/common/auth/signing.py": "when tokens begin and end",
    "libs/common/storeops/common/auth/tokens.py": "when tokens end, and how often keys are fetched",
    "libs/common/storeops/common/bus/kafka_relay.py": "how long a refused key waits",
    "libs/common/storeops/common/bus/postgres.py": "rhythm of leases",
    "libs/common/storeops/common/consumer.py": "pace of a group",
    "libs/common/storeops/common/db.py": "business time outside a sandbox: the one place where it is read",
    "libs/common/storeops/common/http/context.py": "when a token is renewed",
    "libs/common/storeops/common/http/edge.py": "how long a request took",
    "libs/common/storeops/common/ids.py": "birth of an id",
    "libs/common/storeops/common/relay.py": "rhythm of the relay",
    "libs/common/storeops/common/sandbox.py": "how long a caller waits, and where a new sandbox begins",
    "libs/common/storeops/common/testing/harness.py": "tokens of tests",
    "libs/common/storeops/common/timers.py": "business time outside a sandbox, and rhythms of upkeep",
    "libs/common/storeops/common/upkeep.py": "age of messages",
    "services/orders/storeops/orders/intake/decisions.py": "how long a caller waits for a decision",
}
"""Who may import the machine clock's functions, and why."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def service_sources() -> Iterator[Path]:
    return (path for path in SOURCES if "services" in path.relative_to(ROOT).parts[:1])


def test_every_service_is_installed() -> None:
    assert sorted(point.name for point in entry_points(group="storeops.services")) == SERVICES


def test_services_keep_to_the_rooms() -> None:
    strangers: list[str] = []
    for service in SERVICES:
        package = ROOT / "services" / service / "storeops" / service
        for entry in package.iterdir():
            if entry.is_dir() and entry.name not in ("migrations", "__pycache__"):
                strangers += [
                    name_of(path)
                    for path in entry.iterdir()
                    if path.suffix == ".py" and path.stem not in AREA_FILES and not allowed_extra(path)
                ]
            elif entry.is_file() and entry.stem not in ROOT_FILES and entry.name not in ROOT_FILES:
                strangers.append(name_of(entry))
    assert strangers == []


def allowed_extra(path: Path) -> bool:
    """A room may hold one more file when its docstring says why it stands apart (`Apart because …`)."""
    return "Apart because" in (ast.get_docstring(ast.parse(path.read_text())) or "")


def test_files_stay_short() -> None:
    long = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES if "migrations" not in path.parts}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_functions_stay_short() -> None:
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in SOURCES
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )
    assert lengths[int(len(lengths) * 0.95)] <= 40


def test_nothing_is_imported_inside_a_function() -> None:
    found = [
        f"{name_of(path)}:{inner.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_services_do_not_own_transactions() -> None:
    owning = re.compile(r"\.(commit|rollback|begin|begin_nested)\(|\b(COMMIT|ROLLBACK|BEGIN)\b")
    found = [
        f"{name_of(path)}:{number}"
        for path in service_sources()
        if "migrations" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if owning.search(line)
    ]
    assert found == []


READS = re.compile(r"\s*(SELECT|WITH|TABLE|VALUES)\b")
WRITES = re.compile(r"\b(INSERT INTO|DELETE FROM|(?<!FOR )(?<!NO KEY )(?<!DO )UPDATE \w)")
BY_ORM = re.compile(r"(?<![\w.])select\(|\.exec\(")


def test_selects_stand_in_queries() -> None:
    """A statement that writes may select what it writes, and read it back; one that only reads is a look-up."""
    found = [
        f"{name_of(path)}:{line}"
        for path in service_sources()
        if "queries" not in (path.stem, path.parent.name)
        and "migrations" not in path.parts
        and path.stem != "invariants"
        for line in [*lookups_in_sql(ast.parse(path.read_text())), *lookups_by_orm(path.read_text())]
    ]
    assert found == []


def lookups_in_sql(tree: ast.AST) -> Iterator[int]:
    """Where a text is a statement that only reads."""
    for line, text in texts(tree):
        if READS.match(text) and not WRITES.search(text):
            yield line


def texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text with its line; one put together of several, or of values, is one text.

    What `…_part(…)` is given is no statement of its own: it becomes part of one that writes.
    """
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_part"):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        yield node.lineno, "".join(map(str, parts))
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def lookups_by_orm(source: str) -> Iterator[int]:
    """Where the ORM is asked."""
    return (number for number, line in enumerate(source.splitlines(), 1) if BY_ORM.search(line))


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("SELECT sku FROM inventory.sku", True),
        ("\\n  SELECT sku FROM inventory.sku FOR UPDATE", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a FOR NO KEY UPDATE OF a", True),
        ("INSERT INTO t (a) SELECT * FROM unnest($1::int[])", False),
        ("WITH a AS (INSERT INTO t VALUES (1) RETURNING a) SELECT a FROM a", False),
        ("WITH a AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM a", False),
        ("SELECTED goods", False),
    ],
)
def test_what_counts_as_a_lookup(statement: str, *, reads: bool) -> None:
    for source in (f"f('{statement[:9]}' '{statement[9:]}')", f"f(f'{statement}{{x}}')"):
        assert bool([*lookups_in_sql(ast.parse(source))]) is reads


def test_only_named_files_ask_the_machine_clock() -> None:
    found = {
        name_of(path)
        for path in SOURCES
        if "demo" not in path.parts and "migrations" not in path.parts
        if WALL_CLOCK.search(path.read_text()) or SQL_CLOCK.search(without_calls_of_session(path.read_text()))
    }
    assert found - set(MACHINE_CLOCK_FILES) == set()


def test_only_named_files_import_the_machine_clock() -> None:
    found = {
        name_of(path)
        for path in SOURCES
        if not {"demo", "bench"} & set(path.parts)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "storeops.common.clock"
        and MACHINE_CLOCK & {name.name for name in node.names}
    }
    assert found == set(IMPORTERS_OF_THE_MACHINE_CLOCK)


def without_calls_of_session(text: str) -> str:
    """Business time is read by `session.now()` and `harness.now()`: those are not the machine's clock."""
    return re.sub(r"(\w+\.now\(\)|async def now\()", "", text)


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "misc", "base_service"])
def test_no_room_is_called_after_nothing(word: str) -> None:
    assert [name_of(path) for path in SOURCES if word in (path.stem, path.parent.name)] == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in SOURCES
        if "migrations" not in path.parts
        and path.read_text().strip()
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_address_of_an_index_is_committed() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|^-e |file:", lock, re.MULTILINE)


def test_every_silenced_check_has_its_reason_beside_it() -> None:
    everywhere = [*SOURCES, *(path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts)]
    silenced = re.compile(r"#\s*(ruff:\s*noqa|noqa|type:\s*ignore|pyright:)(?P<rest>.*)$", re.MULTILINE | re.IGNORECASE)
    unreasoned = [
        f"{name_of(path)}: {found.group()}"
        for path in everywhere
        for found in silenced.finditer(path.read_text())
        if not re.search(r" - \w", found["rest"])
    ]
    assert unreasoned == []
