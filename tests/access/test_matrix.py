"""Every operation against every role, no token, and a right that holds in another store only."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from joserfc import jwt
from storeops.common.auth.permissions import ROLE_PERMISSIONS, UNSCOPED, Permission, Role
from storeops.common.auth.tokens import AUDIENCE
from storeops.common.clock import machine_ms
from storeops.common.testing.harness import ISSUER_KEY

from .calls import CALLS, Call, Request, request_of, send
from .operations import OPERATIONS, SAFE, Operation
from .world import World, fingerprint, problem_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("access")]

PROTECTED = {name: operation for name, operation in OPERATIONS.items() if operation.permission != "public"}
SCOPED = {name: operation for name, operation in PROTECTED.items() if operation.permission not in UNSCOPED}
ANSWERED_EVERYWHERE = frozenset({"permission_missing"})
"""Codes that every protected operation may answer and none documents by itself."""


def holders(permission: str) -> list[Role]:
    """The roles that include a permission."""
    return [role for role in Role if Permission(permission) in ROLE_PERMISSIONS[role]]


def token(*grants: tuple[Role, list[str] | str]) -> str:
    """A signed token with these roles, each over stores or `*`."""
    claims = {
        "iss": "storeops",
        "aud": AUDIENCE,
        "sub": "sta_somebody",
        "kind": "staff",
        "grants": [{"role": role.value, "stores": stores} for role, stores in grants],
        "iat": machine_ms() // 1000,
        "exp": machine_ms() // 1000 + 600,
    }
    return jwt.encode({"alg": "ES256", "kid": "test"}, claims, ISSUER_KEY)


def foreign_tokens(world: World, permission: str) -> Iterator[tuple[str, str]]:
    """Tokens with the permission in B alone: by itself, and beside a role in A that lacks it."""
    powerless = set(Role) - set(holders(permission))
    for role in holders(permission):
        yield f"{role} of B", token((role, [world.store_b]))
        for other in sorted(powerless)[:1]:
            yield f"{role} of B, {other} of A", token((role, [world.store_b]), (other, [world.ids["store_id"]]))


async def test_every_operation_has_what_a_valid_request_needs(world: World) -> None:
    with_body = {name for name, operation in OPERATIONS.items() if operation.media_type}
    with_query = {name for name, operation in OPERATIONS.items() if any(operation.query.values())}
    unprepared = {name for name in with_body if CALLS.get(name, Call()).body is None}
    unasked = {name for name in with_query if CALLS.get(name, Call()).query is None}
    nameless = {
        name
        for name, operation in OPERATIONS.items()
        for parameter in operation.path_parameters
        if CALLS.get(name, Call()).at.get(parameter, parameter) not in world.ids
    }
    assert (unprepared, unasked, nameless, set(CALLS) - set(OPERATIONS)) == (set(), set(), set(), set())


@pytest.mark.parametrize("name", sorted(PROTECTED))
async def test_nobody_gets_in_without_a_valid_token(name: str, world: World) -> None:
    before = await fingerprint(world)
    request = request_of(world, PROTECTED[name])
    for header in (None, "Bearer", "Bearer nonsense", "Bearer sk_nonsense", "Basic bGluOnB3", f"Token {world.owner}"):
        headers = {**request.headers} if header is None else {**request.headers, "authorization": header}
        answer = await send(world, request._replace(headers=headers), None)
        assert answer.status_code == 401, (header, answer.text)
        assert problem_of(answer)["code"] in ("token_missing", "token_invalid", "sign_in_refused")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert await fingerprint(world) == before


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(PROTECTED)))
async def test_what_is_public_needs_no_token(name: str, world: World) -> None:
    for bearer in (None, "nonsense"):
        answer = await send(world, request_of(world, OPERATIONS[name]), bearer)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", sorted(PROTECTED))
async def test_a_role_without_the_permission_is_refused(name: str, world: World) -> None:
    operation = PROTECTED[name]
    before = await fingerprint(world)
    for role in set(Role) - set(holders(operation.permission)):
        answer = await send(world, request_of(world, operation), token((role, "*")))
        assert answer.status_code == 403, f"{role}: {answer.status_code} {answer.text}"
        assert problem_of(answer)["code"] == "permission_missing"
    assert await fingerprint(world) == before


@pytest.mark.parametrize("name", sorted(PROTECTED))
async def test_a_role_with_the_permission_gets_its_work_done(name: str, world: World) -> None:
    operation = PROTECTED[name]
    done = {404, 409} if CALLS.get(name, Call()).once else {409}
    for role in holders(operation.permission):
        answer = await send(world, request_of(world, operation), token((role, [world.ids["store_id"]])))
        assert answer.is_success or answer.status_code in done, f"{role}: {answer.status_code} {answer.text}"
        if not answer.is_success:
            assert_documented(operation, problem_of(answer))


@pytest.mark.parametrize("name", sorted(SCOPED))
async def test_a_right_in_one_store_opens_nothing_of_another(name: str, world: World) -> None:
    operation = SCOPED[name]
    before = await fingerprint(world)
    for who, bearer in foreign_tokens(world, operation.permission):
        for request in (request_of(world, operation), *filtered(world, operation)):
            answer = await send(world, request, bearer)
            shown = f"{who}: {request} {answer.status_code} {answer.text}"
            if answer.is_success:
                assert not operation.path_parameters, shown
                assert not leaks(world, operation, answer.content), shown
            else:
                assert answer.status_code in (403, 404), shown
                assert_documented(operation, problem_of(answer))
    assert await fingerprint(world) == before


def filtered(world: World, operation: Operation) -> Iterator[Request]:
    """The request of a list, narrowed to each thing of A that it can be narrowed to."""
    request = request_of(world, operation)
    for parameter in operation.query:
        if parameter in world.ids and parameter not in request.query:
            yield request._replace(query={**request.query, parameter: world.ids[parameter]})


def leaks(world: World, operation: Operation, content: bytes) -> bool:
    """Whether a caller without a right in A was told of A, or one item of a batch had an effect there."""
    if operation.method in SAFE:
        ours = [held for name, held in world.ids.items() if name.endswith("_id") or name == "sku"]
        return any(held in content.decode() for held in ours)
    answer: dict[str, Any] = orjson.loads(content)
    if operation.batch:
        return not all(item["status"] in (403, 404) for item in answer["items"])
    return answer["recorded"] != 0


def assert_documented(operation: Operation, problem: dict[str, Any]) -> None:
    """A refusal that is the operation's own stands in its documentation."""
    code = problem["code"]
    documented = code in ANSWERED_EVERYWHERE or operation.documents(problem["status"], code)
    assert documented, f"{operation.name} does not declare {problem['status']} {code}"
