"""Tests of replacing secrets and personal data, on a labelled list."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from indexer.redaction import Redactor, secrets_in

_PRIVATE = (
    "Mail anna@example.com, my key sk-abcdefghijklmnop1234 is refused; anna@example.com has password=hunter2!"
)
_CASES = [
    json.loads(line) for line in Path(__file__).with_name("redaction.jsonl").read_text("utf-8").splitlines()
]


def test_finds_what_is_labelled_and_little_else(capsys: pytest.CaptureFixture[str]) -> None:
    """On 300 lines, half of them traps: versions, hashes, stack traces, order numbers, placeholders."""
    right, wrong, missed = Counter[str](), list[str](), list[str]()
    for case in _CASES:
        redactor = Redactor()
        redacted = redactor.redact(case["text"])
        left = [value for value in case["values"] if value in redacted]
        missed += [f"{value!r} in {redacted!r}" for value in left]
        extra = len(set(re.findall(r"\[[A-Z_]+_\d+\]", redacted))) - (len(case["values"]) - len(left))
        wrong += [f"{redacted!r}"] * max(0, extra)
        right["found"] += len(case["values"]) - len(left)
    found = right["found"]
    recall, precision = found / (found + len(missed)), found / (found + len(wrong))
    with capsys.disabled():
        print(f"\nredaction on {len(_CASES)} lines: recall {recall:.3f}, precision {precision:.3f}")
    assert len(_CASES) >= 300
    assert precision >= 0.95, wrong
    assert recall >= 0.95, missed


def test_placeholders_are_stable_and_give_back_no_secret() -> None:
    """The same value has one placeholder in all texts; personal data comes back, secrets do not."""
    redactor = Redactor()
    redacted = redactor.redact(_PRIVATE)
    assert redacted == "Mail [EMAIL_1], my key [API_KEY_1] is refused; [EMAIL_1] has password=[PASSWORD_1]"
    assert redactor.redact("From b@example.com to anna@example.com") == "From [EMAIL_2] to [EMAIL_1]"
    assert (
        redactor.restore(redacted)
        == "Mail anna@example.com, my key [API_KEY_1] is refused; anna@example.com has password=[PASSWORD_1]"
    )
    assert redactor.redact(redacted) == redacted


def test_a_secret_is_told() -> None:
    """An agent learns what the customer must change, and nothing of mere addresses."""
    assert secrets_in(_PRIVATE) == (
        "the ticket holds an API key: tell the customer to change it",
        "the ticket holds a password: tell the customer to change it",
    )
    assert secrets_in("Paid with 4111 1111 1111 1111.") == (
        "the ticket holds a card number: tell the customer to block it",
    )
    assert secrets_in("Mail anna@example.com.") == ()
