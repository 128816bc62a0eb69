"""Pricing a basket: exact to the cent, best for the customer, and explained (PRM-2)."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storeops.common.contracts.promotions import QuoteLine
from storeops.promotions.campaigns.errors import CampaignTiersInvalid
from storeops.promotions.campaigns.rules import CampaignTerms, Tier, check_tiers
from storeops.promotions.listings.errors import TitleTooLong
from storeops.promotions.listings.rules import check_title, title_units
from storeops.promotions.pricing.errors import QuoteTooLarge
from storeops.promotions.pricing.rules import PricedBasket, price_basket

NOW = datetime(2025, 11, 11, tzinfo=UTC)
SKUS = ("TEA", "CUP", "POT", "TIN")


def campaign(name: str, *tiers: tuple[int, int], skus: frozenset[str] | None = None) -> CampaignTerms:
    day = timedelta(days=1)
    return CampaignTerms(f"cmp_{name}", name, [Tier(*tier) for tier in tiers], skus, NOW - day, NOW + day)


def line(sku: str, quantity: int = 1) -> QuoteLine:
    return QuoteLine(sku=sku, quantity=quantity)


def price(lines: list[QuoteLine], prices: dict[str, int], *campaigns: CampaignTerms) -> PricedBasket:
    return price_basket(lines, prices, campaigns, NOW, currency="CNY")


@st.composite
def tiers(draw: st.DrawFn) -> list[tuple[int, int]]:
    offs = sorted(draw(st.sets(st.integers(1, 5_000), min_size=1, max_size=4)))
    thresholds = sorted(draw(st.sets(st.integers(5_001, 60_000), min_size=len(offs), max_size=len(offs))))
    return list(zip(thresholds, offs, strict=True))


@st.composite
def campaigns(draw: st.DrawFn) -> list[CampaignTerms]:
    parts = st.none() | st.frozensets(st.sampled_from(SKUS), min_size=1)
    return [campaign(f"{i:02}", *draw(tiers()), skus=draw(parts)) for i in range(draw(st.integers(0, 4)))]


lines_of = st.lists(st.builds(line, st.sampled_from(SKUS), st.integers(1, 9)), min_size=1, max_size=8)
prices_of = st.fixed_dictionaries({sku: st.integers(1, 9_999) for sku in SKUS})


@given(lines_of, prices_of, campaigns())
def test_money_adds_up_and_no_line_gives_more_than_it_has(
    lines: list[QuoteLine], prices: dict[str, int], running: list[CampaignTerms]
) -> None:
    basket = price(lines, prices, *running)
    assert sum(part.discount for part in basket.lines) == basket.discount
    assert basket.net == basket.gross - basket.discount == sum(part.net for part in basket.lines)
    for asked, part in zip(lines, basket.lines, strict=True):
        assert part.gross == prices[asked.sku] * asked.quantity
        assert 0 <= part.discount <= part.gross
        assert sum(applied.amount for applied in part.discounts) == part.discount


@given(lines_of, prices_of, campaigns())
def test_every_running_campaign_is_explained_and_the_best_applies(
    lines: list[QuoteLine], prices: dict[str, int], running: list[CampaignTerms]
) -> None:
    basket = price(lines, prices, *running)
    assert {note.campaign_id for note in basket.notes} == {each.campaign_id for each in running}
    assert basket.discount == max((note.off for note in basket.notes), default=0)
    assert tuple(note.campaign_id for note in basket.notes if note.applied) == basket.campaign_ids
    for note in basket.notes:
        assert (note.code == "applied") == note.applied
        assert (note.code in ("applied", "beaten_by_other")) == (note.off > 0) == (note.missing == 0)


@given(lines_of, prices_of, tiers(), st.integers(1, 10_000))
def test_a_higher_threshold_never_gives_more(
    lines: list[QuoteLine], prices: dict[str, int], rises: list[tuple[int, int]], more: int
) -> None:
    easy = price(lines, prices, campaign("easy", *rises))
    hard = price(lines, prices, campaign("hard", *((threshold + more, off) for threshold, off in rises)))
    assert hard.discount <= easy.discount


@given(lines_of, prices_of, campaigns(), st.randoms())
def test_the_order_of_lines_moves_at_most_a_tied_cent(
    lines: list[QuoteLine], prices: dict[str, int], running: list[CampaignTerms], chance: Random
) -> None:
    places = list(range(len(lines)))
    chance.shuffle(places)
    straight, mixed = price(lines, prices, *running), price([lines[place] for place in places], prices, *running)
    assert mixed.discount == straight.discount
    for at, place in enumerate(places):
        assert abs(mixed.lines[at].discount - straight.lines[place].discount) <= 1


def test_thirty_off_is_spread_by_largest_remainder() -> None:
    basket = price([line("TEA", 2), line("CUP")], {"TEA": 9_999, "CUP": 10_001}, campaign("nov", (20_000, 3_000)))
    assert [(part.gross, part.discount, part.net) for part in basket.lines] == [
        (19_998, 2_000, 17_998),
        (10_001, 1_000, 9_001),
    ]
    [note] = basket.notes
    assert note.message == "30.00 CNY off, spread over 2 lines"


def test_lines_of_one_sku_reach_a_threshold_together() -> None:
    basket = price([line("TEA"), line("CUP"), line("TEA")], {"TEA": 5_000, "CUP": 100}, campaign("a", (10_000, 999)))
    assert [part.discount for part in basket.lines] == [495, 10, 494]


def test_only_what_takes_part_counts_and_is_reduced() -> None:
    tea = campaign("tea", (10_000, 1_000), skus=frozenset({"TEA"}))
    below = price([line("TEA"), line("CUP", 9)], {"TEA": 6_000, "CUP": 9_000}, tea)
    assert (below.discount, below.notes[0].code, below.notes[0].missing) == (0, "below_threshold", 4_000)
    assert below.notes[0].message == "40.00 CNY more would take 10.00 CNY off"
    reached = price([line("TEA", 2), line("CUP")], {"TEA": 6_000, "CUP": 9_000}, tea)
    assert [part.discount for part in reached.lines] == [1_000, 0]
    none = price([line("CUP", 9)], {"CUP": 9_000}, tea)
    assert [note.code for note in none.notes] == ["not_eligible_lines"]


def test_of_equal_campaigns_the_oldest_applies_and_the_other_says_why_not() -> None:
    basket = price([line("TEA")], {"TEA": 9_000}, campaign("b", (5_000, 500)), campaign("a", (8_000, 500)))
    assert basket.campaign_ids == ("cmp_a",)
    assert [note.code for note in basket.notes] == ["applied", "beaten_by_other"]
    assert basket.notes[1].message == "5.00 CNY off, but 'a' takes 5.00 CNY off; only one may apply"


def test_what_does_not_run_now_is_not_mentioned() -> None:
    terms = campaign("a", (1_000, 100))
    coming = terms._replace(starts_at=NOW + timedelta(seconds=1))
    over = terms._replace(ends_at=NOW)
    assert price([line("TEA")], {"TEA": 9_000}, coming, over).notes == ()
    first_instant = terms._replace(starts_at=NOW)
    assert price([line("TEA")], {"TEA": 9_000}, first_instant).discount == 100


def test_a_basket_beyond_all_money_is_refused() -> None:
    with pytest.raises(QuoteTooLarge):
        price([line("TEA", 10_000)], {"TEA": 10**12})


@pytest.mark.parametrize(
    "wrong", [[(100, 100)], [(100, 0)], [(200, 10), (100, 20)], [(100, 10), (100, 20)], [(100, 10), (200, 10)]]
)
def test_tiers_that_do_not_rise_or_give_everything_are_refused(wrong: list[tuple[int, int]]) -> None:
    with pytest.raises(CampaignTiersInvalid):
        check_tiers([Tier(*tier) for tier in wrong], "CNY")


def test_a_title_is_thirty_chinese_characters_or_sixty_half_width() -> None:
    assert title_units("龙井Tea") == 7
    check_title("茶" * 30, pointer="/body/title")
    check_title("x" * 60, pointer="/body/title")
    with pytest.raises(TitleTooLong) as refusal:
        check_title("茶" * 30 + "!", pointer="/body/title")
    assert refusal.value.errors[0]["pointer"] == "/body/title"
