"""Orders are served all or none, out of one warehouse; what they were promised goes back or leaves with its parcel."""

from typing import TYPE_CHECKING

from storeops.common.contracts.inventory import StockAllocated, StockMoved, StockShort
from storeops.common.testing.harness import Harness
from storeops.inventory.stock.commands.allocation import allocate_orders

if TYPE_CHECKING:
    from .conftest import Shop


async def test_an_order_gets_all_lines_out_of_the_first_warehouse_that_holds_them(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA", "CUP")
    near = await shop.warehouse(store)
    far = await shop.warehouse(store)
    await shop.receive(near, TEA=5)
    await shop.receive(far, TEA=5, CUP=5)

    both = await shop.place(store, ("TEA", 1), ("CUP", 1), ("TEA", 1))
    tea = await shop.place(store, ("TEA", 3))

    [for_both], [for_tea] = await shop.decisions(both), await shop.decisions(tea)
    assert isinstance(for_both, StockAllocated)
    assert isinstance(for_tea, StockAllocated)
    assert (for_both.warehouse_id, for_tea.warehouse_id) == (far, near)
    assert [(line.sku, line.quantity) for line in for_both.lines] == [("TEA", 2), ("CUP", 1)]
    assert await shop.level(far, "TEA") == (5, 3, 2)
    assert await shop.level(near, "TEA") == (5, 2, 3)
    await shop.assert_sound()


async def test_a_short_order_takes_nothing_and_names_what_is_short(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA", "CUP")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5, CUP=1)

    order = await shop.place(store, ("TEA", 1), ("CUP", 2), ("GHOST", 1))

    [short] = await shop.decisions(order)
    assert isinstance(short, StockShort)
    assert [(line.sku, line.wanted, line.available) for line in short.lines] == [("CUP", 2, 1), ("GHOST", 1, 0)]
    assert await shop.level(warehouse, "TEA") == (5, 5, 0)
    await shop.assert_sound()


async def test_a_store_without_warehouse_or_unknown_is_short(shop: "Shop") -> None:
    store = await shop.store()
    [homeless] = await shop.decisions(await shop.place(store, ("TEA", 1)))
    [unknown] = await shop.decisions(await shop.place("sto_" + "0" * 32, ("TEA", 1)))
    assert isinstance(homeless, StockShort)
    assert isinstance(unknown, StockShort)
    await shop.assert_sound()


async def test_an_order_that_comes_twice_is_decided_once(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    order = await shop.place(store, ("TEA", 2))

    async with harness.transaction("inventory") as session:
        await allocate_orders(session, [order, order])

    assert await shop.level(warehouse, "TEA") == (5, 3, 2)
    assert len(await shop.decisions(order)) == 1
    await shop.assert_sound()


async def test_cancelled_and_expired_orders_give_back_once(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    cancelled = await shop.place(store, ("TEA", 2))
    expired = await shop.place(store, ("TEA", 1))
    short = await shop.place(store, ("TEA", 9))

    await shop.cancel(cancelled, short)
    await shop.expire(expired, cancelled)

    assert await shop.level(warehouse, "TEA") == (5, 5, 0)
    assert {await shop.state_of(order) for order in (cancelled, expired, short)} == {"released"}
    await shop.assert_sound()


async def test_an_order_cancelled_before_it_came_gets_nothing(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    order = shop.order(store, ("TEA", 2))

    await shop.cancel(order)
    await shop.hear(order)

    assert await shop.decisions(order) == []
    assert await shop.level(warehouse, "TEA") == (5, 5, 0)
    await shop.assert_sound()


async def test_a_parcel_takes_its_pieces_off_what_was_promised(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("TEA", "CUP")
    warehouse = await shop.warehouse(store)
    receipt = await shop.receive(warehouse, TEA=9, CUP=9)
    order = await shop.place(store, ("TEA", 3), ("CUP", 1))

    first = await shop.hand_over(order, warehouse, ("TEA", 2))
    assert await shop.state_of(order) == "allocated"
    assert await shop.level(warehouse, "TEA") == (7, 6, 1)
    second = await shop.hand_over(order, warehouse, ("TEA", 1), ("CUP", 1))
    await shop.hand_over(order, warehouse, ("TEA", 1), ("CUP", 1), parcel_id=second)

    assert await shop.state_of(order) == "issued"
    assert await shop.level(warehouse, "TEA") == (6, 6, 0)
    moved = await harness.published(StockMoved, f"{warehouse}:TEA")
    assert [(line.kind, line.delta, line.ref) for event in moved for line in event.movements] == [
        ("received", 9, receipt),
        ("issued", -2, first),
        ("issued", -1, second),
    ]
    assert [event.on_hand for event in moved] == [9, 7, 6]
    await shop.cancel(order)
    assert await shop.level(warehouse, "TEA") == (6, 6, 0)
    await shop.assert_sound()


async def test_cancelling_gives_back_only_what_has_not_left(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    order = await shop.place(store, ("TEA", 3))

    await shop.hand_over(order, warehouse, ("TEA", 1))
    await shop.cancel(order)

    assert await shop.level(warehouse, "TEA") == (4, 4, 0)
    await shop.assert_sound()


async def test_a_parcel_never_takes_what_its_order_was_not_promised(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse, other = await shop.warehouse(store), await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    await shop.receive(other, TEA=5)
    order = await shop.place(store, ("TEA", 2))

    await shop.hand_over(order, other, ("TEA", 2))
    await shop.hand_over(shop.order(store, ("TEA", 2)), warehouse, ("TEA", 2))
    await shop.hand_over(order, warehouse, ("TEA", 4), ("GHOST", 1))

    assert await shop.level(warehouse, "TEA") == (3, 3, 0)
    assert await shop.level(other, "TEA") == (5, 5, 0)
    await shop.assert_sound()


async def test_the_ledger_shows_every_move_newest_first(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    kept, gone = await shop.place(store, ("TEA", 1)), await shop.place(store, ("TEA", 2))
    await shop.cancel(gone)
    await shop.hand_over(kept, warehouse, ("TEA", 1))

    first = (await shop.owner.get("/v1/skus/TEA/movements", params={"limit": 3})).json()
    rest = (await shop.owner.get("/v1/skus/TEA/movements", params={"cursor": first["next_cursor"]})).json()

    lines = [*first["items"], *rest["items"]]
    assert [line["kind"] for line in lines] == ["issued", "released", "allocated", "allocated", "received"]
    buckets = [(line["on_hand_delta"], line["available_delta"], line["allocated_delta"]) for line in lines]
    assert buckets == [(-1, 0, -1), (0, 2, -2), (0, -2, 2), (0, -1, 1), (5, 5, 0)]
    assert not rest["has_more"]
