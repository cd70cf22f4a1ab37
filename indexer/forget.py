"""Erase tickets: from the ledger, from every generation, from forests, and from the bytes of every file."""

import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from indexer.durable import unfinished as unfinished_file
from indexer.durable import write_durably
from indexer.errors import IndexUnavailableError, PrecedentError
from indexer.forest_folder import forest_folder
from indexer.ledger import Generation, Ledger
from indexer.progress import Progress
from indexer.rebuild import drop_retired
from indexer.store import Store
from indexer.traces import File, Known, Traces, scan, traces_of

__all__ = ["Receipt", "UnknownTicketsError", "forget", "unfinished"]

_JOURNAL = "forget.journal"
_ATTEMPTS = 4
_ROUNDS = 50
_TURNS = 3
_NAMED = 10


class UnknownTicketsError(PrecedentError):
    """Nothing is known of any of the tickets."""


class _Journal(msgspec.Struct, kw_only=True):
    """What an interrupted run needs to go on and to prove its work: it is removed when that is done."""

    begun: str
    ids: list[str]
    tickets_before: int
    vectors_before: int
    traces: Traces
    before: list[File] = []


class Receipt(msgspec.Struct, kw_only=True):
    """What was erased, when, and what the proof rests on.

    ``before`` and ``files`` are what the files held before and after: each was read to its end and searched for
    pieces of the tickets' texts, resolutions, ids, text hashes and vectors, and of the replies that agents sent. Of a
    ticket that was deleted before, its text is not known any more. ``clean``: nothing was found after.
    """

    forgotten: list[str]
    unknown: list[str]
    begun: str
    finished: str
    tickets_before: int
    tickets_after: int
    vectors_before: int
    vectors_after: int
    generation: str | None
    removed: list[str]
    before: list[File]
    files: list[File]
    clean: bool
    notes: list[str]
    seconds: float = 0.0


def unfinished(data_dir: Path) -> bool:
    """Tell whether a run was interrupted: the next one goes on with its tickets too."""
    return (data_dir / _JOURNAL).exists()


def forget(store: Store, data_dir: Path, ids: Sequence[str], *, progress: Progress) -> Receipt:
    """Erase the tickets and prove it; the index must be prepared.

    Queries do not find the tickets any more as soon as the ledger has forgotten them. The index is then written
    anew from the ledger, without any provider; a local Chroma server is restarted for a few seconds, in which a
    running service waits or answers 503. Interrupted anywhere, the next call goes on.

    :param ids: of tickets that are stored, were deleted, or are only named by feedback or answers; may be empty, to go on with
        what was interrupted.
    :raises UnknownTicketsError: nothing is known of any, and nothing was interrupted.
    :raises IndexUnavailableError: the index cannot be written anew; the ledger has forgotten the tickets.
    """
    began = time.monotonic()
    ledger = store.ledger
    with ledger.maintenance_lock():
        journal, unknown = _begin(store, data_dir, ids)
        ledger.tickets.erase(journal.ids)
        live = ledger.generations.live()
        if live is not None:
            store.replay(live, progress, only=journal.ids)
        removed = _remove_files(data_dir)
        for _ in range(_TURNS):
            if live is not None:
                live = _write_anew(store, live, progress)
            local = store.index.compact()
            ledger.compact()
            progress("scan", 0, 0)
            files = scan(data_dir, journal.traces)
            # What others said in the same words while this ran stays, as what they had said before.
            while any(file.found for file in files):
                if not journal.traces.leave_out(_said_by_others(ledger, set(journal.ids))):
                    break
                files = scan(data_dir, journal.traces)
            progress("scan", len(files), len(files))
            if live is None or not any(file.found for file in files if file.name.startswith("index/")):
                break
            # Chroma writes its memory out as it is, and what it has not used yet may hold vectors that it had freed:
            # the server that was started since never had them.
        clean = not any(file.found for file in files)
        if clean:
            ledger.tombstones.note_rewritten(datetime.fromisoformat(journal.begun).timestamp())
            _erase(data_dir / _JOURNAL, journal)
    return Receipt(
        forgotten=journal.ids,
        unknown=unknown,
        begun=journal.begun,
        finished=_now(),
        tickets_before=journal.tickets_before,
        tickets_after=ledger.tickets.count(),
        vectors_before=journal.vectors_before,
        vectors_after=ledger.vectors.count(),
        generation=live.name if live else None,
        removed=removed,
        before=[file for file in journal.before if file.found],
        files=files,
        clean=clean,
        notes=_notes(store, journal, local=local),
        seconds=round(time.monotonic() - began, 3),
    )


def _begin(store: Store, data_dir: Path, ids: Sequence[str]) -> tuple[_Journal, list[str]]:
    """Write down what is to be forgotten, and what it looks like, before anything is."""
    ledger, path = store.ledger, data_dir / _JOURNAL
    left = None
    if path.exists():
        # Its first line; behind that, one that was being erased has the rest of what it was.
        left = msgspec.json.decode(path.read_bytes().partition(b"\n")[0], type=_Journal)
    found = _found(ledger, ids)
    unknown = [i for i in dict.fromkeys(ids) if i not in found.ids and (left is None or i not in left.ids)]
    if not found.ids and left is None:
        msg = f"not stored: {', '.join(map(repr, unknown[:_NAMED]))}" if unknown else "no ticket was named"
        raise UnknownTicketsError(msg)
    live = ledger.generations.live()
    lacking = set(ledger.vectors.tickets_lacking(live.space)).difference(found.ids) if live else set()
    if lacking:
        msg = f"{len(lacking):,} tickets are not embedded yet, so the index cannot be written anew: run `precedent rebuild` first"
        raise PrecedentError(msg)
    journal = left or _Journal(
        begun=_now(),
        ids=[],
        tickets_before=ledger.tickets.count(),
        vectors_before=ledger.vectors.count(),
        traces=Traces(skip=_JOURNAL),
    )
    if found.ids:
        traces = traces_of(
            found.known,
            ledger.vectors.in_all_spaces(found.hashes),
            _remaining(ledger, found.ids),
            ledger.vectors.of_other_tickets(found.ids),
        )
        journal.traces.join(traces)
        journal.ids = list(dict.fromkeys((*journal.ids, *found.ids)))
        traces.skip = _JOURNAL
        journal.before += scan(data_dir, traces)
        write_durably(data_dir / _JOURNAL, msgspec.json.encode(journal))
    return journal, unknown


@dataclass(frozen=True, slots=True)
class _Found:
    """What the ledger knows of tickets that are to be forgotten; ``hashes`` are of their texts and subjects."""

    ids: dict[str, None]
    hashes: set[str]
    known: list[Known]


def _found(ledger: Ledger, ids: Sequence[str]) -> _Found:
    stored, deleted = ledger.tickets.get(ids), ledger.tombstones.deleted(ids)
    replies, named = ledger.feedback.replies(ids), ledger.answers.named(ids) | ledger.deliveries.named(ids)
    made = ledger.distillates.words(ids)
    found = {i: None for i in ids if any(i in each for each in (stored, deleted, replies, named, made))}
    # Of a ticket that was deleted before, only the hash of its text is known.
    hashes = {i: (text,) for i, text in deleted.items()} | {
        i: (*one.embeddings,) for i, one in stored.items()
    }
    texts = {text for of_ticket in hashes.values() for text in of_ticket}
    shared = {text for ticket_id, text in ledger.tickets.with_texts(texts) if ticket_id not in found}
    known = [Known(i, "id", i) for i in found]
    known += [Known(i, "hash", text) for i, each in hashes.items() for text in each if text not in shared]
    answered, delivered = ledger.answers.words([*found]), ledger.deliveries.words([*found])
    for kind, said in (("reply", replies), ("reply", answered), ("reply", delivered), ("resolution", made)):
        known += [Known(i, kind, words) for i, of_ticket in said.items() for words in of_ticket]
    for i, ticket in stored.items():
        known += [Known(i, "text", ticket.text), Known(i, "resolution", ticket.resolution or "")]
    return _Found(found, texts, known)


def _remaining(ledger: Ledger, ids: Collection[str]) -> Iterator[str]:
    """Yield everything in words that stays without these tickets."""
    for ticket in ledger.tickets.records():
        if ticket.id not in ids:
            yield "\0".join((ticket.id, ticket.text, ticket.resolution or "", *ticket.tags))
    yield from _said_by_others(ledger, ids)


def _said_by_others(ledger: Ledger, ids: Collection[str]) -> Iterator[str]:
    yield from ledger.feedback.replies_of_others(ids, ledger.answers.losing_replies([*ids]))
    yield from ledger.answers.words_of_others(ids)
    yield from ledger.deliveries.words_of_others(ids)
    yield from ledger.distillates.words_of_others(ids)


def _remove_files(data_dir: Path) -> list[str]:
    """Remove what is made of tickets: forests, indexes that were put aside, exports that wait, and reports of jobs.

    A report names ids that were refused, or quotes tickets. A batch that still waits is left: the proof names its file.
    """
    with forest_folder(data_dir, exclusive=True) as folder:
        removed = list(folder.glob("*"))
        for path in removed:
            path.unlink()
    unfinished_file(data_dir / _JOURNAL).unlink(missing_ok=True)
    for report in (data_dir / "jobs").glob("*.json"):
        if not report.with_suffix(".body").exists() and _names_tickets(report):
            report.unlink(missing_ok=True)
            removed.append(report)
    for export in (data_dir / "uploads").glob("*"):
        shutil.rmtree(export, ignore_errors=True)
        removed.append(export)
    for aside in data_dir.glob("index.damaged-*"):
        shutil.rmtree(aside)
        removed.append(aside)
    return sorted(str(path.relative_to(data_dir)) for path in removed)


class _Report(msgspec.Struct):
    kind: str = ""
    ended_at: str | None = ""


def _names_tickets(report: Path) -> bool:
    """Tell whether a job's report may name tickets, or will: a service that finds its file gone then writes none."""
    try:
        found = msgspec.json.decode(report.read_bytes(), type=_Report)
    except FileNotFoundError:
        return False  # a service removed it just now
    except msgspec.MsgspecError:
        return True
    return found.ended_at is not None or found.kind in ("evaluate", "verify", "audit", "inspect")


def _write_anew(store: Store, live: Generation, progress: Progress) -> Generation:
    """Replay the ledger into a new generation in the same space, and remove all others."""
    ledger = store.ledger
    for left in ledger.generations.all():
        if left.status == "building":
            store.drop(left)
    new = ledger.generations.begin(live.space)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            store.complete(new, progress)
            with ledger.index_lock():
                switched = any(store.go_live(new, remove_others=True) for _ in range(_ROUNDS))
            if switched:
                # Collections that have no generation any more.
                drop_retired(store, before=0.0)
                return new
        except IndexUnavailableError:
            if attempt == _ATTEMPTS:
                raise
            store.prepare(progress)
    msg = f"tickets are written faster than {new.name} can get them: run `precedent forget` when less is written"
    raise PrecedentError(msg)


def _notes(store: Store, journal: _Journal, *, local: bool) -> list[str]:
    notes = list(journal.traces.unmarked)
    if not local:
        notes.append(
            "the index is on a Chroma server of your own: its collections were replaced, its files are out of reach here; "
            "have it vacuumed, and the folders of deleted collections removed"
        )
    if not store.ledger.is_local:
        notes.append(
            "the ledger is on PostgreSQL: its tables were rewritten; its write-ahead log and backups are out of reach here"
        )
    notes.append(
        "outside the data directory, and not looked at: source files, .rejected.jsonl files, backups, the provider, webhooks and Slack. "
        "A source that still has the tickets brings them back with the next sync"
    )
    return notes


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _erase(path: Path, journal: _Journal) -> None:
    """Overwrite and remove the journal: it holds pieces of what was forgotten.

    Killed in between, it is that of a run with nothing left to do.
    """
    done = msgspec.structs.replace(journal, ids=[], traces=Traces(skip=_JOURNAL), before=[])
    with path.open("r+b") as file:
        file.write((msgspec.json.encode(done) + b"\n").ljust(path.stat().st_size, b"\0"))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
