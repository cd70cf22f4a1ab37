"""The ledger: the source of truth, every ticket as acknowledged and every vector ever paid for."""

from indexer.ledger.allowance_table import Allowance
from indexer.ledger.answer_table import Answer, Which, hash_of_question
from indexer.ledger.classification_table import Classification
from indexer.ledger.copies import Row, Rows, rows_of
from indexer.ledger.database import ledger_url, pages
from indexer.ledger.delivery_table import Delivery, Outgoing
from indexer.ledger.feedback_table import FeedbackEntry, UnknownTicketError
from indexer.ledger.filters import Filter
from indexer.ledger.generation_table import check_space
from indexer.ledger.key_table import SCOPES, ApiKey, Calls, KeyScope, hash_of_key
from indexer.ledger.ledger import Ledger
from indexer.ledger.nearest import greatest_first
from indexer.ledger.rows import (
    Candidates,
    Generation,
    IndexEntry,
    Measure,
    Outcome,
    Space,
    Stored,
    TrainingRows,
)
from indexer.ledger.spend_table import Spent, spent_now

__all__ = [
    "SCOPES",
    "Allowance",
    "Answer",
    "ApiKey",
    "Calls",
    "Candidates",
    "Classification",
    "Delivery",
    "FeedbackEntry",
    "Filter",
    "Generation",
    "IndexEntry",
    "KeyScope",
    "Ledger",
    "Measure",
    "Outcome",
    "Outgoing",
    "Row",
    "Rows",
    "Space",
    "Spent",
    "Stored",
    "TrainingRows",
    "UnknownTicketError",
    "Which",
    "check_space",
    "greatest_first",
    "hash_of_key",
    "hash_of_question",
    "ledger_url",
    "pages",
    "rows_of",
    "spent_now",
]
