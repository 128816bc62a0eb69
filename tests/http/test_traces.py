"""What events carry on of a caller's trace."""

import pytest
from starlette.requests import Request
from storeops.common.http.routing import trace_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("given", "kept"), [(TRACE, TRACE), (TRACE + "-more", None), (TRACE.upper(), None), ("x" * 9000, None), ("", None)]
)
def test_only_a_trace_of_the_standard_is_carried_on(given: str, kept: str | None) -> None:
    request = Request({"type": "http", "headers": [(b"traceparent", given.encode())]})
    assert trace_of(request) == kept
