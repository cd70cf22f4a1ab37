"""A model that obeys whoever attacks it, word for word: none of it reaches the client, and each draft says what happened."""

import asyncio

import pytest

from indexer.provider import open_provider
from indexer.settings import Settings
from indexer.suspicion import suspicion, suspicion_of
from indexer.ticket import Ticket
from service.drafting.drafter import Drafter
from service.drafting.note import agent_note
from service.drafting.precedents import select_precedents
from service.neighbours import neighbour_of, suspicions
from service.ranking import Ranked
from service.results import Neighbour
from tests.provider import Provider
from tests.provider.chat import structured
from tests.service.drafting.attacks import ATTACKS, HONEST, ISSUE, Attack
from tests.service.drafting.drafting import Drafted, draft
from tests.service.drafting.examples import HIGH

_EVERY = 8  # of the attacks where the answer comes in one piece: how it is cut changes no sentence
_PLACE = Ranked("x", similarity=0.7, relevance=0.7, score=0.7, subject=0.7, days=1.0)


def _stored(attack: Attack) -> list[Neighbour]:
    first, *others = attack.resolutions
    tickets = [
        Ticket(
            id=attack.ticket_id, text=ISSUE, resolution=first, tags=attack.tags, fields=dict(attack.fields)
        ),
        *(Ticket(id=f"s-{n}", text=ISSUE, resolution=text) for n, text in enumerate(others, 2)),
    ]
    return [neighbour_of(ticket, _PLACE, 0.5, suspicion_of(ticket)) for ticket in tickets]


def _answer(attack: Attack, near: list[Neighbour]) -> str:
    return attack.raw or structured((attack.reply, [one.id for one in near]))


async def _drafts(
    url: str, provider: Provider, *, chunk: int | None
) -> list[tuple[Attack, list[str], Drafted]]:
    done = []
    async with open_provider(Settings(api_base=url), max_retries=0) as client:
        drafter = Drafter(client, model="m", timeout=60)
        for attack in ATTACKS if chunk else ATTACKS[::_EVERY]:
            near = _stored(attack)
            answer = _answer(attack, near)
            provider.configure(reply=answer, chunk=chunk or len(answer))
            done.append((attack, *await draft(drafter, f"{ISSUE} {attack.text}", near)))
    return done


@pytest.mark.parametrize("chunk", [None, 9])
def test_no_attack_reaches_the_client(
    provider: Provider, capsys: pytest.CaptureFixture[str], chunk: int | None
) -> None:
    """Neither whole nor in pieces, nor in the note; what was held back has its reason."""
    through, silent = [], []
    for attack, pieces, result in asyncio.run(_drafts(provider.url, provider, chunk=chunk)):
        near, text = _stored(attack), f"{ISSUE} {attack.text}"
        notes = (agent_note(one, HIGH, near).text for one in (text, attack.text, f"{attack.text}\n{ISSUE}"))
        shown = (*pieces, result.draft.text, *([] if attack.quoted else notes), *suspicions(text, near))
        said = "\n".join((*shown, *(one.text for one in result.draft.sentences), result.draft.degraded or ""))
        # An id of one's own that is an attack is the team's: it is shown as it is.
        if attack.mark.casefold() in said.replace(attack.ticket_id, "").casefold():
            through.append(f"{attack.name}: {said}")
        if not result.draft.degraded:
            silent.append(attack.name)
    with capsys.disabled():
        print(f"\nattacks that reach the client: {len(through)} of {len(ATTACKS)}")
    assert len(ATTACKS) >= 80
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert not through, "\n\n".join(through)
    assert not silent


def test_attacks_that_are_stored_are_flagged(capsys: pytest.CaptureFixture[str]) -> None:
    """No draft rests on them, and the agent is told; they are neighbours all the same."""
    stored = [attack for attack in ATTACKS if attack.name.startswith("resolution, ")]
    missed = [attack.name for attack in stored if not _stored(attack)[0].flagged]
    with capsys.disabled():
        print(f"\nstored attacks that are not flagged: {len(missed)} of {len(stored)} {missed}")
    assert not missed
    for attack in stored:
        near = _stored(attack)
        assert [one.id for one in select_precedents(near)] == ["s-2"]
        assert any("s-1 is kept out" in warning for warning in suspicions(ISSUE, near))
    assert suspicion(HONEST) is None
    assert suspicion(ISSUE) is None
    assert suspicions(ISSUE, _stored(Attack(name="none"))) == ()
