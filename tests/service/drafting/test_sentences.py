"""Tests of cutting a stream into sentences."""

import random

import pytest

from indexer.grounding.sentences import EndlessTextError, SentenceSplitter


def _split(text: str, size: int = 1) -> list[str]:
    splitter = SentenceSplitter()
    sentences = [s for at in range(0, len(text), size) for s in splitter.feed(text[at : at + size])]
    return [*sentences, splitter.flush()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("One.\n\nTwo", ["One.\n", "\n", "Two"]),
        ("Fixed in v2.4.1 today. Update.", ["Fixed in v2.4.1 today. ", "Update."]),
        ("Try it, e.g. the pool. Done.", ["Try it, e.g. the pool. ", "Done."]),
        ("See ticket no. 99 here. Done.", ["See ticket no. 99 here. ", "Done."]),
        ("1. First. Then.\n2. Second.", ["1. First. ", "Then.\n", "2. Second."]),
        ("- 1. First", ["- 1. First"]),
        ("Roll it back. [5] Then restart.", ["Roll it back. [5] ", "Then restart."]),
        ("Roll it back. [5] [7]. Then restart.", ["Roll it back. [5] [7]. ", "Then restart."]),
        ('He said "stop." Then left.', ['He said "stop." ', "Then left."]),
        ("**Stop.** Then leave.", ["**Stop.** ", "Then leave."]),
        ("Run `a. B` now. Done.", ["Run `a. B` now. ", "Done."]),
        ("See [5,\n7]. Done.", ["See [5,\n7]. ", "Done."]),
        ("A [ that stays open.\n" + "x" * 100 + "\nB", ["A [ that stays open.\n" + "x" * 100 + "\n", "B"]),
        ("Run:\n```sh\na. B\n\nc\n```\nDone.", ["Run:\n", "```sh\na. B\n\nc\n```\n", "Done."]),
        ("```\nnever closed. Yes.\n", ["```\nnever closed. Yes.\n"]),
        ("Run ```a``` now. Done.", ["Run ```a``` now. ", "Done."]),
        ("```a``` is it. Done.", ["```a``` is it. ", "Done."]),
        ("", [""]),
    ],
)
def test_splits_at_the_ends_of_sentences(text: str, sentences: list[str]) -> None:
    """Lists, versions, abbreviations, citations and code stay whole, other sentences are told apart."""
    got = _split(text)
    assert got == (sentences if got[-1] == sentences[-1] else [*sentences, ""])


def test_the_size_of_the_pieces_does_not_matter() -> None:
    """However the provider cuts its stream, the sentences are the same and nothing is lost."""
    parts = [
        "Go on. ",
        "1. ",
        "[5] ",
        "`a. B`",
        "v1.2.3 ",
        "\n",
        "\n\n",
        "```\nx\n```\n",
        "e.g. ",
        "No! ",
        "(5). ",
    ]
    draw = random.Random(7)
    for _ in range(300):
        text = "".join(draw.choices(parts, k=12))
        whole = _split(text, len(text))
        assert "".join(whole) == text
        assert [s for s in _split(text, 1) if s] == [s for s in whole if s]
        assert [s for s in _split(text, 5) if s] == [s for s in whole if s]


def test_a_sentence_comes_as_soon_as_it_is_over() -> None:
    """Nobody waits for the end of the answer to read its beginning."""
    splitter = SentenceSplitter()
    assert list(splitter.feed("First. S")) == ["First. "]
    assert list(splitter.feed("econd\n")) == ["Second\n"]
    assert splitter.flush() == ""


@pytest.mark.parametrize("size", [1, 5, 16, 100_000])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One. " + "x" * 1_000, ""),
        ("One. " + "." * 2_000, "One. "),
        ("One.\n" + "x" * 1_001, "One.\n"),
        ("One.\n" + "`*_" * 4_000, "One.\n"),
        ("One.\n" + "No [ end" * 1_000, "One.\n"),
        ("One.\n```\n" + "x\n" * 4_000, "One.\n"),
        ("One two.\n" * 2_000, "One two.\n" * 888),
        ("\n" * 90_000, "\n" * 8_000),
    ],
)
def test_a_text_without_an_end_is_refused(text: str, kept: str, size: int) -> None:
    """What was whole before a bound is given, whatever the pieces; then the rest is refused."""
    splitter = SentenceSplitter()
    got: list[str] = []

    def feed_all() -> None:
        for at in range(0, len(text), size):
            got.extend(splitter.feed(text[at : at + size]))

    with pytest.raises(EndlessTextError):
        feed_all()
    assert "".join(got) == kept
    assert splitter.flush() == ""


def test_wide_full_stops_end_sentences() -> None:
    """Chinese and Japanese have no blank between sentences; beside Latin letters the stop may be an address's dot."""
    assert _split("请重启。然后等。") == ["请重启。", "然后等。"]
    assert _split("See evil。example。") == ["See evil。example。"]
