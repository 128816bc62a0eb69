"""Tickets go up by themselves as their time runs out (CSV-2)."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.platform import StoreOpened
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness

STORE = new_id("sto")


@pytest.fixture
async def agent(harness: Harness) -> httpx2.AsyncClient:
    opened = StoreOpened(
        store_id=STORE, brand_id=new_id("brd"), name="Tea", channel="own", time_zone="UTC", currency="CNY",
        occurred_at=await harness.now(),
    )  # fmt: skip
    await harness.publish_from("platform", opened)
    await harness.drain()
    return await harness.client(Role.AGENT, stores=[STORE])


async def opened_by(agent: httpx2.AsyncClient) -> str:
    answer = await agent.post("/v1/tickets", json={"store_id": STORE, "kind": "complaint", "reason": "It smells"})
    assert answer.status_code == 201, answer.text
    return answer.json()["ticket_id"]


async def shown(agent: httpx2.AsyncClient, ticket_id: str) -> dict[str, Any]:
    return (await agent.get(f"/v1/tickets/{ticket_id}")).json()


def kinds(ticket: dict[str, Any]) -> list[str]:
    return [fact["kind"] for fact in ticket["history"]]


async def test_a_ticket_that_nobody_takes_goes_up_and_is_overdue_after_24_hours(
    harness: Harness, agent: httpx2.AsyncClient
) -> None:
    ticket_id = await opened_by(agent)
    await harness.advance(hours=11, minutes=59)
    assert (await shown(agent, ticket_id))["level"] == "agent"
    await harness.advance(minutes=1)
    assert (await shown(agent, ticket_id))["level"] == "lead"

    await harness.advance(hours=12)
    ticket = await shown(agent, ticket_id)
    assert (ticket["level"], kinds(ticket)) == ("manager", ["opened", "escalated", "overdue"])
    assert ticket["overdue_at"] == ticket["settle_by"]
    assert datetime.fromisoformat(ticket["settle_by"]) - datetime.fromisoformat(ticket["opened_at"]) == timedelta(
        days=1
    )

    answer = await agent.post(f"/v1/tickets/{ticket_id}/settle", json={"outcome": "resolved"})
    assert answer.json()["overdue_at"] == ticket["overdue_at"]


async def test_a_ticket_somebody_works_on_does_not_go_up_half_way(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket_id = await opened_by(agent)
    await agent.post(f"/v1/tickets/{ticket_id}/take")
    await harness.advance(hours=23)
    assert (await shown(agent, ticket_id))["level"] == "agent"
    await harness.advance(hours=1)
    assert kinds(await shown(agent, ticket_id)) == ["opened", "taken", "overdue"]


async def test_a_settled_ticket_is_never_overdue(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket_id = await opened_by(agent)
    await agent.post(f"/v1/tickets/{ticket_id}/settle", json={"outcome": "resolved"})
    await harness.advance(hours=72)
    ticket = await shown(agent, ticket_id)
    assert (ticket["overdue_at"], kinds(ticket)) == (None, ["opened", "settled"])


async def test_overdue_tickets_are_listed(harness: Harness, agent: httpx2.AsyncClient) -> None:
    old = await opened_by(agent)
    await harness.advance(hours=24)
    new = await opened_by(agent)
    for overdue, expected in ((True, [old]), (False, [new])):
        page = (await agent.get("/v1/tickets", params={"overdue": overdue})).json()
        assert [ticket["ticket_id"] for ticket in page["items"]] == expected
