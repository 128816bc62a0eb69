"""Sends the shop what schemathesis makes up, aimed at things that are there, and judges every answer.

An answer is right when it is no 5xx, when the document tells of its status, type, headers and body, when it refuses
what does not fit the document, and when a refusal is a problem whose code the operation documents.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Collection
from random import Random
from typing import Any, cast

import httpx2
import orjson
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from storeops.common.auth.permissions import Role

from ..access.calls import request_of  # noqa: TID252 - tests have no package to name
from ..access.operations import OPERATIONS, SAFE  # noqa: TID252 - tests have no package to name
from ..access.world import World, problem_of  # noqa: TID252 - tests have no package to name

loose: Any = schemathesis
"""The library whose own types leave much open, taken as it comes."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
AIMED = 0.85
"""How often an id that was made up is replaced by one of something that is there."""
VALID = 0.1
"""How often a case that was made up to fit is replaced by one that is known to be taken."""
STRANGERS = 0.1
"""How often somebody else than the owner asks, or nobody."""
SPREAD = 0.3
"""How often a change is heard of everywhere before the next request."""
REMEMBERED = 30
"""Ids of a kind that were made under fire; the newest replace the oldest."""
EDITS = frozenset({"PUT", "PATCH"})


class Range:
    """The shop, the document it serves, what is known to be there, and what became of each operation."""

    def __init__(self, world: World, schema: Any, loop: asyncio.AbstractEventLoop, seed: int) -> None:
        self.world = world
        self.schema = schema
        self.seed = seed
        self.answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.made_up: defaultdict[str, Counter[int]] = defaultdict(Counter)
        """Without the valid requests."""
        self.wrong: list[Exception] = []
        """What was wrong with the answers since somebody last looked."""
        self._loop = loop
        self._chance = Random(seed)
        self._made: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def operation(self, name: str) -> Any:
        """An operation as schemathesis sees it."""
        method, _, path = name.partition(" ")
        return self.schema[path][method]

    def shoot_valid(self, name: str) -> Any:
        """The answer to the valid request of an operation; judged."""
        case = self.operation(name).Case()
        self._load(case)
        return self._shoot(case, self._owner(), made_up=False)

    def shoot(self, case: Any, *, keep: Collection[str] = ()) -> Any:
        """The answer to a case, of which all but the fields to `keep` are aimed; judged."""
        fitting = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
        valid = fitting and self._chance.random() < VALID
        if valid:
            self._load(case)
        elif fitting:
            case.path_parameters = self._aimed(case.path_parameters, keep)
            case.query = self._aimed(case.query, keep)
            if OPERATIONS[case.operation.label].method in EDITS and self._chance.random() < AIMED:
                case.headers["if-match"] = "*"
            if isinstance(case.body, dict | list):
                case.body = self._aimed(cast("object", case.body), keep)
        stranger = self._chance.random() < STRANGERS
        return self._shoot(case, self._stranger() if stranger else self._owner(), made_up=not valid)

    def look(self) -> None:
        """Raise what was wrong with the answers until now."""
        wrong, self.wrong = self.wrong, []
        if wrong:
            raise ExceptionGroup(f"{len(wrong)} wrong answers", wrong)

    def spread(self) -> None:
        """Let every service hear of everything."""
        self.wait(self.world.harness.drain())

    def wait(self, work: Any) -> Any:
        """What an awaitable comes to, in the loop that the shop lives in."""
        return self._loop.run_until_complete(work)

    def _load(self, case: Any) -> None:
        """Make a case the valid request of its operation."""
        operation = OPERATIONS[case.operation.label]
        request = request_of(self.world, operation)
        steps = zip(operation.path.split("/"), request.path.split("/"), strict=True)
        named = {place.partition("}")[0][1:]: step for place, step in steps if place.startswith("{")}
        case.path_parameters = named
        case.query = dict(request.query)
        case.headers = {name: value for name, value in request.headers.items() if name != "content-type"}
        if request.body is not None:
            case.body, case.media_type = request.body, operation.media_type

    def _aimed(self, value: Any, keep: Collection[str]) -> Any:
        """A value with most of its ids replaced by those of things that are there."""
        if isinstance(value, list):
            return [self._aimed(item, keep) for item in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        aimed: dict[str, Any] = {}
        for name, item in cast("dict[str, Any]", value).items():
            kind = name.removesuffix("s")
            if kind not in self.world.ids or name in keep or self._chance.random() > AIMED:
                aimed[name] = self._aimed(item, keep)
            elif isinstance(item, str):
                aimed[name] = self._known(kind)
            elif isinstance(item, list) and all(isinstance(one, str) for one in cast("list[Any]", item)):
                aimed[name] = [self._known(kind)]
            else:
                aimed[name] = self._aimed(item, keep)
        return aimed

    def _known(self, kind: str) -> str:
        """The id of something that is there: of the shop as it was built, or made under fire."""
        made = self._made[kind]
        return self._chance.choice(made) if made and self._chance.random() < 0.5 else self.world.ids[kind]

    def _shoot(self, case: Any, token: str, *, made_up: bool) -> Any:
        name = case.operation.label
        answer = self._send(case, token)
        self.answers[name][answer.status_code] += 1
        if made_up:
            self.made_up[name][answer.status_code] += 1
        try:
            judge(case, answer)
        except Exception as error:  # noqa: BLE001 - raised once all was shot: a repeat would meet another shop
            self.wrong.append(error)
        if answer.status_code < 400 and OPERATIONS[name].method not in SAFE:
            self._remember(orjson.loads(answer.content or b"null"))
            if self._chance.random() < SPREAD:
                self.spread()
        return answer

    def _send(self, case: Any, token: str) -> Any:
        described = cast("dict[str, Any]", case.as_transport_kwargs(base_url="http://storeops"))
        prepared = requests.Request(**described).prepare()
        headers = [(encoded(name), encoded(value)) for name, value in prepared.headers.items()]
        request = httpx2.Request(
            str(prepared.method),
            str(prepared.url),
            headers=[*headers, (b"authorization", token.encode())],
            content=cast("bytes | None", prepared.body),
        )
        return loose.Response.from_any(self.wait(self.world.http.send(request)))

    def _owner(self) -> str:
        return f"Bearer {self.world.harness.token(Role.OWNER)}"

    def _stranger(self) -> str:
        agent = self.world.harness.token(Role.AGENT, stores=[self.world.store_b])
        return self._chance.choice(["", "Bearer x.y.z", f"Bearer {agent}"])

    def _remember(self, answer: Any) -> None:
        """Keep the ids in an answer."""
        if isinstance(answer, list):
            for item in cast("list[Any]", answer):
                self._remember(item)
        elif isinstance(answer, dict):
            for name, item in cast("dict[str, Any]", answer).items():
                if name in self.world.ids and isinstance(item, str) and item not in self._made[name]:
                    self._made[name].append(item)
                self._remember(item)


def judge(case: Any, answer: Any) -> None:
    """Raise what is wrong with an answer; a refusal is a problem of the one shape with a code that is documented."""
    case.validate_response(answer, checks=loose.checks.CHECKS.get_by_names(CHECKS))
    if answer.status_code < 400:
        return
    operation = OPERATIONS[case.operation.label]
    headers = [(name, value) for name, values in answer.headers.items() for value in values]
    problem = problem_of(httpx2.Response(answer.status_code, headers=headers, content=answer.content))
    code = problem["code"]
    documented = operation.documents(answer.status_code, code) or f"`{code}`" in operation.answers["4XX"]
    assert documented, f"{operation.name} does not document {answer.status_code} {code}"


def encoded(value: str | bytes) -> bytes:
    """A header as it goes over the wire."""
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


def open_range(world: World, document: dict[str, Any], loop: asyncio.AbstractEventLoop, *, seed: int) -> Range:
    """A range on the shop. Who asks is for the range to say, so its copy of the document is silent about tokens."""
    load_all_checks()
    for methods in document["paths"].values():
        for described in methods.values():
            described.pop("security", None)
    return Range(world, schemathesis.openapi.from_dict(document), loop, seed)
