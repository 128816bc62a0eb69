"""Money is spread to the cent whatever the amounts: by largest remainder, nobody beyond what they have (PRM-2)."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from storeops.common.money import MAX_MINOR, MINOR_DIGITS, spread, to_decimal, to_minor

amounts = st.integers(0, 40) | st.integers(0, MAX_MINOR - 1)
weights = st.lists(amounts, min_size=1, max_size=12)


@given(amounts, weights)
def test_shares_make_the_total_and_each_is_its_exact_share_rounded(total: int, over: list[int]) -> None:
    shares = spread(total, over)
    whole = sum(over)
    assert sum(shares) == total
    if whole:
        assert all(abs(share * whole - total * weight) < whole for share, weight in zip(shares, over, strict=True))
    else:
        assert max(shares) - min(shares) <= 1


@given(weights, st.data())
def test_no_line_gives_more_than_it_has(lines: list[int], data: st.DataObject) -> None:
    off = data.draw(st.integers(0, sum(lines)))
    assert all(share <= line for share, line in zip(spread(off, lines), lines, strict=True))


@given(amounts, weights)
def test_a_larger_line_never_gets_less_and_of_equal_lines_the_earlier_not(total: int, over: list[int]) -> None:
    """In the lines only: by largest remainder a larger total may take a cent from one line (the Alabama paradox)."""
    shares = spread(total, over)
    ranked = sorted(range(len(over)), key=lambda line: (-over[line], line))
    assert [shares[line] for line in ranked] == sorted(shares, reverse=True)


@given(amounts, weights, st.randoms(use_true_random=False))
def test_the_order_of_lines_moves_no_more_than_a_tied_cent(total: int, over: list[int], chance: Random) -> None:
    places = list(range(len(over)))
    chance.shuffle(places)
    straight, mixed = spread(total, over), spread(total, [over[place] for place in places])
    assert sorted(straight) == sorted(mixed)
    assert all(abs(mixed[at] - straight[place]) <= 1 for at, place in enumerate(places))


@given(st.integers(-MAX_MINOR + 1, MAX_MINOR - 1), st.sampled_from(sorted(MINOR_DIGITS)))
def test_money_as_a_decimal_is_the_same_money(minor: int, currency: str) -> None:
    assert to_minor(to_decimal(minor, currency), currency) == minor
