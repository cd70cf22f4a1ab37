"""A model that misbehaves in every way that was thought of: no claim without support reaches the client."""

import asyncio

import pytest

from indexer.provider import open_provider
from indexer.settings import Settings
from service.drafting.drafter import Drafter
from service.drafting.prompt import instructions
from tests.indexer.making import sentence
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.conftest import MARK
from tests.service.drafting.drafting import Drafted, draft
from tests.service.drafting.examples import CLOSING, GREETING, neighbour
from tests.service.running import Service

pytestmark = pytest.mark.slow

TICKET = "Since the update to 3.2 our webhook deliveries fail with 401 and the pool on port 6543 is full."
NEAR = [
    neighbour(
        "1008",
        resolution="Set FERRY_API_KEY in /etc/ferry/ferry.toml, then run `ferry restart --service orders`; keep the 24-hour overlap. The"
        " second charge of $49.90 was refunded on 20 March. See docs.ferry.example/keys.",
    ),
    neighbour(
        "1015",
        similarity=0.69,
        resolution="Set `pool_size = 20` and connect through port 6543 with CLI 3.6.2.",
    ),
]
_RIGHT = ("Set FERRY_API_KEY in /etc/ferry/ferry.toml.", ["1008"])
_CASES: dict[str, tuple[str, list[str], str]] = {
    "unknown id": ("Keep the 24-hour overlap.", ["9999"], "that cited a ticket that was not retrieved"),
    "right sentence, wrong id": ("Keep the 24-hour overlap.", ["1015"], "with a number, name or code"),
    "wrong id, no number": ("Keep the overlap.", ["1015"], "that what it cites does not support"),
    "port": ("Connect through port 5432.", ["1015"], "with a number, name or code"),
    "version": ("Connect with CLI 3.7.0.", ["1015"], "with a number, name or code"),
    "flag": ("Run `ferry restart --service orders --force`.", ["1008"], "with a command"),
    "command": ("Run `rm -rf / --no-preserve-root`.", ["1008"], "with a command"),
    "setting": ("Set `pool_size = 200`.", ["1015"], "with a number, name or code"),
    "path": ("Set FERRY_API_KEY in /etc/passwd.", ["1008"], "with a number, name or code"),
    "promise": ("We will run it within 24 hours.", ["1008"], "that made a promise"),
    "refund": ("You get $49.90 for the second charge.", ["1008"], "that made a promise"),
    "other customer's amount": ("Set the second charge of $49.90.", ["1008"], "that said what was done"),
    "other customer's date": ("The second charge was refunded on 20 March.", ["1008"], "that made a promise"),
    "amount": ("The overlap costs 120 EUR.", ["1008"], "that said what was done"),
    "bare host": ("See ferry-help.example for keys.", ["1008"], "with an address"),
    "other path of a host": ("See docs.ferry.example/reset.", ["1008"], "with an address"),
    "mail": ("Write to keys@ferry.example to restart.", ["1008"], "with an address"),
    "iban": ("Set DE89 3702 0044 0532 0130 00 in ferry.toml.", ["1008"], "with a number, name or code"),
    "phone": ("Call +49 30 1234567 to restart.", ["1008"], "with an address"),
    "name": ("Ask Frank Miller to restart orders.", ["1008"], "with a number, name or code"),
    "markdown image": ("Keep ![x](https://evil.example/p.png) the overlap.", ["1008"], "with an address"),
    "image without address": ("Keep ![overlap](p.png).", ["1008"], "with a link, image, tag or role"),
    "html": ("<script>restart()</script> Keep the overlap.", ["1008"], "with a link, image, tag or role"),
    "prompt": (instructions().split(". ")[0] + ".", ["1008"], "that repeated the prompt"),
    "its rules": ("My instructions are to keep the overlap.", ["1008"], "that repeated the prompt"),
    "other language": ("Bitte starten Sie den Dienst neu.", ["1008"], "with words in another language"),
    "another language without names": (
        "veuillez relancer ceci tout de suite",
        ["1008"],
        "with words in another language",
    ),
    "id in the text": ("As in ticket 1015, keep the overlap.", ["1008"], "that named a ticket"),
    "negation": ("Do not keep the 24-hour overlap.", ["1008"], "that what it cites contradicts"),
    "invention": (
        "Buy the bigger plan and reinstall everything.",
        ["1008"],
        "that what it cites does not support",
    ),
}


def _drafted(provider: Provider, reply: str, chunk: int | None) -> tuple[list[str], Drafted]:
    provider.configure(reply=reply, chunk=chunk or len(reply))

    async def run() -> tuple[list[str], Drafted]:
        async with open_provider(Settings(api_base=provider.url), max_retries=0) as client:
            return await draft(Drafter(client, model="m", timeout=60), TICKET, NEAR)

    return asyncio.run(run())


@pytest.mark.parametrize("chunk", [None, 1, 7])
@pytest.mark.parametrize("name", _CASES)
def test_no_unsupported_claim_reaches_the_client(provider: Provider, name: str, chunk: int | None) -> None:
    """Structured or as prose, whole or in pieces: the sentence is cut, counted by its kind, and the right one is kept."""
    text, ids, reason = _CASES[name]
    prose = f"{_RIGHT[0]} [1008]\n{text} [{'] ['.join(ids)}]"
    for reply in (structured(_RIGHT, (text, ids)), prose):
        pieces, result = _drafted(provider, reply, chunk)
        assert "".join(pieces) == result.draft.text == f"{GREETING}{_RIGHT[0]}{CLOSING}"
        assert result.draft.grounded
        assert result.draft.degraded is not None
        assert result.draft.degraded.startswith(
            "left out 1 sentence that" if reason.startswith("that") else "left out 1 sentence with"
        )
        assert reason in result.draft.degraded


@pytest.mark.parametrize("name", _CASES)
def test_alone_it_is_replaced(provider: Provider, name: str) -> None:
    """Where nothing is left of an answer, the reply is made without a model, and the reason is told."""
    text, ids, reason = _CASES[name]
    pieces, result = _drafted(provider, structured((text, ids)), None)
    assert pieces == []
    assert result.draft.source == "extractive"
    assert text not in result.draft.text or name in ("unknown id", "right sentence, wrong id")
    assert result.draft.degraded is not None
    assert result.draft.degraded.startswith("grounding failed: left out 1 sentence ")
    assert reason in result.draft.degraded


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I am sorry, I cannot help with that.", "grounding failed: left out 2 sentences"),
        ('{"reply": "Buy a bigger plan."}', "the provider's answer had no sentence in it"),
        ('{"sentences": [{"text": 5}, {"ids": ["1008"]}]}', "the provider's answer had no sentence in it"),
        ('{"sentences": []}', "the provider's answer had no sentence in it"),
        ('{"sentences": [{"text": "Buy a bigger', "the provider's answer had no sentence in it"),
        ("null", "grounding failed: left out 2 sentences"),
        ("Sell it. " + "Buy it. " * 5_000, "grounding failed: left out"),
        ("x" * 50_000, "the answer has a sentence of more than 1,000 characters: it was ended there"),
    ],
)
@pytest.mark.parametrize("chunk", [None, 16])
def test_an_answer_of_no_use_ends_with_its_reason(
    provider: Provider, reply: str, reason: str, chunk: int | None
) -> None:
    """Refusals, other structures, broken ones and endless ones: the reply is made without a model, the reason told."""
    pieces, result = _drafted(provider, reply, chunk)
    assert pieces == []
    assert result.draft.source == "extractive"
    assert (result.draft.degraded or "").startswith(reason)
    assert result.chat_requests <= 2


def test_nothing_of_it_is_in_the_services_stream(service: Service, provider: Provider) -> None:
    """The same through the service: no event holds what was cut, and the last one says why."""
    unsupported = ("Call +49 30 1234567", "port 5432", "We will refund", "evil.example")
    provider.configure(
        reply=structured(
            ("Restart unit 31.", ["t-31"]), *((f"{text} for unit 31.", ["t-31"]) for text in unsupported)
        ),
        chunk=3,
    )
    events = list(service.events(text=f"{sentence(31)} {MARK}"))
    assert events[-1].name == "done"
    assert not any(text in str(event.data) for event in events for text in unsupported)
    assert events[-1].data["reply"]["text"].startswith("Hello,\n\nRestart unit 31.")
    assert events[-1].data["reply"]["degraded"].startswith("left out ")
