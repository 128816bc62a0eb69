"""Structured logs: one JSON object a line, to standard error; never a name, phone, address, token or password."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = frozenset(
    {"name", "phone", "address", "street", "contact", "password", "token", "secret", "authorization", "api_key"}
)
"""Fields whose values never reach a log."""
PHONE = re.compile(r"(?<!\d)1\d{10}(?!\d)")
SECRET = re.compile(r"\b(sk_[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+")


def redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank personal and secret values, by field name and by look."""
    for field, value in entry.items():
        if field in HIDDEN:
            entry[field] = "[hidden]"
        elif isinstance(value, str):
            entry[field] = SECRET.sub("[secret]", PHONE.sub("[phone]", value))
    return entry


def configure_logs(level: str = "INFO") -> None:
    """JSON for machines, short lines on a terminal."""
    terminal = sys.stderr.isatty()
    last = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    steps: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    if not terminal:
        steps.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*steps, structlog.processors.TimeStamper(fmt="iso", utc=True), redact, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
