"""Tests of the choice of precedents and of cutting texts."""

import pytest

from indexer.ticket import shorten
from service.drafting.precedents import (
    RESOLUTION_CHARACTERS,
    TEXT_CHARACTERS,
    select_precedents,
    why_none,
)
from service.results import Neighbour
from tests.service.drafting.examples import neighbour


def test_only_near_neighbours_with_a_resolution_support_a_draft() -> None:
    """A neighbour below the floor, or one that nobody resolved in words, is no precedent."""
    chosen = select_precedents(
        [
            neighbour("1", above_floor=False),
            neighbour("2", resolution=None),
            neighbour("3", resolution=" \n"),
            neighbour("4"),
        ]
    )
    assert [n.id for n in chosen] == ["4"]


def test_the_first_five_are_taken_in_their_order() -> None:
    """They come as they were ranked, by subject and date too: the cosine alone does not put them in another order."""
    chosen = select_precedents([neighbour(str(i), similarity=i / 10) for i in range(1, 9)])
    assert [n.id for n in chosen] == ["1", "2", "3", "4", "5"]


def test_long_texts_are_cut() -> None:
    """Text and resolution of a precedent are bounded, and marked where they were cut."""
    (chosen,) = select_precedents([neighbour(text="log line " * 9_000, resolution="do this " * 9_000)])
    assert chosen.resolution is not None
    assert len(chosen.text) <= TEXT_CHARACTERS
    assert len(chosen.resolution) <= RESOLUTION_CHARACTERS
    assert chosen.text.endswith("log line log … (cut)")
    assert chosen.resolution.endswith("… (cut)")


@pytest.mark.parametrize(
    ("neighbours", "reason"),
    [
        ([], "no resolved ticket is stored to rest a draft on"),
        (
            [neighbour(similarity=0.12, above_floor=False), neighbour(similarity=0.05, above_floor=False)],
            "no precedent is near enough: best relevance 0.12",
        ),
        ([neighbour(resolution=None)], "no ticket that is near enough has a resolution"),
    ],
)
def test_says_why_there_is_no_precedent(neighbours: list[Neighbour], reason: str) -> None:
    """A reader learns whether the store is empty, nothing is near, or what is near was never resolved."""
    assert why_none(neighbours) == reason


def test_a_short_text_is_not_cut() -> None:
    """A text that fits is given whole, without white space around it."""
    assert shorten("  whole  ", 5) == "whole"


def test_no_word_or_address_is_halved() -> None:
    """A cut goes back to the last white space, so that half an address is never given."""
    assert shorten("see https://example.com/a/long/path now", 30) == "see … (cut)"


def test_a_text_without_white_space_is_cut_hard() -> None:
    """A text that is one long word is still bounded."""
    assert shorten("x" * 500, 100) == "x" * 92 + " … (cut)"
