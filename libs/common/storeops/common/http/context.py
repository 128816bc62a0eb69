"""What requests need from the process they run in."""

import hmac
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple, cast

import orjson
from fastapi import Request

from storeops.common.auth.tokens import Verifier
from storeops.common.clients import Peers
from storeops.common.clock import monotonic
from storeops.common.db import Database
from storeops.common.settings import Settings
from storeops.common.signals import Signals

CURRENT_REQUEST: ContextVar[str] = ContextVar("current_request")
"""The id of the request being served, for what is said about a part of it."""


def service_proof(secret: str, service: str) -> str:
    """What a service shows the platform to be given its token."""
    return hmac.new(secret.encode(), f"storeops.service.{service}".encode(), "sha256").hexdigest()


class ServiceTokens:
    """The tokens with which services of this process call others; renewed after half their life."""

    def __init__(self, peers: Peers, secret: str) -> None:
        self._peers = peers
        self._secret = secret
        self._tokens: dict[str, tuple[str, float]] = {}

    async def of(self, service: str) -> str:
        """A Bearer token for calls that `service` makes."""
        token, until = self._tokens.get(service, ("", 0.0))
        if monotonic() >= until:
            body = {"grant_type": "service", "service": service, "proof": service_proof(self._secret, service)}
            answer = orjson.loads(await self._peers.call("platform", "POST", "/v1/tokens", body=orjson.dumps(body)))
            token = answer["access_token"]
            self._tokens[service] = (token, monotonic() + answer["expires_in"] / 2)
        return token


class HttpContext(NamedTuple):
    """The process's databases by service, its token verifier, its peers and its signals."""

    settings: Settings
    databases: Mapping[str, Database]
    verifier: Verifier
    peers: Peers
    signals: Signals
    service_tokens: ServiceTokens


def context_of(request: Request) -> HttpContext:
    """The context that the runtime put on the application."""
    return cast("HttpContext", request.app.state.context)
