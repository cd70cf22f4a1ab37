"""The cleaning as a whole: what it promises for any text."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.cleaning import Message, clean

_PIECES = st.sampled_from(  # parts of what the rules look for, in any order
    """<p> </p> <br> <div> </div> <table> <tr> <td> <ul> <li> <blockquote> <pre> </pre> <code> </code> <!-- --> <![if] < > & &lt;p&gt;
    &amp;lt; {code} {code:title=a} {noformat} {quote} {color:red} {color} {panel:title=x} {html} h1. [a|http://b.c] ``` ` -- > >> text
    Regards, Bob wrote: On 4.3.2024 10:15 From: Sent: To: Subject: -----Original|Message----- _______ Sent|from|my|iPhone * 1. List<T>
    confidential recipient e-mail delete in|error a@b.c <a@b.c> Ünïcödé \ud800 \x00 \r""".split()  # noqa: SIM905
).map(lambda piece: piece.replace("|", " "))
_TEXTS = st.lists(st.tuples(_PIECES, st.sampled_from(["", " ", "\n", "\n\n"])), max_size=40).map(
    lambda parts: "".join(piece + space for piece, space in parts)
)


@settings(max_examples=600, deadline=None)
@given(_TEXTS | st.text())
def test_cleaning_again_changes_nothing(text: str) -> None:
    """Whatever the text, it raises nothing, and what is clean stays as it is."""
    once = clean(text)
    assert clean(once.text).text == once.text


def test_everything_at_once() -> None:
    """A mail in HTML is told apart into message, quotation and signature."""
    html = (
        "<div>It fails:</div><pre>x &lt; y</pre><div><br></div><div>Kind regards</div><div>Bob</div><br><div class='gmail_quote'>"
        "<div>Am Mo., 4. März 2024 um 10:15 Uhr schrieb Ann &lt;<a href='mailto:a@example.com'>a@example.com</a>&gt;:<br></div>"
        "<blockquote>Which version?</blockquote></div>"
    )
    assert clean(html) == Message(
        text="It fails:\n```\nx < y\n```",
        quoted="Am Mo., 4. März 2024 um 10:15 Uhr schrieb Ann <a@example.com>:\n> Which version?",
        signature="Kind regards\nBob",
    )


def test_html_that_was_escaped_twice() -> None:
    """It is read as often as it takes."""
    assert clean("<p>&lt;p&gt;It fails&lt;/p&gt;</p>").text == "It fails"


@pytest.mark.parametrize(
    "piece",
    [
        *("<", ">", "<>", "\n", " ", "`", "```\n", "```a\n", "{code}", "{code:a}", "{co", "[a|http://", "h1. ", "<!--", "<![if", "&", "-", "A-"),
        *("<a ", "<b a=1><p>", "<div>", "<p>a", "<table><tr><td>", "<blockquote>a<br>", "<a href='http://x'>", "&lt;p&gt;"),
        *("> a b c d\n", ">\nx\n", "From: a\n", "On 10:15 Bob wrote:\n", "--\nBob\n", "Regards,\nBob\n\n", "Sent from my iPhone\n"),
        *("confidential recipient\n", "-----Original Message-----\n", "a\n\n> b\n\n", "+1 ", "Best "),
    ],
)  # fmt: skip
def test_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    """Eight times the text takes about eight times the work; with a quadratic step it would be 64 times."""
    small, large = (_fastest(piece * (size // len(piece))) for size in (5_000, 40_000))
    assert large < 24 * small + 0.05


def _fastest(text: str) -> float:
    times = []
    for _ in range(2):
        start = time.process_time()
        clean(text)
        times.append(time.process_time() - start)
    return min(times)
