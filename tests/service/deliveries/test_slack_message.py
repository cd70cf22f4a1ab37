"""What Slack is sent: within its bounds, and without anything that a text could do there."""

from typing import Any

from service.deliveries.slack_message import message_of
from service.results import Draft, IndexInfo, Neighbour, Note, PriorityDecision, Timings, Triage, Usage


def _answer(text: str, url: str | None = None, **priority: Any) -> Triage:
    decided = {"label": "high", "confidence": 0.8, "probabilities": {}, "decision": "automatic", **priority}
    neighbour = Neighbour(
        id=text[:300], text=text, priority=text, resolution=text, similarity=0.7, relevance=0.7, score=0.7, why="",
        above_floor=True, subject=text, url=url,
    )  # fmt: skip
    return Triage(
        id="a1",
        priority=PriorityDecision(**decided),
        neighbours=(neighbour,) * 50,
        note=Note(text=text, citations=()),
        reply=Draft(text=text, citations=(), source="llm", grounded=True),
        questions=(text, text),
        warnings=(text,),
        index=IndexInfo(generation="", tickets=1, embedding_model="", forest=""),
        timings_ms=Timings(),
        usage=Usage(),
    )


def _texts(answer: Triage) -> list[str]:
    blocks = message_of(answer)["blocks"]
    return [part["text"] for block in blocks for part in block.get("elements") or [block["text"]]]


def test_a_message_keeps_slacks_bounds() -> None:
    """150 characters for a header, 3,000 for a section, 50 blocks, and about 13,000 characters in all."""
    for text in ("word " * 5_000, "&" * 20_000, "<>" * 9_000, "é\n" * 9_000, "x"):
        answer = _answer(text, f"https://desk.example/{'a' * 300}?q=<&|>", label=text)
        message = message_of(answer)
        assert len(message["blocks"]) <= 50
        texts = _texts(answer)
        assert len(texts[0]) <= 150
        assert all(0 < len(part) <= 3_000 for part in texts)
        assert sum(map(len, texts)) < 13_000
        assert len(message["text"]) <= 3_000


def test_texts_do_nothing_in_slack() -> None:
    """No mention, no link of their own and no broken escape; a ticket's own address is the only link."""
    hostile = "<!channel> <https://evil.example|click> & <@U1> ```x```"
    texts = _texts(_answer(hostile, "https://desk.example/t?a=1&b=<x|y>"))
    for part in texts[1:]:
        assert "<!channel" not in part
        assert "<https://evil" not in part
        assert "<@U1" not in part
    precedents = texts[-2]
    assert "<https://desk.example/t?a=1&amp;b=%3Cx%7Cy%3E|" in precedents
    assert precedents.count("<") == precedents.count("• ")
    for address in ("javascript:alert(1)", "ftp://desk.example", None):
        assert "<" not in _texts(_answer("plain", address))[-2]
    for block in message_of(_answer(hostile))["blocks"]:
        for part in block.get("elements") or [block["text"]]:
            assert part["type"] == "plain_text" or part["verbatim"]


def test_the_title_says_how_sure_the_priority_is() -> None:
    """A label that needs a person's eye is told from one that does not, and from none."""
    assert message_of(_answer("x"))["text"] == "Priority: high (80%)"
    assert message_of(_answer("x", decision="review"))["text"] == "Priority: high (80%, to be confirmed)"
    assert message_of(_answer("x", label=None))["text"] == "Priority: not known yet"
