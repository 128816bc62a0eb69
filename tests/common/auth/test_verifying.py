"""Tokens: what is believed, what is not, and how the key set is kept fresh."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from storeops.common.auth import tokens
from storeops.common.auth.callers import Caller, Grant, PermissionMissing
from storeops.common.auth.permissions import ROLE_PERMISSIONS, Permission, Role
from storeops.common.auth.signing import new_signing_key, public_part, sign_token
from storeops.common.auth.tokens import TokenInvalid, TokenMissing, Verifier
from storeops.common.clock import machine_ms

AGENT = [Grant(Role.AGENT, frozenset({"sto_1"}))]


class Issuer:
    """A platform that counts how often it is asked."""

    def __init__(self) -> None:
        self.keys = [new_signing_key()]
        self.fetched = 0
        self.exchanged: list[str] = []

    async def fetch_keys(self) -> dict[str, Any]:
        self.fetched += 1
        return {"keys": [public_part(key) for key in self.keys]}

    async def exchange_key(self, key: str) -> str:
        self.exchanged.append(key)
        return self.token(subject="key_1", kind="key")

    def token(self, **change: Any) -> str:
        terms: dict[str, Any] = {"issuer": "storeops", "subject": "sta_1", "kind": "staff", "grants": AGENT}
        return sign_token(self.keys[-1], **{**terms, **change})

    def claims(self, **change: Any) -> str:
        now = machine_ms() // 1000
        claims: dict[str, Any] = {
            "iss": "storeops",
            "aud": "storeops",
            "sub": "sta_1",
            "kind": "staff",
            "exp": now + 600,
            "grants": [],
        }
        kept = {name: value for name, value in {**claims, **change}.items() if value is not None}
        key = ECKey.import_key(self.keys[-1])
        return jwt.encode({"alg": "ES256", "kid": key.kid}, kept, key)

    def verifier(self) -> Verifier:
        return Verifier(issuer="storeops", fetch_keys=self.fetch_keys, exchange_key=self.exchange_key)


async def test_a_token_says_who_calls_and_is_checked_once() -> None:
    issuer = Issuer()
    verifier, token = issuer.verifier(), issuer.token()
    callers = [await verifier.caller(f"Bearer {token}") for _ in range(3)]

    assert {(caller.subject, caller.kind, caller.grants) for caller in callers} == {("sta_1", "staff", tuple(AGENT))}
    assert issuer.fetched == 1


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
async def test_no_token_is_said_so(header: str | None) -> None:
    with pytest.raises(TokenMissing):
        await Issuer().verifier().caller(header)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "elsewhere"},
        {"aud": "elsewhere"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": machine_ms() // 1000 - 1},
        {"iat": machine_ms() // 1000 + 3600},
        {"sub": None},
        {"kind": None},
        {"grants": None},
        {"grants": "owner"},
        {"grants": [{"role": "emperor", "stores": "*"}]},
        {"grants": [{"role": "agent", "stores": "sto_1"}]},
        {"grants": [{"role": "agent", "stores": ["sto_1', '*"]}]},
        {"grants": [{"role": "agent"}]},
    ],
)
async def test_a_token_that_says_anything_else_is_refused(change: dict[str, Any]) -> None:
    issuer = Issuer()
    with pytest.raises(TokenInvalid):
        await issuer.verifier().caller(f"Bearer {issuer.claims(**change)}")


async def test_a_forged_token_is_refused() -> None:
    issuer, forger = Issuer(), Issuer()
    forger.keys[0]["kid"] = issuer.keys[0]["kid"]
    honest = issuer.token()
    unsigned = "eyJhbGciOiJub25lIn0." + honest.split(".")[1] + "."
    for token in (forger.token(), Issuer().token(), unsigned, honest[:-4] + "AAAA", "a.b.c", "中文"):
        with pytest.raises(TokenInvalid):
            await issuer.verifier().caller(f"Bearer {token}")


async def test_an_issuers_clock_may_be_a_little_ahead() -> None:
    issuer = Issuer()
    assert await issuer.verifier().caller(f"Bearer {issuer.claims(iat=machine_ms() // 1000 + 5)}")


async def test_a_known_token_dies_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    verifier, token = issuer.verifier(), issuer.token()
    await verifier.caller(f"Bearer {token}")
    later = machine_ms() + 601_000
    monkeypatch.setattr(tokens, "machine_ms", lambda: later)
    with pytest.raises(TokenInvalid):
        await verifier.caller(f"Bearer {token}")


async def test_a_new_key_is_fetched_but_unknown_keys_make_no_storm() -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    await verifier.caller(f"Bearer {issuer.token()}")
    issuer.keys.append(new_signing_key())
    assert await verifier.caller(f"Bearer {issuer.token()}")

    for _ in range(10):
        with pytest.raises(TokenInvalid):
            await verifier.caller(f"Bearer {Issuer().token()}")
    assert issuer.fetched == tokens.FETCHES


async def test_a_retired_key_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    await verifier.caller(f"Bearer {issuer.token()}")
    late = issuer.token(subject="sta_2")
    issuer.keys = [new_signing_key()]
    later = tokens.monotonic() + tokens.KEYS_LIFE + 1
    monkeypatch.setattr(tokens, "monotonic", lambda: later)
    with pytest.raises(TokenInvalid):
        await verifier.caller(f"Bearer {late}")


async def test_an_api_key_is_exchanged_and_remembered_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    for _ in range(3):
        assert (await verifier.caller("Bearer sk_secret")).subject == "key_1"
    assert issuer.exchanged == ["sk_secret"]

    later = tokens.monotonic() + tokens.KEY_LIFE + 1
    monkeypatch.setattr(tokens, "monotonic", lambda: later)
    await verifier.caller("Bearer sk_secret")
    assert len(issuer.exchanged) == 2


def caller(*grants: Grant) -> Caller:
    return Caller("sta_1", "staff", grants, 0)


def test_a_right_reaches_the_stores_of_every_grant_that_holds_it() -> None:
    person = caller(
        Grant(Role.AGENT, frozenset({"a"})), Grant(Role.STORE_MANAGER, frozenset({"b"})), Grant(Role.EDITOR, None)
    )
    assert person.stores_for(Permission.ORDERS_READ) == {"a", "b"}
    assert person.stores_for(Permission.STAFF_READ) == {"b"}
    assert person.stores_for(Permission.LISTINGS_MANAGE) is None
    with pytest.raises(PermissionMissing):
        person.stores_for(Permission.STAFF_MANAGE)


def test_a_right_over_no_store_is_no_right_over_all() -> None:
    assert caller(Grant(Role.AGENT, frozenset())).stores_for(Permission.ORDERS_READ) == frozenset()
    assert caller(Grant(Role.AGENT, frozenset({"a"}))).stores_for(Permission.SELF) == {"a"}


def test_every_role_may_look_after_itself_and_only_the_owner_manages_people() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    for role, permissions in ROLE_PERMISSIONS.items():
        assert Permission.SELF in permissions
        managing = {Permission.STAFF_MANAGE, Permission.KEYS_MANAGE, Permission.STORES_MANAGE} & permissions
        assert bool(managing) == (role == Role.OWNER)
