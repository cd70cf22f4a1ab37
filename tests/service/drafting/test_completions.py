"""Completions that try to slip something past the check, and honest ones that must lose nothing else."""

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from indexer.grounding.sentences import SentenceSplitter
from indexer.language import language_of
from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.answer import AnswerReader, Claim
from service.drafting.checked_reply import CheckedReply
from service.drafting.drafter import Drafter
from service.drafting.languages import LANGUAGES, in_another
from service.drafting.precedents import select_precedents
from service.results import Neighbour
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.drafting.drafting import Drafted, draft
from tests.service.drafting.examples import CLOSING, GREETING, TICKETS, neighbour

pytestmark = pytest.mark.slow

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
_BEFORE, _AFTER = "Set FERRY_API_KEY in ferry.toml", "Then keep the 24-hour overlap"
_CITED = "[1008] [1015]"
_CITATION = re.compile(r"[ \t]*\[[^\[\]]*10(?:08|15)[^\[\]]*\](?!\()")
_BY_RULE = {"that made a promise", "that said what was done"}
"""What a sentence may be left out for that its resolution says word for word."""
_FENCES = ("```", "~~~")
_LOST_AT_MOST = 40
_EVERY = 16  # of the cases over HTTP, whole and in pieces


def _read(kind: str) -> list[Case]:
    files = sorted(_FOLDER.glob(f"{kind}*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def _drafts(
    provider: Provider,
    asked: Sequence[tuple[str, Sequence[Neighbour]]],
    size: int | None,
    tickets: Sequence[str] | None = None,
) -> list[Drafted]:
    async def run() -> list[Drafted]:
        done = []
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            drafter = Drafter(client, model="m", timeout=60)
            for (reply, near), ticket in zip(asked, tickets or [TICKET] * len(asked), strict=True):
                provider.configure(reply=reply, chunk=size or len(reply))
                pieces, result = await draft(drafter, ticket, near)
                assert result.draft.source != "llm" or result.draft.text == "".join(pieces)
                done.append(result)
        return done

    return asyncio.run(run())


def _cited(text: str) -> str:
    """Let every line and sentence of a text cite what it could rest on, so that it is held to that."""
    splitter = SentenceSplitter()
    parts = (*splitter.feed(text), splitter.flush())
    return "".join(
        f"{s.rstrip()} {_CITED}{s[len(s.rstrip()) :]}" if s.strip() and s[:3] not in _FENCES else s
        for s in parts
    )


def _answer(case: Case, *, structured_: bool) -> str:
    """Return an answer with a case between two sentences that are right."""
    if structured_:
        both = ("1008", "1015")
        return structured((f"{_BEFORE}.", both), (case["text"], both), (f"{_AFTER}.", both))
    return f"{_BEFORE} [1008].\n{_cited(case['text'])}\n{_AFTER} [1008]."


@pytest.mark.parametrize("structured_", [True, False], ids=["structured", "prose"])
def test_what_is_made_up_is_cut(*, structured_: bool) -> None:
    """Of a sentence with a made-up address, id, link, tag, command or piece of the prompt, nothing is kept."""
    failures = []
    for case in _read("adversarial"):
        answer, reply = _answer(case, structured_=structured_), CheckedReply(TICKET, select_precedents(NEAR))
        claims = _claims([answer])
        assert claims == _claims(answer), "how an answer is cut changes no sentence"
        for claim in claims:
            reply.add(claim.text, claim.ids)
        if not _is_held_back(reply.text, reply.left_out):
            failures.append(f"{case!r} {reply.text!r} {reply.left_out}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("structured_", [True, False], ids=["structured", "prose"])
@pytest.mark.parametrize("size", _SIZES)
def test_what_is_made_up_never_reaches_the_reader(
    provider: Provider, size: int | None, structured_: bool
) -> None:
    """Nor is anything of it shown of an answer that a provider sends, whole or in pieces."""
    cases = _read("adversarial")[::_EVERY]
    results = _drafts(provider, [(_answer(case, structured_=structured_), NEAR) for case in cases], size)
    failures = [
        f"{case!r} {result.draft.text!r} {result.draft.degraded}"
        for case, result in zip(cases, results, strict=True)
        if not _is_held_back(result.draft.text, result.draft.degraded)
    ]
    assert not failures, "\n".join(failures)


def _claims(pieces: Iterable[str]) -> list[Claim]:
    reader = AnswerReader()
    found = [claim for piece in pieces for claim in reader.feed(piece)]
    return [*found, *reader.flush()]


def _is_held_back(text: str, why: str | None) -> bool:
    body = text.removeprefix(GREETING).removesuffix(CLOSING)
    return (why or "").startswith("left out ") and body.split() == f"{_BEFORE}. {_AFTER}.".split()


def test_what_its_resolution_says_loses_nothing_but_by_rule(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """Addresses, commands, versions, file names, prices and other languages that the resolution has are shown as written.

    What is lost are promises, and what was done for another customer: times, dates and amounts of money. A ticket asks in
    the language of the case; a case in a language that cannot be checked is lost as a whole.
    """
    cases = _read("honest")
    spoken = [_language(case["text"]) for case in cases]
    both = NEAR[0].resolution, NEAR[1].resolution
    asked = [
        (
            f"{_BEFORE} [1008].\n{case['text']} [1008]",
            [
                neighbour("1008", resolution=f"{both[0]}\n{case['text']}"),
                neighbour("1015", resolution=both[1], similarity=0.6),
            ],
        )
        if code == "en"
        else (f"{case['text']} [1008]", [neighbour("1008", text="", resolution=case["text"])])
        for case, code in zip(cases, spoken, strict=True)
    ]
    tickets = [TICKET if code == "en" else TICKETS.get(code, TICKET) for code in spoken]
    lost, failures = 0, []
    for case, code, result in zip(cases, spoken, _drafts(provider, asked, None, tickets), strict=True):
        why = result.draft.degraded or ""
        if code not in TICKETS or "did not write in English" in why:
            assert "another language than the reply's" in why or not case["text"].isascii(), case
            continue
        faults = set(result.cuts)
        expected = _CITATION.sub("", f"{_BEFORE}. {case['text']}" if code == "en" else case["text"])
        frame = LANGUAGES[code].frame
        body = result.draft.text.removeprefix(frame.opening).removesuffix(frame.closing)
        lost += bool(faults)
        if faults - _BY_RULE or (not faults and _words(body) != _words(expected)):
            failures.append(f"{case!r} {body!r} {result.draft.degraded}")
    with capsys.disabled():
        print(f"\nhonest completions that lose a promise or what was done: {lost} of {len(cases)}")
    assert not failures, "\n".join(failures)
    assert lost <= _LOST_AT_MOST


def _language(text: str) -> str:
    """Return the language of a case; one that is not told is English, unless its script is another."""
    bare = _CITATION.sub("", text)
    return language_of(bare) or ("??" if in_another(bare, "en") else "en")


def _words(text: str) -> list[str]:
    return [word for word in text.split() if re.search(r"\w", word)]


@pytest.mark.parametrize("text", _read("honest")[::5], ids=str)
def test_what_no_resolution_says_is_not_shown(text: Case) -> None:
    """The same completions, where the resolutions do not say it, lose what they state."""
    reply = CheckedReply(TICKET, NEAR)
    shown = "".join(reply.add(s, ("1008",)) for s in SentenceSplitter().feed(text["text"] + "\n"))
    numbers = set(re.findall(r"\d{2,}", shown))
    given = " ".join((TICKET, *(str(n.resolution) for n in NEAR)))
    assert all(number in given for number in numbers), shown
