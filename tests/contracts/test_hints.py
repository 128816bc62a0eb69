"""What hints of the PostgreSQL log bring about. A lost hint costs time and nothing else: none of this is promised."""

import asyncio

import pytest
from storeops.common.bus import postgres
from storeops.common.bus.postgres import PostgresBus
from storeops.common.contracts.orders import OrderAudited
from storeops.common.testing.probe import TOPIC
from storeops.common.testing.stage import PATIENCE, Stage

pytestmark = pytest.mark.parametrize("transport", [pytest.param("postgres")], indirect=True)

CONCERNED, UNCONCERNED = frozenset({OrderAudited.type}), frozenset({"order.paid.v1"})


@pytest.fixture(autouse=True)
def only_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks without being told."""
    monkeypatch.setattr(postgres, "SWEEP", 1e9)
    monkeypatch.setattr(postgres, "IDLE", 1e9)


async def test_a_hint_wakes_whom_it_concerns_and_others_when_there_is_hurry(stage: Stage) -> None:
    await stage.open()
    assert isinstance(stage.bus, PostgresBus)
    concerned = await stage.bus.subscribe("concerned", [TOPIC], types=CONCERNED)
    unconcerned = await stage.bus.subscribe("unconcerned", [TOPIC], types=UNCONCERNED)
    assert await concerned.poll(500, 0) is None
    assert await unconcerned.poll(500, 0) is None

    for number in range(3):
        waiting = asyncio.create_task(concerned.poll(500, PATIENCE))
        await stage.probe.say("ord_1", str(number))
        await stage.send()
        batch = await waiting
        assert batch is not None
        assert [message.sequence for message in batch.messages] == [number + 1]
        await concerned.settle(batch)
    assert await unconcerned.poll(500, 0) is None

    stage.bus.signals.emit("hurry")
    batch = await unconcerned.poll(500, 0)
    assert batch is not None
    assert [message.sequence for message in batch.messages] == [1, 2, 3]
    await unconcerned.pass_over(batch)
    assert await stage.bus.lag() == {"concerned": 3, "unconcerned": 0}
    await concerned.close()
    await unconcerned.close()


async def test_what_concerns_nobody_is_passed_over_in_a_while(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "IDLE", 0.001)
    await stage.open()
    unconcerned = await stage.bus.subscribe("unconcerned", [TOPIC], types=UNCONCERNED)
    await unconcerned.poll(500, 0)
    await stage.probe.count_up("ord_1")
    await stage.send()

    batch = await unconcerned.poll(500, PATIENCE)

    assert batch is not None
    assert [message.sequence for message in batch.messages] == [1]
    await unconcerned.close()
