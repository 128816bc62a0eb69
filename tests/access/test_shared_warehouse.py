"""Two stores share a warehouse: each sees how the pieces move, and of the other's orders nothing else."""

from typing import Any

import pytest
from storeops.common.auth.permissions import Role

from .world import SHARED, World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("access")]


async def ledger(world: World, store_id: str) -> list[dict[str, Any]]:
    """The shared SKU's movements, newest first, as a store manager sees them."""
    headers = {"authorization": f"Bearer {world.harness.token(Role.STORE_MANAGER, stores=[store_id])}"}
    answer = await world.http.get(f"/v1/skus/{SHARED}/movements", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_foreign_order_in_the_ledger_has_no_name(world: World) -> None:
    ours, theirs = await ledger(world, world.ids["store_id"]), await ledger(world, world.store_b)

    assert [line["kind"] for line in ours] == [line["kind"] for line in theirs] == ["allocated", "received"]
    assert ours[0]["ref"] == world.ids["shared_order_id"]
    assert ours[0]["actor"] is not None
    assert theirs[0] == {**ours[0], "ref": None, "actor": None}
    assert theirs[1] == ours[1]
