"""What no request may do: every operation that takes a body, a path id or a query refuses what is wrong with it.

Each refusal is a problem with a stable code that names field and value, and nothing has changed.
"""

import json
from collections.abc import AsyncIterator, Collection
from typing import Any

import orjson
import pytest
import pytest_asyncio
from storeops.common.http.pages import encode_cursor

from ..access.calls import CALLS, Call, Request, request_of, send  # noqa: TID252 - tests have no package to name
from ..access.operations import OPERATIONS, Operation  # noqa: TID252 - tests have no package to name
from ..access.world import World, fingerprint, problem_of  # noqa: TID252 - tests have no package to name
from .mutations import HUGE, LONG, MALFORMED, SURPRISE, Spoiled, spoiled, with_nul, with_text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad_input")]

JSON = sorted(name for name, operation in OPERATIONS.items() if operation.media_type == "application/json")
UPLOADS = sorted(name for name, operation in OPERATIONS.items() if operation.media_type == "text/csv")
WITH_BODY = [*JSON, *UPLOADS]
WITH_PATH = sorted(name for name, operation in OPERATIONS.items() if operation.path_parameters)
LISTS = sorted(name for name, operation in OPERATIONS.items() if "limit" in operation.query)
SECRET = ("POST /v1/tokens", "POST /v1/api-keys", "POST /v1/staff")
"""Their refusals show no value: it may be a password or a key."""


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_changes(world: World) -> AsyncIterator[None]:
    """Whatever a test of this module sends, every table holds afterwards what it held."""
    before = await fingerprint(world)
    yield
    assert await fingerprint(world) == before


async def refuse(world: World, request: Request, status: int, code: str = "") -> dict[str, Any]:
    """Send a request as the owner; it must be refused so."""
    answer = await send(world, request, world.owner)
    shown = f"{request} was answered {answer.status_code} {answer.text}"[:3_000]
    assert answer.status_code == status, shown
    problem = problem_of(answer)
    assert code in ("", problem["code"]), shown
    return problem


def names(problem: dict[str, Any], spoilt: Spoiled) -> bool:
    """Whether a problem names the place that was spoilt, or something in it."""
    pointers = [error["pointer"] for error in problem["errors"]]
    return any(pointer == spoilt.pointer or pointer.startswith(f"{spoilt.pointer}/") for pointer in pointers)


@pytest.mark.parametrize("name", JSON)
async def test_what_is_no_json_is_called_so(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    for content in MALFORMED:
        await refuse(world, request._replace(body=content), 400, "malformed_json")


@pytest.mark.parametrize("name", JSON)
async def test_a_body_that_does_not_fit_is_refused_and_the_field_named(name: str, world: World) -> None:
    for body in bodies(world, name):
        for spoilt in spoiled(body):
            problem = await refused(world, name, spoilt)
            assert names(problem, spoilt), (spoilt.pointer, problem)
            assert all(error["expected"] for error in problem["errors"])
            assert all(("value" in error) == (name not in SECRET) for error in problem["errors"])


def bodies(world: World, name: str) -> list[Any]:
    """The valid body of an operation; of a batch one with each of its items alone."""
    operation = OPERATIONS[name]
    body = request_of(world, operation).body
    if not operation.batch:
        return [body]
    [(collection, items)] = body.items()
    return [{collection: [item]} for item in items]


async def refused(world: World, name: str, spoilt: Spoiled, *, statuses: Collection[int] = (422,)) -> dict[str, Any]:
    """The problem of a spoilt body, or of its only item in a batch that answers for each by itself."""
    operation = OPERATIONS[name]
    request = request_of(world, operation)._replace(body=lenient(spoilt.body))
    answer = await send(world, request, world.owner)
    shown = f"{request} was answered {answer.status_code} {answer.text}"[:3_000]
    if operation.batch and answer.status_code == 200:
        [item] = answer.json()["items"]
        problem = item.get("problem") or item
    else:
        assert answer.status_code in statuses, shown
        problem = problem_of(answer)
    assert problem["status"] in statuses, shown
    return problem


def lenient(body: Any) -> bytes:
    """JSON as a careless client writes it: lone surrogates and numbers of any size."""
    return json.dumps(body).encode()


@pytest.mark.parametrize("name", JSON)
async def test_no_text_may_hold_a_nul(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    for body in with_nul(request.body):
        await refuse(world, request._replace(body=orjson.dumps(body)), 422, "unprintable_text")


@pytest.mark.parametrize("name", UPLOADS)
async def test_a_file_without_its_header_is_refused(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    header, row, _ = request.body.split("\n")
    for text in ("", row, header.replace(",", ";"), f"{header},{SURPRISE}\n{row},1", "\0", "\ud800"):
        await refuse(world, request._replace(body=text.encode("utf-8", "surrogatepass")), 422)


@pytest.mark.parametrize("name", UPLOADS)
async def test_a_file_has_each_bad_row_named(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    header, row, _ = request.body.split("\n")
    fields, cells = header.split(","), row.split(",")
    for index, field in enumerate(fields):
        of_numbers = (str(HUGE), "1.5") if cells[index].isdigit() else ()
        for wrong in ("", "-1", LONG, "a\0b", SURPRISE.upper(), *of_numbers):
            spoilt = ",".join([*cells[:index], wrong, *cells[index + 1 :]])
            fresh = request_of(world, OPERATIONS[name])._replace(body=f"{header}\n{spoilt}\n")
            answer = await send(world, fresh, world.owner)
            assert answer.is_success, answer.text
            [rejected] = answer.json()["rejected"]
            assert (answer.json()["recorded"], rejected["line"]) == (0, 2)
            assert field in [error["field"] for error in rejected["errors"]], (field, wrong, answer.text)


@pytest.mark.parametrize("name", [name for name in WITH_BODY if OPERATIONS[name].body_required])
async def test_a_body_must_be_there_and_be_what_it_says(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    await refuse(world, request._replace(body=b""), 422)
    if name in JSON:
        spoken = request._replace(
            headers={**request.headers, "content-type": "text/plain"}, body=orjson.dumps(request.body)
        )
        await refuse(world, spoken, 422)


@pytest.mark.parametrize("name", WITH_BODY)
async def test_a_body_may_not_be_larger_than_the_limit(name: str, world: World) -> None:
    operation = OPERATIONS[name]
    request = request_of(world, operation)
    settings = world.harness.parts.settings
    batch = operation.batch or name in UPLOADS
    content = b" " * ((settings.max_batch_body if batch else settings.max_body) + 1)
    await refuse(world, request._replace(body=content), 413, "body_too_large")

    async def dribble() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    headers = {**request.headers, "authorization": f"Bearer {world.owner}"}
    answer = await world.http.request(request.method, request.path, headers=headers, content=dribble())
    assert (answer.status_code, problem_of(answer)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_unknown_query_parameters_are_refused(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    problem = await refuse(world, request._replace(query={**request.query, SURPRISE: "7"}), 422, "unknown_parameter")
    [error] = problem["errors"]
    assert (error["pointer"], error["value"]) == (f"/query/{SURPRISE}", "7")


@pytest.mark.parametrize("name", sorted(name for name, operation in OPERATIONS.items() if operation.query))
async def test_query_parameters_are_bounded(name: str, world: World) -> None:
    operation = OPERATIONS[name]
    request = request_of(world, operation)
    for parameter, required in operation.query.items():
        for value in ("x" * 5_000, "a\0b"):
            problem = await refuse(world, request._replace(query={**request.query, parameter: value}), 422)
            assert parameter in problem["detail"] or problem["errors"][0]["pointer"].startswith(f"/query/{parameter}")
        if required:
            without = {key: value for key, value in request.query.items() if key != parameter}
            problem = await refuse(world, request._replace(query=without), 422, "invalid_request")
            assert [error["pointer"] for error in problem["errors"]] == [f"/query/{parameter}"]


@pytest.mark.parametrize("name", WITH_PATH)
async def test_an_id_that_names_nothing_is_not_found(name: str, world: World) -> None:
    operation = OPERATIONS[name]
    whole = request_of(world, operation)
    for parameter in operation.path_parameters:
        if parameter == "day":
            wrong = {"nonsense": 422, "2026-02-30": 422, "0001-01-01": 422, "999999-01-01": 422}
        else:
            prefix, mark, _ = world.ids[parameter].partition("_")
            unknown = f"{prefix}_{'0' * 32}" if mark else "NO-SUCH-THING"
            strange = {"a b": 422, "no_such'thing": 422, "%00": 422, "x" * 300: 422}
            wrong = {unknown: 404, **strange}
        for text, status in wrong.items():
            path = path_with(world, operation, parameter, text)
            await refuse(world, whole._replace(path=path), status)


def path_with(world: World, operation: Operation, parameter: str, text: str) -> str:
    """The path of a valid request with another text for one of its parameters."""
    call = CALLS.get(operation.name, Call())
    ids = {name: world.ids[call.at.get(name, name)] for name in operation.path_parameters}
    return operation.path.format(**{**ids, parameter: text})


@pytest.mark.parametrize("name", LISTS)
async def test_pages_have_sensible_limits(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    for limit in (0, -1, 201, 10**9, 10**30, "many", "", "1.5"):
        problem = await refuse(world, request._replace(query={**request.query, "limit": limit}), 422)
        assert [error["pointer"] for error in problem["errors"]] == ["/query/limit"]


GARBAGE = ("nonsense", "!!!", "e30", "W10", "bnVsbA", "", "x" * 501, "W251bGwsbnVsbCxudWxsLG51bGwsbnVsbF0")
"""No list's cursor: no Base64, no JSON, no list, an empty one, one of five nulls."""
FORGED: tuple[list[Any], ...] = (
    ["2026-03-02T00:00:00", "ord_1"],
    ["0001-01-01T00:00:00+14:00", "ord_1"],
    ["2026-03-02", "sto_1"],
    [10**18],
    [-1],
    [True],
    [{"a": 1}],
    ["x" * 300],
)
"""Sort keys that some list might take for its own."""


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_is_one_that_the_list_gave_out(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    for cursor in GARBAGE:
        problem = await refuse(world, request._replace(query={**request.query, "cursor": cursor}), 422)
        assert [error["pointer"] for error in problem["errors"]] == ["/query/cursor"]
    for key in FORGED:
        answer = await send(world, request._replace(query={**request.query, "cursor": encode_cursor(key)}), world.owner)
        assert answer.status_code in (200, 422), (key, answer.text)


CHOOSES_CURRENCY = ("POST /v1/stores",)
"""A new store may have any currency; everything else must be in its store's."""
UNKNOWN_SKU = "NO-SUCH-SKU"
TAKES_ANY_SKU = {
    "POST /v1/skus": "makes it",
    "POST /v1/skus:batch": "makes it",
    "POST /v1/listings": "a shelf may be prepared before the goods are in the catalog",
    "POST /v1/listings:batch": "as above",
    "POST /v1/campaigns": "as above",
}


@pytest.mark.parametrize("name", JSON)
async def test_money_is_in_the_currency_of_its_store(name: str, world: World) -> None:
    for wrong in ("XXX", *(() if name in CHOOSES_CURRENCY else ("USD",))):
        for body in bodies(world, name):
            for spoilt in with_text(body, "currency", wrong):
                problem = await refused(world, name, spoilt)
                assert [(error["pointer"], error["value"]) for error in problem["errors"]] == [(spoilt.pointer, wrong)]


@pytest.mark.parametrize("name", [name for name in JSON if name not in TAKES_ANY_SKU])
async def test_unknown_skus_are_refused_by_name(name: str, world: World) -> None:
    for body in bodies(world, name):
        for spoilt in with_text(body, "sku", UNKNOWN_SKU):
            if not is_channel_order(spoilt.body):
                problem = await refused(world, name, spoilt, statuses=(409, 422))
                assert UNKNOWN_SKU in orjson.dumps(problem).decode()


def is_channel_order(body: dict[str, Any]) -> bool:
    """Whether it hands in a sold order: that is never refused for its goods, but held as short (ORD-12, ORD-4)."""
    return "channel" in (body.get("kind"), *(item.get("kind") for item in body.get("items", [])))
