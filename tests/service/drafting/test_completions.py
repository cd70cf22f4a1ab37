"""Completions that try to slip something past the check, and honest ones that must lose nothing, over HTTP."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter, DraftResult
from tests.provider import Provider
from tests.service.drafting.drafting import draft
from tests.service.drafting.examples import neighbour

Case = dict[str, str]

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
        "See https://docs.ferry.example/keys, mail support@ferry.example or call +1 555 010 7788. Tested with "
        "`curl -H 'Authorization: Bearer <token>' https://api.ferry.example/v1/ping`.",
    ),
    neighbour(
        "1015",
        similarity=0.69,
        resolution="The firewall blocked it: allow 10.0.0.5 and 10.0.0.0/8, and fd00::5, in ferry.toml. Error E1008 "
        "is then gone, and HMAC-SHA256 is used. The pool was too small: set `pool_size = 20` in `[database]`, then "
        "`systemctl restart ferry`, on Kubernetes `kubectl rollout restart deployment/orders -n ferry`. Allow "
        '10.20.0.0/16 and 10.20.0.5 too. In appsettings.json it is `"Http": { "Timeout": 30 }`.',
    ),
]
_FOLDER = Path(__file__).parent
_SIZES = [None, 1, 5]
_BEFORE, _AFTER = "Restart the gateway [1008].", "Then keep the overlap [1008]."
_THANKS = "Thank you for the report [1008]."
_TOGETHER = 8  # cases in one completion, where it comes in pieces


def _read(kind: str) -> list[Case]:
    files = sorted(_FOLDER.glob(f"{kind}*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def _drafts(provider: Provider, replies: Sequence[str], size: int | None) -> list[DraftResult]:
    async def run() -> list[DraftResult]:
        done = []
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            drafter = Drafter(client, model="m", timeout=60)
            for reply in replies:
                provider.configure(reply=reply, chunk=size or len(reply))
                pieces, result = await draft(drafter, TICKET, neighbours=NEAR)
                assert result.draft.text == "".join(pieces)
                done.append(result)
        return done

    return asyncio.run(run())


def _failures(
    provider: Provider,
    size: int | None,
    cases: Sequence[Case],
    reply: Callable[..., str],
    is_right: Callable[..., bool],
) -> list[str]:
    """Return what went wrong, case by case; in pieces, a case is drafted alone only where several together are not right."""
    together = _TOGETHER if size else 1
    groups = [cases[at : at + together] for at in range(0, len(cases), together)]
    if size:
        drafts = _drafts(provider, ["\n\n".join(map(reply, group)) for group in groups], size)
        groups = [
            [case]
            for group, result in zip(groups, drafts, strict=True)
            if not is_right(group, result)
            for case in group
        ]
    drafts = _drafts(provider, [reply(case) for (case,) in groups], size)
    return [
        f"{group[0]!r} {result.draft.text!r} {result.draft.degraded}"
        for group, result in zip(groups, drafts, strict=True)
        if not is_right(group, result)
    ]


@pytest.mark.parametrize("size", _SIZES)
def test_what_is_made_up_never_reaches_the_reader(provider: Provider, size: int | None) -> None:
    """Of a sentence with a made-up address, id, link, tag, command or piece of the prompt, nothing is shown."""

    def reply(case: Case) -> str:
        return f"{_BEFORE}\n{case['text']}\n{_AFTER}"

    def is_right(group: Sequence[Case], result: DraftResult) -> bool:
        expected = "\n".join(f"{_BEFORE}\n{case.get('kept', '')}{_AFTER}" for case in group)
        left_out = (result.draft.degraded or "").startswith("left out ")
        return left_out and result.draft.text.split() == expected.split()

    failures = _failures(provider, size, _read("adversarial"), reply, is_right)
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("size", _SIZES)
def test_an_honest_completion_loses_nothing(provider: Provider, size: int | None) -> None:
    """Given addresses and commands, versions, file names, times, prices and other languages are shown as written."""

    def reply(case: Case) -> str:
        return f"{_THANKS}\n{case['text']}"

    def shown(case: Case) -> str:
        text = case["text"].replace("ticket 1008", "ticket [1008]").replace("[1008, 1015]", "[1008] [1015]")
        return f"{_THANKS}\n{case.get('shown', text)}"

    def is_right(group: Sequence[Case], result: DraftResult) -> bool:
        return not result.draft.degraded and result.draft.text == "\n\n".join(map(shown, group))

    failures = _failures(provider, size, _read("honest"), reply, is_right)
    assert not failures, "\n".join(failures)
