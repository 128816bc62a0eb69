"""What a repeat may do: nothing. One effect per Idempotency-Key, and no edit of a version that is gone."""

import orjson
import pytest

from ..access.calls import Request, request_of, send  # noqa: TID252 - tests have no package to name
from ..access.operations import OPERATIONS, SAFE, UNVERSIONED  # noqa: TID252 - tests have no package to name
from ..access.world import World, fingerprint, problem_of  # noqa: TID252 - tests have no package to name

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("repeats")]

WITHOUT_SESSION = {
    "POST /v1/quotes": "changes nothing",
    "POST /v1/quotes:batch": "changes nothing",
    "POST /v1/sandbox/clock/advance": "moves the clock to an instant, which a repeat does not move again",
}
"""Where a key has nothing to protect, and why."""
CHANGING = sorted(set(OPERATIONS) - set(WITHOUT_SESSION) - {n for n, o in OPERATIONS.items() if o.method in SAFE})
KEYED = [name for name in CHANGING if OPERATIONS[name].idempotency != "never"]
REQUIRED = [name for name in KEYED if OPERATIONS[name].idempotency == "required"]
SECRET = [name for name in CHANGING if OPERATIONS[name].idempotency == "never"]
EDITS = [name for name in CHANGING if OPERATIONS[name].method in ("PUT", "PATCH")]


def without(request: Request, header: str) -> Request:
    return request._replace(headers={name: value for name, value in request.headers.items() if name != header})


def with_header(request: Request, header: str, value: str) -> Request:
    return request._replace(headers={**request.headers, header: value})


async def refuse(world: World, request: Request, status: int, code: str) -> None:
    """Send a request as the owner; it must be refused so, and change nothing."""
    before = await fingerprint(world)
    answer = await send(world, request, world.owner)
    assert (answer.status_code, problem_of(answer)["code"]) == (status, code), answer.text
    assert await fingerprint(world) == before


@pytest.mark.parametrize("name", KEYED)
async def test_a_repeat_is_given_the_first_answer_and_another_body_is_refused(name: str, world: World) -> None:
    operation = OPERATIONS[name]
    request = request_of(world, operation)
    first = await send(world, request, world.owner)
    assert first.is_success, first.text
    if operation.batch:
        assert all(item["status"] < 300 for item in first.json()["items"]), first.text
    before = await fingerprint(world)
    again = await send(world, request, world.owner)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for header in ("etag", "location"):
        assert again.headers.get(header) == first.headers.get(header)
    assert await fingerprint(world) == before
    content = request.body if isinstance(request.body, str) else orjson.dumps(request.body).decode()
    other = request._replace(body=f"{content} ") if request.body else request._replace(body=" ")
    await refuse(world, other, 422, "idempotency_key_reused")


@pytest.mark.parametrize("name", REQUIRED)
async def test_where_a_key_is_required_nothing_is_done_without_it(name: str, world: World) -> None:
    await refuse(world, without(request_of(world, OPERATIONS[name]), "idempotency-key"), 400, "idempotency_key_missing")


@pytest.mark.parametrize("name", KEYED)
async def test_a_malformed_key_is_refused(name: str, world: World) -> None:
    for key in ("", "two words", "x" * 256):
        request = with_header(request_of(world, OPERATIONS[name]), "idempotency-key", key)
        await refuse(world, request, 400, "idempotency_key_malformed")


@pytest.mark.parametrize("name", SECRET)
async def test_an_answer_that_holds_a_secret_is_not_kept(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    await send(world, request, world.owner)
    again = await send(world, request, world.owner)
    assert "idempotency-replayed" not in again.headers


@pytest.mark.parametrize("name", [name for name in EDITS if name not in UNVERSIONED])
async def test_an_edit_names_the_version_it_is_based_on(name: str, world: World) -> None:
    request = request_of(world, OPERATIONS[name])
    await refuse(world, without(request, "if-match"), 428, "if_match_required")
    for stale in ('"v999"', "nonsense", '"v0', ""):
        await refuse(world, with_header(request, "if-match", stale), 412, "version_stale")


@pytest.mark.parametrize("name", [name for name in EDITS if name not in UNVERSIONED])
async def test_of_two_edits_of_one_version_the_second_is_refused(name: str, world: World) -> None:
    operation = OPERATIONS[name]
    first = await send(world, request_of(world, operation), world.owner)
    assert first.is_success, first.text
    version = first.headers["etag"]
    body = {**request_of(world, operation).body, **CHANGED[name]}
    edit = with_header(request_of(world, operation), "if-match", version)._replace(body=body)
    second = await send(world, edit, world.owner)
    assert second.is_success, second.text
    assert second.headers["etag"] != version
    await refuse(world, with_header(request_of(world, operation), "if-match", version), 412, "version_stale")


CHANGED = {
    "PATCH /v1/stores/{store_id}": {"name": "renamed"},
    "PUT /v1/warehouses/{warehouse_id}/stores": {},
    "PUT /v1/listings/{listing_id}/price": {"price": "79.90"},
    "PUT /v1/audit-policies/{store_id}": {"review_above": "4000.00"},
    "PUT /v1/ship-promises/{store_id}": {"expire_after_minutes": 50},
}
"""What an edit changes that was made before."""


async def test_every_edit_is_versioned_or_says_why_not() -> None:
    assert set(CHANGED) | set(UNVERSIONED) == set(EDITS)
