"""Secrets and personal data that are planted in tickets: 20 kinds, as customers and agents write them down."""

import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Planted", "planted"]

_ALPHANUMERIC = string.ascii_letters + string.digits
_IBANS = {"DE": 18, "NL": 0, "GB": 0, "FR": 23}
_NAMES = ("anna", "j.doe", "li-wei", "o_neill", "m.rossi+crm")
_HOSTS = ("acme-shop.com", "mail.beispiel.de", "correo.ejemplo.es", "corp.example.co.uk")


class Planted(NamedTuple):
    """What is written in a text, and the part of it that nobody else may see."""

    words: str
    secret: str


def planted(count: int, seed: int) -> list[Planted]:
    """Return that many, of each kind about as many as of another, no two alike."""
    generator = random.Random(seed)
    return [_KINDS[number % len(_KINDS)](generator) for number in range(count)]


def _letters(generator: random.Random, count: int, alphabet: str = _ALPHANUMERIC) -> str:
    return "".join(generator.choices(alphabet, k=count - 1)) + generator.choice(string.digits)


def _after(
    before: str, length: int, *, behind: str = "", prefix: str = "", alphabet: str = _ALPHANUMERIC
) -> "Callable[[random.Random], Planted]":
    """Return a maker of random letters with a prefix that tells their kind, between these words."""

    def make(generator: random.Random) -> Planted:
        core = _letters(generator, length, alphabet)
        return Planted(f"{before}{prefix}{core}{behind}", core)

    return make


def _digits_with_checksum(generator: random.Random, start: str, length: int) -> str:
    digits = start + "".join(generator.choices(string.digits, k=length - len(start) - 1))
    doubled = [int(d) * 2 for d in digits[::-2]]
    total = sum(d - 9 * (d > 9) for d in doubled) + sum(map(int, digits[-2::-2]))
    return f"{digits}{-total % 10}"


def _card(generator: random.Random) -> Planted:
    start, length = generator.choice([("4", 16), ("53", 16), ("37", 15)])
    number = _digits_with_checksum(generator, start, length)
    sign = generator.choice(["", " ", "-"])
    groups = (4, 4, 4, 4) if length == 16 else (4, 6, 5)
    parts, at = [], 0
    for size in groups:
        parts.append(number[at : at + size])
        at += size
    shown = sign.join(parts)
    return Planted(f"the card {shown} was charged twice", shown)


def _iban(generator: random.Random) -> Planted:
    country, rest = generator.choice([
        ("DE", "".join(generator.choices(string.digits, k=18))),
        ("NL", "ABNA" + "".join(generator.choices(string.digits, k=10))),
        ("FR", "".join(generator.choices(string.digits, k=20)) + "M02"),
        ("GB", "NWBK" + "".join(generator.choices(string.digits, k=14))),
    ])  # fmt: skip
    check = 98 - int("".join(str(int(c, 36)) for c in f"{rest}{country}00")) % 97
    whole = f"{country}{check:02}{rest}"
    shown = (
        " ".join(whole[at : at + 4] for at in range(0, len(whole), 4)) if generator.random() < 0.5 else whole
    )
    return Planted(f"please refund to {shown}, thanks", shown)


def _mail(generator: random.Random) -> Planted:
    name = f"{generator.choice(_NAMES)}{_letters(generator, 6, string.ascii_lowercase)}"
    address = f"{name}@{generator.choice(_HOSTS)}"
    return Planted(generator.choice(["write to {}.", "({})", "From: A. Berg <{}>"]).format(address), name)


def _phone(generator: random.Random) -> Planted:
    shape = generator.choice(
        ["+49 171 #######", "+1-415-###-####", "(030) ########", "0171/#######", "+44 20 #### ####"]
    )
    number = "".join(generator.choice(string.digits) if c == "#" else c for c in shape)
    return Planted(f"call me at {number} please", number)


def _jwt(generator: random.Random) -> Planted:
    parts = [_letters(generator, length, _ALPHANUMERIC + "-_") for length in (20, 60, 43)]
    return Planted(f"Authorization: Bearer eyJ{'.'.join(parts)}", parts[1])


def _private_key(generator: random.Random) -> Planted:
    kind = generator.choice(["RSA ", "EC ", "OPENSSH ", ""])
    body = "\n".join(_letters(generator, 64, _ALPHANUMERIC + "+/") for _ in range(4))
    return Planted(f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----", body)


_KINDS: tuple[Callable[[random.Random], Planted], ...] = (
    _after("we use the key ", 40, prefix="sk-proj-"),
    _after("export GITHUB_TOKEN=", 36, prefix="ghp_"),
    _after("CI has ", 20, prefix="glpat-"),
    _after("the bot's ", 24, prefix="xoxb-123456789012-"),
    _after("aws_access_key_id = ", 16, prefix="AKIA", alphabet=string.ascii_uppercase + string.digits),
    _after("aws_secret_access_key = ", 40, alphabet=_ALPHANUMERIC + "/+"),
    _after("maps key ", 35, prefix="AIza"),
    _after("our live key is ", 24, prefix="sk_live_"),
    _after("curl -H 'X-Api-Key: ", 32, behind="'"),
    _after('{"client_secret": "', 32, behind='"}'),
    _after("Authorization: Basic ", 28, behind="=="),
    _after("postgres://orders:", 14, behind="@db.internal:5432/orders"),
    _after("I log in with password=", 12, behind=" as always"),
    _after('config says "password": "', 12, behind='"'),
    _card,
    _iban,
    _mail,
    _phone,
    _jwt,
    _private_key,
)


def windows(secret: str, length: int = 8) -> Iterator[str]:
    """Yield every part of a secret of that length: half of one is one, too."""
    for at in range(max(1, len(secret) - length + 1)):
        yield secret[at : at + length]
