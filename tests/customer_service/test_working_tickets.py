"""What people do to tickets over HTTP: open, list, take, note, settle; who may; and what is refused."""

from typing import Any

import httpx2
import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.customer_service import TicketOpened, TicketSettled
from storeops.common.contracts.platform import StoreOpened
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness

STORE, OTHER = new_id("sto"), new_id("sto")
ORDER = new_id("ord")


@pytest.fixture
async def agent(harness: Harness) -> httpx2.AsyncClient:
    """An agent of one store; the other store is somebody else's."""
    for store_id in (STORE, OTHER):
        opened = StoreOpened(
            store_id=store_id, brand_id=new_id("brd"), name="Tea", channel="own", time_zone="UTC", currency="CNY",
            occurred_at=await harness.now(),
        )  # fmt: skip
        await harness.publish_from("platform", opened)
    await harness.drain()
    return await harness.client(Role.AGENT, stores=[STORE], subject="sta_agent")


async def opened_by(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"store_id": STORE, "kind": "complaint", "reason": "The tin is dented"} | fields
    answer = await client.post("/v1/tickets", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def shown(client: httpx2.AsyncClient, ticket: dict[str, Any]) -> dict[str, Any]:
    return (await client.get(f"/v1/tickets/{ticket['ticket_id']}")).json()


async def test_a_person_opens_a_ticket(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket = await opened_by(agent, order_id=ORDER)
    assert (ticket["state"], ticket["opened_by"], ticket["deadline"]) == ("open", "sta_agent", None)
    [event] = await harness.published(TicketOpened)
    assert (event.ticket_id, event.kind, event.order_id) == (ticket["ticket_id"], "complaint", ORDER)


async def test_what_a_person_writes_is_not_published(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket = await opened_by(agent, order_id=ORDER, reason="林月 at 16100000001 is upset")
    await agent.post(f"/v1/tickets/{ticket['ticket_id']}/notes", json={"text": "林月 will call"})
    await agent.post(f"/v1/tickets/{ticket['ticket_id']}/settle", json={"outcome": "refund", "note": "to 林月"})
    await harness.drain()
    [opened] = await harness.published(TicketOpened)
    assert (opened.reason, (await shown(agent, ticket))["reason"]) == ("complaint", ticket["reason"])
    async with harness.reading("customer_service") as session:
        payloads = await session.fetch("SELECT payload || headers AS said FROM bus.message WHERE topic = 'ticket'")
    assert len(payloads) == 2
    assert not any(word in row["said"] for row in payloads for word in ("林月", "16100000001"))


async def test_an_order_has_one_open_ticket_of_a_kind(agent: httpx2.AsyncClient) -> None:
    first = await opened_by(agent, order_id=ORDER)
    body = {"store_id": STORE, "order_id": ORDER, "kind": "complaint", "reason": "And it leaks"}
    second = await agent.post("/v1/tickets", json=body)
    assert (second.status_code, second.json()["code"]) == (409, "ticket_already_open")
    assert second.json()["ticket_id"] == first["ticket_id"]

    await opened_by(agent, order_id=ORDER, kind="invoice")
    await agent.post(f"/v1/tickets/{first['ticket_id']}/settle", json={"outcome": "refund"})
    assert (await opened_by(agent, order_id=ORDER))["ticket_id"] != first["ticket_id"]


async def test_taking_makes_a_ticket_ones_own(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket = await opened_by(agent)
    path = f"/v1/tickets/{ticket['ticket_id']}/take"
    taken = await agent.post(path)
    assert (taken.json()["state"], taken.json()["assignee"]) == ("taken", "sta_agent")
    assert (await agent.post(path)).json() == taken.json()

    colleague = await harness.client(Role.AGENT, stores=[STORE], subject="sta_colleague")
    refused = await colleague.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "ticket_taken")
    assert refused.json()["assignee"] == "sta_agent"
    assert (await colleague.post(path, json={"take_over": True})).json()["assignee"] == "sta_colleague"


async def test_notes_stay_with_the_ticket(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket = await opened_by(agent)
    before = await agent.get(f"/v1/tickets/{ticket['ticket_id']}")
    note = await agent.post(f"/v1/tickets/{ticket['ticket_id']}/notes", json={"text": "Called Ms Wang"})
    assert note.status_code == 201
    await agent.post(f"/v1/tickets/{ticket['ticket_id']}/settle", json={"outcome": "resolved", "note": "Content"})

    after = await agent.get(f"/v1/tickets/{ticket['ticket_id']}")
    assert [note["text"] for note in after.json()["notes"]] == ["Called Ms Wang", "Content"]
    assert before.headers["etag"] != after.headers["etag"]
    [event] = await harness.published(TicketSettled)
    assert "Content" not in event.model_dump_json()


async def test_settling_tells_orders_and_happens_once(harness: Harness, agent: httpx2.AsyncClient) -> None:
    ticket = await opened_by(agent, order_id=ORDER, kind="shipping_delay")
    path = f"/v1/tickets/{ticket['ticket_id']}/settle"
    settled = await agent.post(path, json={"outcome": "cancel"})
    assert (settled.json()["outcome"], settled.json()["settled_by"]) == ("cancel", "sta_agent")
    again = await agent.post(path, json={"outcome": "wait"})
    assert (again.status_code, again.json()["code"], again.json()["outcome"]) == (409, "ticket_settled", "cancel")
    assert (await agent.post(path.replace("settle", "take"))).json()["code"] == "ticket_settled"

    [event] = await harness.published(TicketSettled)
    assert (event.order_id, event.outcome, event.by) == (ORDER, "cancel", "sta_agent")


async def test_an_outcome_that_fits_not_is_refused(agent: httpx2.AsyncClient) -> None:
    delay = await opened_by(agent, order_id=ORDER, kind="shipping_delay")
    question = await opened_by(agent, kind="question")
    for ticket, outcome in ((delay, "resolved"), (question, "refund")):
        answer = await agent.post(f"/v1/tickets/{ticket['ticket_id']}/settle", json={"outcome": outcome})
        assert (answer.status_code, answer.json()["code"]) == (422, "outcome_not_offered")
        error = answer.json()["errors"][0]
        assert (error["pointer"], error["value"]) == ("/body/outcome", outcome)
        assert (await shown(agent, ticket))["state"] == "open"


async def test_a_batch_settles_each_ticket_by_itself(harness: Harness, agent: httpx2.AsyncClient) -> None:
    one, two = await opened_by(agent, order_id=ORDER), await opened_by(agent)
    owner = await harness.client()
    foreign = await opened_by(owner, store_id=OTHER)
    items = [
        {"ticket_id": one["ticket_id"], "outcome": "refund", "note": "Dented in transit"},
        {"ticket_id": one["ticket_id"], "outcome": "wait"},
        {"ticket_id": two["ticket_id"], "outcome": "cancel"},
        {"ticket_id": two["ticket_id"], "outcome": "resolved"},
        {"ticket_id": foreign["ticket_id"], "outcome": "resolved"},
        {"ticket_id": new_id("tkt"), "outcome": "wait"},
    ]
    answer = await agent.post("/v1/tickets:settle", json={"items": items}, headers={"idempotency-key": "batch"})
    results = answer.json()["items"]
    assert [result["status"] for result in results] == [200, 409, 422, 200, 404, 404]
    assert results[0]["resource"]["outcome"] == "refund"
    assert results[2]["problem"]["errors"][0]["pointer"] == "/body/items/2/outcome"
    problems = [result["problem"] for result in results if result["problem"]]
    assert {problem["request_id"] for problem in problems} == {answer.headers["x-request-id"]}
    assert [problem["code"] for problem in problems] == [
        "ticket_settled", "outcome_not_offered", "ticket_not_found", "ticket_not_found",
    ]  # fmt: skip
    again = await agent.post("/v1/tickets:settle", json={"items": items}, headers={"idempotency-key": "batch"})
    assert again.json() == answer.json()
    assert len(await harness.published(TicketSettled)) == 2
    assert (await shown(owner, foreign))["state"] == "open"


async def test_the_list_is_filtered_and_turned_page_by_page(harness: Harness, agent: httpx2.AsyncClient) -> None:
    tickets: list[dict[str, Any]] = []
    for _ in range(5):
        tickets.append(await opened_by(agent))
        await harness.advance(minutes=10)
    await opened_by(await harness.client(), store_id=OTHER)
    await agent.post(f"/v1/tickets/{tickets[0]['ticket_id']}/settle", json={"outcome": "resolved"})
    await agent.post(f"/v1/tickets/{tickets[1]['ticket_id']}/take")

    async def listed(**params: Any) -> list[str]:
        ids: list[str] = []
        while True:
            page = (await agent.get("/v1/tickets", params=params | {"limit": 2})).json()
            ids += [item["ticket_id"] for item in page["items"]]
            if not page["has_more"]:
                return ids
            params["cursor"] = page["next_cursor"]

    every = [ticket["ticket_id"] for ticket in tickets]
    assert await listed() == every
    assert await listed(store_id=STORE, kind="complaint") == every
    assert await listed(state=["open", "taken"]) == every[1:]
    assert await listed(assignee="sta_agent") == every[1:2]
    assert await listed(kind="invoice") == []


async def test_a_foreign_store_s_tickets_are_not_there(harness: Harness, agent: httpx2.AsyncClient) -> None:
    foreign = await opened_by(await harness.client(), store_id=OTHER)
    path = f"/v1/tickets/{foreign['ticket_id']}"
    for method, url, body in (
        ("GET", path, None),
        ("POST", f"{path}/take", None),
        ("POST", f"{path}/notes", {"text": "Hello"}),
        ("POST", f"{path}/settle", {"outcome": "resolved"}),
    ):
        assert (await agent.request(method, url, json=body)).status_code == 404
    body = {"store_id": OTHER, "kind": "complaint", "reason": "Not mine"}
    for answer in (
        await agent.post("/v1/tickets", json=body),
        await agent.get("/v1/tickets", params={"store_id": OTHER}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "store_forbidden")


@pytest.mark.parametrize("role", [None, Role.WAREHOUSE, Role.BRAND_OWNER])
async def test_only_customer_service_settles(harness: Harness, agent: httpx2.AsyncClient, role: Role | None) -> None:
    ticket = await opened_by(agent)
    stranger = await harness.client(role, stores=[STORE])
    expected = 401 if role is None else 403
    path = f"/v1/tickets/{ticket['ticket_id']}"
    for url, body in ((f"{path}/take", None), (f"{path}/settle", {"outcome": "resolved"})):
        assert (await stranger.post(url, json=body)).status_code == expected


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "gossip"}, "/body/kind"),
        ({"reason": ""}, "/body/reason"),
        ({"reason": "x" * 501}, "/body/reason"),
        ({"order_id": "ord_1"}, "/body/order_id"),
        ({"store_id": "sto_1"}, "/body/store_id"),
        ({"colour": "red"}, "/body/colour"),
    ],
)
async def test_a_ticket_that_makes_no_sense_is_refused(
    agent: httpx2.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await agent.post("/v1/tickets", json={"store_id": STORE, "kind": "complaint", "reason": "Hm"} | body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await agent.get("/v1/tickets")).json()["items"] == []


async def test_bad_cursors_ids_and_batches_are_refused(agent: httpx2.AsyncClient) -> None:
    for url, params in (
        ("/v1/tickets", {"cursor": "WyIyMDI2LTAxLTAxIiwiYSJd"}),
        ("/v1/tickets", {"cursor": "garbage"}),
        ("/v1/tickets", {"limit": 0}),
        ("/v1/tickets", {"sort": "deadline"}),
        ("/v1/tickets/tkt_1", {}),
    ):
        assert (await agent.get(url, params=params)).status_code == 422
    item = {"ticket_id": new_id("tkt"), "outcome": "wait"}
    no_key = await agent.post("/v1/tickets:settle", json={"items": [item]})
    assert (no_key.status_code, no_key.json()["code"]) == (400, "idempotency_key_missing")
    for items in ([], [item] * 501):
        answer = await agent.post("/v1/tickets:settle", json={"items": items}, headers={"idempotency-key": "k"})
        assert answer.status_code == 422


async def test_a_store_that_nobody_opened_has_no_tickets(harness: Harness) -> None:
    owner = await harness.client()
    body = {"store_id": new_id("sto"), "kind": "complaint", "reason": "Where am I"}
    answer = await owner.post("/v1/tickets", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "store_not_found")
