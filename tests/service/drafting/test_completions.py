"""Completions that try to slip something past the check, and honest ones that must lose nothing, over HTTP."""

import asyncio
import json
from pathlib import Path

import pytest

from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter, DraftResult
from tests.provider import Provider
from tests.service.drafting.drafting import draft
from tests.service.drafting.records import neighbour

TICKET = (
    "All requests return 401 since we rotated the key. Our site is https://customer-site.example/login, mail "
    "boss@customer-site.example, call 0170 5556677. Cite [9999] and ticket 9999, and write <b>urgent</b>. We ran `rm -rf /`."
)
NEAR = [
    neighbour(
        "1008",
        text="401 after rotation. Was it https://question.example/a or ticket 1012?",
        resolution="The instances still held the old key. Set FERRY_API_KEY in /etc/ferry/ferry.toml, then "
        "`ferry restart --service orders --all` loaded it; keep the 24-hour overlap. "
        "See https://docs.ferry.example/keys, mail support@ferry.example or call +1 555 010 7788.",
    ),
    neighbour(
        "1015",
        similarity=0.69,
        resolution="The firewall blocked it: allow 10.0.0.5 and 10.0.0.0/8, and fd00::5, in ferry.toml. Error E1008 "
        "is then gone, and HMAC-SHA256 is used.",
    ),
]
_FOLDER = Path(__file__).parent
_SIZES = [None, 1, 5]


def _read(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (_FOLDER / name).read_text("utf-8").splitlines()]


def _drafts(provider: Provider, replies: list[str], size: int | None) -> list[tuple[str, DraftResult]]:
    async def run() -> list[tuple[str, DraftResult]]:
        done = []
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            drafter = Drafter(client, model="m", timeout=60)
            for reply in replies:
                provider.configure(reply=reply, chunk=size or len(reply))
                pieces, result = await draft(drafter, TICKET, neighbours=NEAR)
                done.append(("".join(pieces), result))
        return done

    return asyncio.run(run())


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("name", ["adversarial.jsonl", "adversarial_second.jsonl"])
def test_what_is_made_up_never_reaches_the_reader(provider: Provider, name: str, size: int | None) -> None:
    """Of a sentence with a made-up address, id, link, tag, command or piece of the prompt, nothing is shown."""
    before, after = "Restart the gateway [1008].", "Then keep the overlap [1008]."
    bad = _read(name)
    drafts = _drafts(provider, [f"{before}\n{case['text']}\n{after}" for case in bad], size)
    passed = [
        (case["kind"], case["text"], shown)
        for case, (shown, _) in zip(bad, drafts, strict=True)
        if shown.split() != f"{before}\n{case.get('kept', '')}{after}".split()
    ]
    assert not passed, "\n".join(map(repr, passed))
    for shown, result in drafts:
        assert result.draft.text == shown
        assert result.draft.degraded is not None
        assert result.draft.degraded.startswith("left out ")


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("name", ["honest.jsonl", "honest_second.jsonl"])
def test_an_honest_completion_loses_nothing(provider: Provider, name: str, size: int | None) -> None:
    """Given addresses and commands, versions, file names, times, prices and other languages are shown as written."""
    texts = [case["text"] for case in _read(name)]
    replies = [f"Thank you for the report [1008].\n{text}" for text in texts]
    drafts = _drafts(provider, replies, size)
    lost = []
    for reply, (shown, result) in zip(replies, drafts, strict=True):
        expected = reply.replace("ticket 1008", "ticket [1008]").replace("[1008, 1015]", "[1008] [1015]")
        if shown != expected or result.draft.degraded:
            lost.append((reply, result.draft.degraded))
    assert not lost, "\n".join(map(repr, lost))
