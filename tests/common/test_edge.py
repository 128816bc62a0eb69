"""What fails inside is answered at the edge: the caller's request id stands on it, and metrics tell the true status."""

import httpx2
import pytest
from prometheus_client import REGISTRY
from starlette.types import Receive, Scope, Send
from storeops.common.http.edge import Edge


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ConnectionRefusedError(), 503, "database_busy"), (ValueError(), 500, "internal_error")],
)
async def test_a_failure_is_answered_with_its_status_and_the_request_id(
    error: Exception, status: int, code: str
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    def counted() -> float:
        labels = {"method": "GET", "route": "unmatched", "status": str(status)}
        return REGISTRY.get_sample_value("storeops_http_request_seconds_count", labels) or 0.0

    before = counted()
    edge = Edge(app, max_body=1_000, max_batch_body=1_000)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge), base_url="http://storeops") as client:
        answer = await client.get("/", headers={"x-request-id": "req_1"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "req_1"
    assert counted() == before + 1
