"""Replaces secrets and personal data in a text by stable placeholders, before the text leaves for a provider."""

import re

__all__ = ["Redactor", "secrets_in", "without_secrets"]

_SECRETS = {
    "PRIVATE_KEY": "a private key",
    "TOKEN": "an access token",
    "API_KEY": "an API key",
    "PASSWORD": "a password",
    "CARD": "a card number",
}
"""What must be changed or blocked once it was sent; the rest is personal data."""
_READ = 100_000  # characters of a ticket in which secrets are looked for while its answer waits


def _is_card(text: str) -> bool:
    digits = [int(d) for d in text if d.isdecimal()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return len(digits) in (15, 16) and (sum(doubled) + sum(digits[::-2])) % 10 == 0


def _is_iban(text: str) -> bool:
    bare = "".join(text.split())
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    return sum(c.isdecimal() for c in text) in range(8, 16)


_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("PRIVATE_KEY", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)),
    ("TOKEN", re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")),
    ("TOKEN", re.compile(r"(?i:(?<=\bbearer ))[\w.~+/-]{16,}=*")),
    (
        "API_KEY",
        re.compile(
            r"(?<![\w-])(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}"
            r"|AIza[\w-]{30,}|hf_\w{20,}|npm_\w{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|[a-z]{2,8}_(?:live|test|prod|sandbox)_\w{8,})(?!\w)"
        ),
    ),
    ("TOKEN", re.compile(r"(?i:(?<=\bbasic ))(?=\S{0,200}[\d=])[\w+/]{12,}=*")),
    (
        "API_KEY",
        re.compile(
            r"(?i:(?:secret|token|api[_-]?key|access[_-]?key|auth[_-]?key)[\w-]{0,20}[\"']?\s{0,3}[:=]\s{0,3}[\"']?)"
            r"((?=\S{0,200}\d)(?=[\d_+/.-]{0,100}[A-Za-z])[\w+/.-]{12,}=*)"
        ),
    ),
    ("PASSWORD", re.compile(r"(?<=://)[^\s/:@]+:[^\s/@$<*{]+(?=@)")),
    (
        "PASSWORD",
        re.compile(
            r"(?i:(?:password|passwd|pwd|passphrase|passwort|kennwort)(?:[\"']?\s{0,3}[:=]\s{0,3}|\s+(?:is|ist)\s+)[\"']?)"
            r"((?=\S{0,200}[\d!#%&+])[^\s<>$*{}\[\],;()\"']{4,})"
        ),
    ),
    ("IBAN", re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?(?!\w)")),
    ("CARD", re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){11,12}(?![\w.-]*\d)")),
    ("EMAIL", re.compile(r"(?<![\w.+%-])[\w.+%-]{1,100}@(?:[\w-]+\.)+[^\W\d]{2,}(?!\w)")),
    (
        "PHONE",
        re.compile(r"(?<![\w.+])(?:\+\d{1,3}[ ./-]?|\(0?\d{2,5}\) ?|(?<![\d-])0\d{2,4}[ /])\(?\d[\d ()/-]{4,14}\d(?![\w.-]*\d)"),
    ),
)  # fmt: skip
_CHECKS = {"IBAN": _is_iban, "CARD": _is_card, "PHONE": _is_phone}
"""What tells whether one that looks like it is one, of the kinds that other numbers look like."""


class Redactor:
    """Replaces what it finds, the same value always by the same placeholder, in all texts that it is given."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def redact(self, text: str) -> str:
        """Return the text with placeholders such as ``[EMAIL_1]``."""
        for kind, pattern in _KINDS:
            is_one = _CHECKS.get(kind, bool)
            found = (m[m.lastindex or 0] for m in pattern.finditer(text))
            for value in dict.fromkeys(value for value in found if is_one(value)):
                text = text.replace(value, self._placeholder(kind, value))
        return text

    def restore(self, text: str) -> str:
        """Return the text with the personal data that placeholders stand for; secrets stay replaced."""
        for value, placeholder in self._placeholders.items():
            if placeholder[1:].rpartition("_")[0] not in _SECRETS:
                text = text.replace(placeholder, value)
        return text

    def found(self) -> list[str]:
        """Return the kinds that were found, in the order of their placeholders."""
        return list(self._counts)

    def _placeholder(self, kind: str, value: str) -> str:
        if value not in self._placeholders:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._placeholders[value] = f"[{kind}_{self._counts[kind]}]"
        return self._placeholders[value]


def without_secrets(text: str) -> str:
    """Return the text with placeholders for its secrets; personal data stay."""
    redactor = Redactor()
    return redactor.restore(redactor.redact(text))


def secrets_in(text: str) -> tuple[str, ...]:
    """Say for an agent which secrets a ticket holds."""
    redactor = Redactor()
    redactor.redact(text[:_READ])
    return tuple(
        f"the ticket holds {_SECRETS[kind]}: tell the customer to {'block it' if kind == 'CARD' else 'change it'}"
        for kind in redactor.found()
        if kind in _SECRETS
    )
