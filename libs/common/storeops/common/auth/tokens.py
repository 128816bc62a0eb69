"""Verifying tokens: signed by the platform service (or any OIDC issuer that sets our claims), checked by its JWKS.

A token is verified once and its caller kept until it expires. An API key sent as Bearer is exchanged for a token at
the platform and cached for a minute. No switch turns any of this off.
"""

import asyncio
import hashlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from storeops.common.auth.callers import Caller, Grant
from storeops.common.auth.permissions import Role
from storeops.common.clock import machine_ms, monotonic
from storeops.common.errors import Unauthenticated
from storeops.common.scope import SAFE

AUDIENCE = "storeops"
ALGORITHMS = ["ES256", "RS256"]
KEY_PREFIX = "sk_"
KEY_LIFE = 60.0
"""Seconds an exchanged API key is remembered, and so may outlive its revocation."""
KEYS_LIFE = 600.0
"""Seconds after which the key set is fetched anew, so that a retired key is forgotten."""
FETCHES, FETCH_WINDOW = 3, 15.0
"""Fetches of the key set in so many seconds at most: tokens with unknown key ids must not become a storm."""
LEEWAY = 30
"""Seconds by which the issuer's clock may be ahead of ours; a token's end is not stretched by it."""
REMEMBERED = 10_000

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]
ExchangeKey = Callable[[str], Awaitable[str]]


class TokenMissing(Unauthenticated):
    """The request carries no Bearer token."""


class TokenInvalid(Unauthenticated):
    """The token is malformed, expired, not ours, or its signature does not hold."""


class Verifier:
    """Turns a Bearer value into a `Caller`."""

    def __init__(self, *, issuer: str, fetch_keys: FetchKeys, exchange_key: ExchangeKey) -> None:
        self._issuer = issuer
        self.fetch_keys = fetch_keys
        self._exchange_key = exchange_key
        self._keys: KeySet | None = None
        self._fetched_at: deque[float] = deque(maxlen=FETCHES)
        self._fetching = asyncio.Lock()
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._exchanged: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def caller(self, authorization: str | None) -> Caller:
        """The caller of an Authorization header; raises `Unauthenticated` (401)."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            message = "send a token as 'Authorization: Bearer …'"
            raise TokenMissing(message)
        token = await self._token_of_key(value) if value.startswith(KEY_PREFIX) else value
        known = self._callers.get(token)
        if known is None:
            known = await self._verify(token)
            self._callers[token] = known
            if len(self._callers) > REMEMBERED:
                self._callers.popitem(last=False)
        if known.expires_at * 1000 <= machine_ms():
            self._callers.pop(token, None)
            message = "the token has expired"
            raise TokenInvalid(message)
        return known

    async def _token_of_key(self, key: str) -> str:
        name = hashlib.sha256(key.encode()).hexdigest()
        token, until = self._exchanged.get(name, ("", 0.0))
        if monotonic() >= until:
            token = await self._exchange_key(key)
            self._exchanged[name] = (token, monotonic() + KEY_LIFE)
            if len(self._exchanged) > REMEMBERED:
                self._exchanged.popitem(last=False)
        return token

    async def _verify(self, token: str) -> Caller:
        try:
            claims = await self._claims(token)
            grants = tuple(grant_of(grant) for grant in claims["grants"])
            return Caller(str(claims["sub"]), str(claims["kind"]), grants, int(claims["exp"]))
        except (JoseError, ValueError, KeyError, TypeError) as error:
            message = f"the token is not valid: {type(error).__name__}"
            raise TokenInvalid(message) from error

    async def _claims(self, token: str) -> dict[str, Any]:
        keys = self._keys
        if keys is None or monotonic() - self._fetched_at[-1] > KEYS_LIFE:
            keys = await self._refreshed(keys)
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            if len(self._fetched_at) == FETCHES and monotonic() - self._fetched_at[0] < FETCH_WINDOW:
                raise
            decoded = jwt.decode(token, await self._refreshed(keys), algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(decoded.claims)
        return decoded.claims

    async def _refreshed(self, seen: KeySet | None) -> KeySet:
        """A key set newer than `seen`: of many who ask at once, one fetches."""
        async with self._fetching:
            if self._keys is None or self._keys is seen:
                fetched: Any = await self.fetch_keys()
                self._fetched_at.append(monotonic())
                self._keys = KeySet.import_key_set(fetched)
            return self._keys


def grant_of(claim: dict[str, Any]) -> Grant:
    """A grant out of a token; raises `ValueError` for a role or a store that cannot be one of ours."""
    role, stores = Role(claim["role"]), claim["stores"]
    if stores == "*":
        return Grant(role, None)
    if not isinstance(stores, list):
        message = "a grant's stores are '*' or a list"
        raise TypeError(message)
    names = [str(name) for name in cast("list[object]", stores)]
    if not all(SAFE.fullmatch(name) for name in names):
        message = "a grant names a store that is none of ours"
        raise ValueError(message)
    return Grant(role, frozenset(names))
