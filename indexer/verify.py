"""Verification of the ledger and the index against each other, and repair."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from indexer.chroma.check import Differences, IndexCheck, ProbeResult
from indexer.chroma.failures import MissingCollectionError, UnreadableIndexError
from indexer.chroma.index_files import dropped_folders
from indexer.errors import IndexUnavailableError
from indexer.forget import unfinished
from indexer.ledger import Generation, pages
from indexer.progress import Progress
from indexer.rebuild import drop_retired
from indexer.store import Store

__all__ = ["Problem", "VerifyReport", "repair", "verify"]

_NAMED = 5
_SAMPLE = 500
_LOOKS, _LOOK_SECONDS = 4, 1.0  # at tickets that wait: a slow write may span two of them
_VERIFY = "precedent verify --repair"
_START = "start that server or correct PRECEDENT_CHROMA_URL and its token, then precedent verify"
_REBUILD = "precedent rebuild"
_RESTORE = "precedent restore FILE, into an empty store, with a backup made before"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong: how often, some of the ids, and the command that mends it."""

    kind: str
    count: int
    what: str
    mend: str
    ids: tuple[str, ...] = ()


class VerifyReport(msgspec.Struct, kw_only=True):
    """What was found; ``clean`` when there is no problem.

    ``asked`` counts the rows that were looked for by their own vectors, ``notes`` are not problems.
    """

    clean: bool
    tickets: int
    vectors: int
    generation: str | None
    rows: int = 0
    asked: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def verify(store: Store, data_dir: Path, *, full: bool = False, progress: Progress) -> VerifyReport:
    """Check the ledger, the live collection against it row by row, and whether queries find its rows.

    Nothing is changed. An index that kills its server of being read is a problem like another: Chroma is a
    process of its own.

    :param full: look for every row by its own vector, not for a sample of 500.
    """
    began = time.monotonic()
    ledger = store.ledger
    if damage := ledger.integrity():  # nothing else that it says can be relied on
        what = f"the ledger's file is damaged: {damage[0]}"
        problem = Problem(kind="ledger_damaged", count=len(damage), what=what, mend=_RESTORE)
        return VerifyReport(
            clean=False, tickets=0, vectors=0, generation=None, problems=(problem,),
            seconds=round(time.monotonic() - began, 3),
        )  # fmt: skip
    live = ledger.generations.live()
    problems = _ledger_problems(store)
    report = VerifyReport(
        clean=False,
        tickets=ledger.tickets.count(),
        vectors=ledger.vectors.count(),
        generation=live.name if live else None,
    )
    if live is None and report.tickets:
        what = f"{report.tickets:,} tickets are stored, but no generation is live"
        problems.append(
            Problem(kind="no_generation", count=report.tickets, what=what, mend="precedent sync FILE")
        )
    try:
        store.index.connect()
        if live is not None:
            stuck = ledger.generations.pending_ids(live)
            check = IndexCheck(ledger, store.index, live)
            found, reach = check.compare(progress), check.probe(None if full else _SAMPLE, progress)
            report.rows, report.asked = found.rows, reach.asked
            problems += _index_problems(live, found, reach)
            problems += _pending_problems(store, live, stuck)
        unknown = store.index.unknown_collections(store.generations.all())
        problems += _problems("collection", unknown, "collections are of no generation", _VERIFY)
    except IndexUnavailableError as error:
        what = f"the index cannot be read: {error}"
        away = store.index.is_yours and not isinstance(error, MissingCollectionError | UnreadableIndexError)
        kind, mend = ("index_unreachable", _START) if away else ("index_unreadable", _VERIFY)
        problems.append(Problem(kind=kind, count=1, what=what, mend=mend))
    if unfinished(data_dir):
        what = "a forget was interrupted: what it was to erase may still be in files"
        problems.append(Problem(kind="forget_unfinished", count=1, what=what, mend="precedent forget"))
    report.notes = _notes(store, data_dir)
    report.problems = tuple(problems)
    report.clean = not problems
    report.seconds = round(time.monotonic() - began, 3)
    return report


def repair(store: Store, *, full: bool = False, progress: Progress) -> None:
    """Replay from the ledger what is wrong in the index; nothing is asked of a provider.

    :raises IndexUnavailableError: the index cannot be brought back.
    """
    ledger = store.ledger
    store.prepare(progress)
    live = ledger.generations.live()
    if live is not None:
        check = IndexCheck(ledger, store.index, live)
        _replace(store, live, check.compare(progress).ids, progress)
        _replace(store, live, check.probe(None if full else _SAMPLE, progress).lost, progress)
    with ledger.maintenance_lock():
        drop_retired(store, before=0.0)


def _replace(store: Store, live: Generation, ids: Sequence[str], progress: Progress) -> None:
    for page in pages(ids):
        # Noted first: a kill after the deletion leaves them to be replayed.
        store.generations.mark_pending(live, page)
        store.index.delete(live, page)
        store.replay(live, progress)


def _ledger_problems(store: Store) -> list[Problem]:
    altered, unusable = store.tickets.altered(), store.vectors.unusable()
    mend = f"sync them again, or {_RESTORE}"
    problems = _problems("ticket_altered", altered, "tickets are not what was acknowledged", mend)
    if unusable:
        what = f"{unusable:,} vectors in the ledger have another length than their space's, or values that are not finite"
        problems.append(Problem(kind="vector_unusable", count=unusable, what=what, mend=_RESTORE))
    return problems


def _index_problems(live: Generation, found: Differences, reach: ProbeResult) -> list[Problem]:
    of, again = f"of {live.name}", f"{_VERIFY}; if they stay, {_REBUILD}"
    return [
        *_problems("missing", found.missing, f"tickets of the ledger are missing in {live.name}", _VERIFY),
        *_problems("foreign", found.foreign, f"rows {of} are of no ticket of the ledger", _VERIFY),
        *_problems("changed", found.changed, f"rows {of} have another text, priority or resolution", _VERIFY),
        *_problems("vector", found.vector, f"rows {of} have another vector than the ledger", _VERIFY),
        *_problems("unusable", found.unusable, f"vectors {of} have another dimension or are not finite", _VERIFY),
        *_problems("unreachable", reach.lost, f"rows {of} are not found by their own vectors", again),
    ]  # fmt: skip


def _pending_problems(store: Store, live: Generation, before: dict[str, int]) -> list[Problem]:
    stuck = before
    for look in range(_LOOKS):
        if look and stuck:
            time.sleep(_LOOK_SECONDS)
        # What is just being written is pending for a moment, and not the same at every look.
        now = store.generations.pending_ids(live) if stuck else {}
        stuck = {ticket_id: at for ticket_id, at in stuck.items() if now.get(ticket_id) == at}
    lacking = set(store.vectors.tickets_lacking(live.space))
    waiting = [ticket_id for ticket_id in stuck if ticket_id not in lacking]
    lasting = [ticket_id for ticket_id in stuck if ticket_id in lacking]
    return [
        *_problems("pending", waiting, f"tickets are still to be written to {live.name}", _VERIFY),
        *_problems("not_embedded", lasting, "tickets have no vector in the live space", _REBUILD),
    ]


def _notes(store: Store, data_dir: Path) -> tuple[str, ...]:
    notes = [
        f"{generation.name} is unfinished: `{_REBUILD}` goes on with it"
        for generation in store.generations.all()
        if generation.status == "building"
    ]
    notes += [
        f"{path.name} is a damaged index that was put aside; nothing needs it"
        for path in sorted(data_dir.glob("index.damaged-*"))
    ]
    folders: list[Path] = []
    if store.index.endpoint:
        index = data_dir / "index"
        database = f"{(index / 'chroma.sqlite3').resolve().as_uri()}?mode=ro"
        with suppress(sqlite3.Error), closing(sqlite3.connect(database, uri=True)) as connection:
            folders = dropped_folders(index, connection)
    if folders:
        notes.append(
            f"{len(folders)} folders of the index are of dropped collections: Chroma's next start removes them "
            "(`precedent stop` brings it about)"
        )
    return tuple(notes)


def _problems(kind: str, ids: Sequence[str], what: str, mend: str) -> list[Problem]:
    """Return the problem that these ids have; none where there are none."""
    named = tuple(ids[:_NAMED])
    return (
        [Problem(kind=kind, count=len(ids), what=f"{len(ids):,} {what}", mend=mend, ids=named)] if ids else []
    )
