"""Read tickets and vectors: of a file, embedded as far as the ledger has no vector for them, or of the store."""

import asyncio
import contextlib
import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from indexer.admission import stored_ticket
from indexer.embedding import Matrix
from indexer.embedding.choose import open_embedder
from indexer.ledger import Ledger, Space
from indexer.progress import Progress
from indexer.settings import Settings
from indexer.sources import read_source
from indexer.ticket import Ticket, TicketError
from indexer.writing import embed_texts
from service.decided_fields import PRIORITY, label_of, rules_of
from service.evaluation.cases import Cases, EvaluationError, make_cases, newest
from service.evaluation.sample_questions import Question, is_sample, questions
from service.ranking import QueryVectors

__all__ = ["Loaded", "load", "read_pairs"]

_RETRIES = 5
_TOLD = 3
_LEAST_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """Tickets ready to be evaluated, and where they come from.

    :param rejected: records of the file that do not count: no resolved tickets, or with the id of one that does.
    :param reasons: why, of the first few of them.
    :param embedded: texts that had no vector before.
    :param chosen: of the store: tickets with the precedents that agents named as right.
    :param questions: about the bundled sample, where it is that, with their vectors.
    """

    cases: Cases
    source: str
    embedding_model: str
    rejected: int
    reasons: tuple[str, ...]
    embedded: int
    chosen: tuple[tuple[str, str], ...]
    questions: tuple[tuple[Question, QueryVectors], ...]


def load(
    settings: Settings,
    file: str | None,
    pairs: tuple[tuple[str, str], ...],
    progress: Progress,
    *,
    field: str | None = None,
    with_questions: bool = True,
) -> Loaded:
    """Read the newest tickets of a file, or of the store, with their vectors.

    :param field: a field whose first value stands for the priority of each ticket.
    :param with_questions: whether to embed the questions about the sample, where it is that.

    A file's tickets are not stored; their vectors are, so that a second run embeds nothing.

    :raises PrecedentError: there is nothing to read, or it could not be embedded.
    """
    # Read before the ledger is opened: a file that cannot be read leaves nothing behind, and costs nothing.
    read, rejected, reasons = ((), 0, ()) if file is None else _read(file, field)
    with contextlib.closing(Ledger(settings.database_url, settings.data_dir)) as ledger:
        if file is None:
            live = ledger.generations.live()
            known = (_labelled_by(ticket, field) for ticket in ledger.tickets.records() if not ticket.is_open)
            read = newest(known) if live is not None else ()
            if live is None or not read:
                msg = "the store is empty: index tickets first (make index FILE=…), or name a file"
                raise EvaluationError(msg)
            space, embedded = live.space, 0
        else:
            space, embedded = asyncio.run(_embed(settings, ledger, read, progress))
        wanted = questions() if with_questions and field is None and is_sample(read) else ()
        if wanted:
            asyncio.run(_embed(settings, ledger, tuple(one.ticket() for one in wanted), progress))
        hashes = {text for ticket in (*read, *(one.ticket() for one in wanted)) for text in ticket.embeddings}
        vectors = ledger.vectors.get(space, hashes)
        chosen = ledger.feedback.chosen() if file is None else []
    with_vector = [ticket for ticket in read if ticket.text_hash in vectors]
    if not with_vector:
        msg = f"no stored ticket has a vector of {space}: run make reindex"
        raise EvaluationError(msg)
    return Loaded(
        cases=make_cases(with_vector, vectors, pairs, fields=rules_of(settings, field or PRIORITY).reads),
        source=("the stored tickets" if file is None else Path(file).name)
        + (f", by {field}" if field else ""),
        embedding_model=space.model,
        rejected=rejected,
        reasons=reasons,
        embedded=embedded,
        chosen=tuple(chosen),
        questions=tuple((one, _query(one.ticket(), vectors)) for one in wanted),
    )


def read_pairs(path: Path) -> tuple[tuple[str, str], ...]:
    """Read pairs of ids from a CSV file with the columns ``query_id`` and ``duplicate_of_id``.

    :raises EvaluationError: it cannot be read, or has other columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"query_id", "duplicate_of_id"} <= set(rows.fieldnames or ()):
                msg = f"{path} needs the columns query_id and duplicate_of_id"
                raise EvaluationError(msg)
            return tuple((row["query_id"] or "", row["duplicate_of_id"] or "") for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise EvaluationError(msg) from None


def _query(ticket: Ticket, vectors: Mapping[str, Matrix]) -> QueryVectors:
    text = vectors[ticket.text_hash]
    return QueryVectors(text, vectors.get(ticket.subject_hash or ticket.text_hash, text), math.nan)


def _labelled_by(ticket: Ticket, field: str | None) -> Ticket:
    """Return the ticket with the first value of that field, if a field is named, as its priority."""
    return ticket if field is None else msgspec.structs.replace(ticket, priority=label_of(ticket, field))


def _read(file: str, field: str | None) -> tuple[tuple[Ticket, ...], int, tuple[str, ...]]:
    rejected = 0
    reasons: list[str] = []
    ids: Counter[str] = Counter()

    def tickets() -> Iterator[Ticket]:
        nonlocal rejected
        for record in read_source(file):
            try:
                ticket = _labelled_by(stored_ticket(record), field)
            except TicketError as error:
                rejected += 1
                if len(reasons) < _TOLD:
                    reasons.append(f"{record.place}: {error}")
            else:
                ids[ticket.id] += 1
                yield ticket

    found = newest(tickets())
    if not found:
        what = f"none of its {rejected:,} records is a ticket" if rejected else "it is empty"
        msg = f"{file} has no tickets: {what}"
        raise EvaluationError(msg)
    if all(ticket.priority is None for ticket in found):
        lacking = f"the field {field}" if field else "a priority (a field priority, urgency or severity)"
        msg = f"none of the {len(found):,} tickets of {file} has {lacking}"
        raise EvaluationError(msg)
    return found, rejected + ids.total() - len(ids), tuple(reasons)


async def _embed(
    settings: Settings, ledger: Ledger, tickets: tuple[Ticket, ...], progress: Progress
) -> tuple[Space, int]:
    embedder = open_embedder(settings, retries=_RETRIES)
    texts = {text: words for ticket in tickets for text, words in ticket.embeddings.items()}
    hashes = list(texts)
    at_once = max(_LEAST_AT_ONCE, 4 * embedder.batch_size * embedder.concurrency)
    embedded, space = 0, None
    try:
        for start in range(0, len(hashes), at_once):
            part = {text: texts[text] for text in hashes[start : start + at_once]}
            done = await embed_texts(ledger, embedder, part)
            embedded += done.texts
            space = done.space
            if embedded:  # a second run has nothing to show
                progress("embed", min(start + at_once, len(hashes)), len(hashes))
    finally:
        await embedder.close()
    if space is None:  # there is at least one text, and an embedder yields each or raises
        msg = f"{embedder.model} yielded no vector"
        raise EvaluationError(msg)
    return space, embedded
