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
ROW_VALUES = re.compile(
    r"(DETAIL:|invalid input for query argument \$\d+:|invalid input syntax for type [^:\n]+:|input_value=).*?"
    r"(?=(?:\\n|\n)[\s|]*(?:HINT:|CONTEXT:|\[SQL|\(Background|The above exception|During handling|Traceback)"
    r"|\n\n|, input_type=|\Z)",
    re.DOTALL,
)
"""Where an error of the database or of a parser quotes values, with its line's end as text or as `repr` writes it."""
SECRET = re.compile(r"\b(sk_[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+")


def without_values(text: str) -> str:
    """The text of an error or a trace without the row's values that it quotes, and without phones and secrets."""
    return SECRET.sub("[secret]", PHONE.sub("[phone]", ROW_VALUES.sub(r"\1 [hidden]", text)))


class WithoutValues(logging.Formatter):
    """What libraries log, traces too, without values."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return without_values(super().format(record))


def redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank personal and secret values, by field name and by look."""
    for field, value in entry.items():
        if field in HIDDEN:
            entry[field] = "[hidden]"
        elif isinstance(value, str):
            entry[field] = without_values(value)
    return entry


def configure_logs(level: str = "INFO") -> None:
    """JSON for machines, short lines on a terminal."""
    terminal = sys.stderr.isatty()
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    # Traces become text before `redact` sees the entry, on a terminal too: a renderer that formats them would pass it.
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
        plain if terminal else structlog.processors.JSONRenderer(),
    ]
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(WithoutValues())
    logging.basicConfig(level=logging.WARNING, handlers=[of_libraries])
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
