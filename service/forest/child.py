"""The child process that fits a forest: ``python -m service.forest.child``, its order on standard input."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from indexer.ledger import Ledger, TrainingRows
from indexer.ticket import Ticket
from service.child_process import answer_order
from service.decided_fields import PRIORITY, label_of, rules_of
from service.forest.files import origin
from service.forest.promotion import compare
from service.forest.served import FitOrder, Verdict
from service.priority import Forest, ForestFileError, NoForest, TrainingSet, features_of, fit, load, save
from service.priority.fitting import MAX_ROWS
from service.priority.spelling import one_spelling


def fitted(order: FitOrder) -> bytes:
    """Fit a forest by the order, save it if it is promoted, and return the verdict."""
    settings, field = order.settings, order.field
    rules = rules_of(settings, field)
    ledger = Ledger(settings.database_url, settings.data_dir)
    generation = ledger.generations.named(order.generation)
    of_field = None if field == PRIORITY else field
    rows = ledger.vectors.training_rows(generation.space, limit=MAX_ROWS, field=of_field)
    training = _training_set(rows, ledger, field, rules.reads)
    ledger.close()
    forest = fit(
        training,
        **rules.of_fit,
        fitted_on=origin(settings, ledger, generation, field) | {"revision": str(rows.revision)},
    )
    verdict = _judged(forest, training, order)
    if verdict.promoted and isinstance(forest, Forest):
        save(forest, order.path)
    return msgspec.json.encode(verdict)


def _judged(forest: Forest | NoForest, training: TrainingSet, order: FitOrder) -> Verdict:
    if isinstance(forest, NoForest):
        return Verdict(promoted=True, why=forest.state)
    if order.rival is None:
        return Verdict(promoted=True, why="it is the first", report=forest.report)
    try:
        rival = load(order.rival)
    except ForestFileError:
        # The service has it in memory still, but would not find it at its next start.
        return Verdict(promoted=True, why="the one that serves cannot be read", report=forest.report)
    promoted, why = compare(rival, forest, training)
    return Verdict(promoted=promoted, why=why, report=forest.report)


def _training_set(rows: TrainingRows, ledger: Ledger, field: str, reads: Sequence[str]) -> TrainingSet:
    """Return the ledger's rows as a training set; tickets of the same text form one group.

    A ticket that is deleted or found damaged while it is read teaches a priority by its vector alone, and no other field.

    :param field: whose labels are learned, and ``reads`` those that are read beside the text.
    """
    found = (ticket for ticket, _ in ledger.tickets.sound(rows.ids))
    ticket = next(found, None)
    values: list[str | None] = []

    def in_order() -> Iterator[Ticket | None]:
        nonlocal ticket
        for ticket_id in rows.ids:
            if ticket is not None and ticket.id == ticket_id:
                values.append(label_of(ticket, field))
                yield ticket
                ticket = next(found, None)
            else:
                values.append(None)
                yield None

    groups = {text: number for number, text in enumerate(dict.fromkeys(rows.text_hashes))}
    features = features_of(in_order(), rows.vectors, reads)
    return TrainingSet(
        ids=rows.ids,
        features=features,
        labels=one_spelling(rows.labels if field == PRIORITY else values),
        times=np.array(rows.times, dtype=np.float64),
        known=np.array(rows.known, dtype=np.float64),
        groups=np.array([groups[text] for text in rows.text_hashes], dtype=np.int64),
    )


if __name__ == "__main__":
    answer_order(FitOrder, fitted)
