"""Other teams read our topics with their own clients: whatever a flow says is a CloudEvent that keeps its contract."""

import asyncio

import pytest
from storeops.common.contracts.base import REGISTRY
from storeops.common.testing.shop import Shop

from ..foreign import event_of, read_topics  # noqa: TID252 - tests have no package to name
from .conftest import Installation


@pytest.mark.parametrize(
    "place",
    [pytest.param("kafka-processes", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka-processes")])],
    indirect=True,
)
async def test_every_record_of_every_topic_is_a_cloud_event_of_its_contract(shop: Shop, place: Installation) -> None:
    shipped = await shop.paid_order(lines={"TEA-250": 2})
    await shop.ship(shipped)
    await shop.channel_order({"CUP-1": 3})
    visits = {"source": "search", "terminal": "mobile", "visitors": 40, "page_views": 90, "provider": "test"}
    await shop.post("/v1/traffic", {"items": [{"store_id": shop.store_id, "day": "2026-03-01", **visits}]})
    await shop.advance(hours=24)
    topics = sorted({contract.topic for contract in REGISTRY.values()})

    read = await asyncio.to_thread(read_topics, place.kafka, [place.prefix + topic for topic in topics])

    assert [topic for topic in topics if not read[place.prefix + topic]] == []
    for topic in topics:
        last: dict[str, int] = {}
        for record in read[place.prefix + topic]:
            event = event_of(record)
            contract = REGISTRY[event.get_type()].model_validate(event.get_data())
            sequence = int(event.get_extension("sequence"))
            assert (contract.topic, contract.key) == (topic, event.get_subject())
            assert record.key().decode() == event.get_extension("partitionkey") == contract.key
            assert sequence == last.get(contract.key, 0) + 1, f"{topic} {contract.key}"
            last[contract.key] = sequence
