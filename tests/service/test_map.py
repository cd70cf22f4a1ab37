"""``/v1/map``: the stored tickets as points, and where questions fall that none of them was near to."""

import asyncio
import contextlib
import gzip
from pathlib import Path

import httpx
import numpy as np
import pytest

from indexer.ledger import Ledger
from indexer.settings import Settings
from indexer.ticket import Ticket
from service.ticket_map.files import find, load, map_path, save
from service.ticket_map.maps import NoMapError, TicketMaps
from service.ticket_map.projection import SIDE, make_map, telling_words
from tests.indexer.making import SPACE, make_ticket, make_tickets, sentence, store_vectors
from tests.service.conftest import MARK
from tests.service.priority.data import clustered
from tests.service.running import NO_TLS, Service

COLUMNS = ("x", "y", "label", "resolved", "cluster")


@pytest.fixture(scope="module")
def tickets() -> list[Ticket]:
    """Tickets of three kinds, as many as the vectors below."""
    kinds = ("printer paper jam", "password reset login", "invoice refund billing")
    label = clustered(90).labels
    names = sorted({name for name in label if name})
    return [
        make_ticket(
            row,
            text=f"{kinds[names.index(name or '')]} number{row}",
            priority=name,
            resolution=None if row % 3 else "Done.",
            fields={"product": ("web", "api")[names.index(name or "") % 2], "order": f"o{row}"},
        )
        for row, name in enumerate(label)
    ]


def test_what_is_alike_lies_together_and_is_told_in_words(tickets: list[Ticket]) -> None:
    """Three kinds are three groups, each with the words of its kind; the same tickets give the same map."""
    vectors = clustered(90).features.vectors
    made, again = (make_map("tickets-0001", tickets, vectors, 1_234) for _ in range(2))
    assert [getattr(made, name) for name in COLUMNS] == [getattr(again, name) for name in COLUMNS]
    assert made.ids == tuple(ticket.id for ticket in tickets)
    assert (made.tickets, made.generation) == (1_234, "tickets-0001")
    for place, ticket in enumerate(tickets):
        assert made.labels[made.label[place]] == ticket.priority
        assert made.resolved[place] == (ticket.resolution is not None)
    places = np.array([made.x, made.y]).T
    assert places.min() >= 0
    assert places.max() == SIDE
    kinds = [(made.cluster[place], ticket.text.split()[0]) for place, ticket in enumerate(tickets)]
    assert len(set(kinds)) == len(made.clusters) == 3
    for number, cluster in enumerate(made.clusters):
        kind = next(word for group, word in kinds if group == number)
        assert kind in cluster.words[:3]
        members = np.array(made.cluster) == number
        assert cluster.points == members.sum()
        assert cluster.unresolved == (members & (np.array(made.resolved) == 0)).sum()
    assert [cluster.points for cluster in made.clusters] == sorted(
        (cluster.points for cluster in made.clusters), reverse=True
    )
    # A field in which every ticket has another value is none to colour by.
    assert list(made.fields) == ["product"]
    product = made.fields["product"]
    assert [product.values[of] for of in product.of] == [ticket.fields["product"] for ticket in tickets]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["apple pie", "apple tart", "pear pie", "pear tart"], [("apple",), ("pear",)]),
        (["https://docs.x/pie", "https://docs.x/tart", "a@docs.x pear", "b@docs.x pear"], [(), ("pear",)]),
        (["only once", "never again", "another thing", "42 17"], [(), ()]),
        (["the and of", "a an", "?", ""], [(), ()]),
    ],
)
def test_words_tell_one_group_from_another(texts: list[str], told: list[tuple[str, ...]]) -> None:
    """Neither words of one ticket, nor those that tell nothing."""
    found = telling_words([Ticket(id=text, text=text) for text in texts], np.array([0, 0, 1, 1]))
    assert [words[:1] for words in found] == told


def test_a_kept_map_is_found_until_it_is_damaged(data_dir: Path, tickets: list[Ticket]) -> None:
    """The newest of the generation and the ledger, with its vectors; a damaged file is none, and older files go."""
    vectors = clustered(90).features.vectors
    made = make_map("tickets-0001", tickets[:40], vectors[:40], 40)
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        store_vectors(ledger, make_tickets(2))
        ledger.tickets.write([make_ticket(0)])
        ledger.generations.ensure_live(SPACE)
        generation = ledger.generations.live()
        assert generation is not None
        assert find(data_dir, ledger, generation) is None
        old = map_path(data_dir, ledger, generation)
        save(old, made, vectors[:40])
        ledger.tickets.write([make_ticket(1)])
        path = map_path(data_dir, ledger, generation)
        save(path, made, vectors[:40])
        assert find(data_dir, ledger, generation) == path
        assert not old.exists()
        kept = load(path)
        assert kept is not None
        assert kept.map == made
        assert np.allclose(kept.vectors, vectors[:40], atol=1e-3)
        # That of a later state of the ledger, such as one before a restore, knows tickets that this one does not.
        path.rename(path.with_name(path.name.replace(f"-{ledger.revision()}.", "-99.")))
        assert find(data_dir, ledger, generation) is None
        path.write_bytes(b"damaged")
        assert load(path) is None


def test_few_tickets_have_no_map(data_dir: Path) -> None:
    """Fewer than thirty are told in plain words, and nothing is begun."""
    with contextlib.closing(Ledger(None, data_dir)) as ledger:
        store_vectors(ledger, make_tickets(2))
        ledger.generations.ensure_live(SPACE)
        generation = ledger.generations.live()
        assert generation is not None
        maps = TicketMaps(Settings(data_dir=data_dir), ledger)
        with pytest.raises(NoMapError, match="at least 30"):
            asyncio.run(maps.get(generation, 29))


def test_the_map_is_made_in_the_background_and_sent_packed(service: Service) -> None:
    """The first call begins it and is told so; then each stored ticket is a point, and a client may have it plain."""
    first = service.http.get("/v1/map")
    assert first.status_code in {200, 202}
    if first.status_code == 202:
        assert first.json()["state"] == "making"
        assert first.json()["expected_seconds"] > 0
        assert int(first.headers["retry-after"]) > 0
        assert service.http.get("/v1/map/gaps").status_code == 202
    service.until(lambda: service.http.get("/v1/map").status_code == 200, "the map is made")
    packed = service.http.get("/v1/map")
    assert packed.headers["content-encoding"] == "gzip"
    found = packed.json()
    with httpx.stream(
        "GET", f"{service.url}/v1/map", headers={"Accept-Encoding": "identity"}, verify=NO_TLS
    ) as plain:
        assert "content-encoding" not in plain.headers
        content = plain.read()
        assert len(gzip.compress(content)) < len(content) / 2
    assert {len(found[name]) for name in COLUMNS} == {len(found["ids"])}
    assert set(found["label"]) <= set(range(-1, len(found["labels"])))
    assert sum(cluster["points"] for cluster in found["clusters"]) == len(found["ids"]) >= 50
    assert service.http.get(f"/v1/tickets/{found['ids'][0]}").status_code == 200


def test_a_question_without_a_precedent_falls_near_what_it_is_most_like(service: Service) -> None:
    """It is placed in the group of the nearest ticket; a question with a precedent is not shown."""
    service.until(lambda: service.http.get("/v1/map").status_code == 200, "the map is made")
    found = service.http.get("/v1/map").json()
    near = service.answer("/v1/triage", text=f"{sentence(33)} {MARK}", draft=False)
    words = sentence(33).split()
    far = service.answer("/v1/triage", text=f"{words[2]} {MARK} quagga okapi gnu ibex serval", draft=False)
    assert any(one["above_floor"] for one in near["neighbours"])
    assert not any(one["above_floor"] for one in far["neighbours"])

    def gaps() -> dict[str, dict[str, object]]:
        return {one["id"]: one for one in service.http.get("/v1/map/gaps").json()["questions"]}

    service.until(lambda: far["id"] in gaps(), "the answer is kept")
    shown = gaps()
    assert near["id"] not in shown
    gap = shown[far["id"]]
    assert gap["text"]
    assert gap["cluster"] in range(len(found["clusters"]))
    members = [place for place, cluster in enumerate(found["cluster"]) if cluster == gap["cluster"]]
    for axis in ("x", "y"):
        places = [found[axis][place] for place in members]
        assert min(places) <= int(str(gap[axis])) <= max(places)
