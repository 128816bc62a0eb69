"""What a probe is told: whether the process lives, and whether what it stands on answers."""

import httpx2
from storeops.common.db import Database
from storeops.common.http.application import build_application
from storeops.common.testing.harness import Harness

NOBODY = "postgresql://storeops_app:secret@127.0.0.1:9/storeops"


async def test_a_database_that_is_away_makes_a_process_not_ready_and_says_what_is_known(harness: Harness) -> None:
    context = harness.app.state.context
    databases = dict.fromkeys(context.databases, Database(NOBODY))
    app = build_application(list(harness.services.values()), context._replace(databases=databases))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://storeops") as client:
        away = await client.get("/readyz")
        app.state.why_down = lambda: "PostgreSQL died and is being restarted: No space left on device"
        known = await client.get("/readyz")
        alive = await client.get("/livez")

    assert [answer.status_code for answer in (away, known, alive)] == [503, 503, 200]
    assert (away.json()["code"], away.json()["detail"]) == ("not_ready", "the database does not answer")
    assert known.json()["detail"] == "PostgreSQL died and is being restarted: No space left on device"
    assert "secret" not in away.text


async def test_a_process_whose_database_answers_is_ready(harness: Harness) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(harness.app), base_url="http://storeops") as client:
        assert (await client.get("/readyz")).text == "ready"
