"""Cleaning of mails, measured on real tickets: ``python -m tests.bench cleaning FILE`` (JSONL with subject and body)."""

import argparse
import asyncio
import json
import random
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np

from indexer.cleaning import Message, clean, plain_text
from indexer.embedding import Matrix
from indexer.embedding.minilm import MiniLMEmbedder
from indexer.recipe import embedding_text
from tests.bench.mails import HELD_OUT, SHAPES, Shape

_TICKETS = 200
_WORDS = re.compile(r"\w+")


def main(arguments: list[str]) -> None:
    """Print what cleaning does to real tickets as they are, and to 200 of them with mails around them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench cleaning", description=__doc__)
    parser.add_argument("file", type=Path, help="tickets, one JSON object a line")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lost", action="store_true", help="show each mail that lost words of its message")
    options = parser.parse_args(arguments)
    if not options.file.is_file():
        print(f"skipped: {options.file} is not there")
        return
    with options.file.open(encoding="utf-8") as file:
        tickets = [json.loads(line) for line in file]
    _as_they_are(
        [text for ticket in tickets for text in (ticket.get("body"), ticket.get("resolution")) if text]
    )
    rng = random.Random(options.seed)
    chosen = rng.sample([ticket for ticket in tickets if _usable(ticket.get("body") or "")], _TICKETS)
    for name, shapes in (("known shapes", SHAPES), ("held-out shapes", HELD_OUT)):
        print(f"\n{name}, {_TICKETS} tickets")
        _mails(chosen, shapes, rng, show=options.lost)


def _usable(body: str) -> bool:
    """Return whether it says something, and does not end in a few words, which may be a closing of its own."""
    return len(_WORDS.findall(body)) >= 20 and len(body.strip().split("\n")[-1].split()) > 4


def _as_they_are(texts: list[str]) -> None:
    start = time.perf_counter()
    cleaned = [clean(text) for text in texts]
    seconds = time.perf_counter() - start
    changed = [(text, done) for text, done in zip(texts, cleaned, strict=True) if done.text != text]
    unstable = sum(clean(done.text).text != done.text for done in cleaned)
    print(
        f"{len(texts):,} real texts in {seconds:.1f} s: {len(changed):,} changed, "
        f"{sum(plain_text(text) != text for text, _ in changed):,} of them for mark-up, "
        f"{sum(bool(done.quoted) for _, done in changed)} with a quotation, "
        f"{sum(bool(done.signature) for _, done in changed)} with a signature; {unstable} change when cleaned again"
    )


def _mails(
    tickets: list[dict[str, str]], shapes: tuple[Shape, ...], rng: random.Random, *, show: bool
) -> None:
    bodies = [clean(ticket["body"]).text.strip() for ticket in tickets]
    mails = [(shapes[number % len(shapes)], body) for number, body in enumerate(bodies)]
    written = [shape(rng, body) for shape, body in mails]
    cleaned = [clean(mail) for mail in written]
    before = _similarity(tickets, bodies, written)
    after = _similarity(tickets, bodies, [done.text for done in cleaned])
    print(
        f"{'shape':<16} {'before':>8} {'after':>8} {'least':>8} {'below 0.9':>10} {'words lost':>11} {'words left':>11}"
    )
    for shape in (*shapes, None):
        rows = [row for row, (own, _) in enumerate(mails) if shape in {own, None}]
        lost = [sum((_words(bodies[row]) - _words(cleaned[row].text)).values()) for row in rows]
        left = [sum((_words(cleaned[row].text) - _words(bodies[row])).values()) for row in rows]
        print(
            f"{shape.__name__ if shape else 'all (median)':<16} {np.median(before[rows]):>8.3f} {np.median(after[rows]):>8.3f} "
            f"{after[rows].min():>8.3f} {(after[rows] < 0.9).mean():>10.1%} {sum(lost):>11} {sum(left):>11}"
        )
        if show and shape:
            for row, words, more in zip(rows, lost, left, strict=True):
                if words or more:
                    _show(written[row], bodies[row], cleaned[row])


def _show(mail: str, body: str, cleaned: Message) -> None:
    lost, left = _words(body) - _words(cleaned.text), _words(cleaned.text) - _words(body)
    print(f"--- lost {dict(lost)} left {dict(left)}\n{mail[-1500:]}\n--- became\n{cleaned.text[-800:]}")


def _words(text: str) -> Counter[str]:
    return Counter(_WORDS.findall(text))


def _similarity(tickets: list[dict[str, str]], clean_bodies: list[str], bodies: list[str]) -> np.ndarray:
    subjects = [ticket.get("subject") or "" for ticket in tickets]
    first, second = (
        asyncio.run(
            _embedded(
                [
                    embedding_text(f"{subject}\n\n{body}")
                    for subject, body in zip(subjects, texts, strict=True)
                ]
            )
        )
        for texts in (clean_bodies, bodies)
    )
    similarity: np.ndarray = (first * second).sum(axis=1)
    return similarity


async def _embedded(texts: list[str]) -> Matrix:
    embedder = MiniLMEmbedder()
    vectors = np.empty((len(texts), 384), np.float32)
    async for batch in embedder.embed(texts):
        vectors[list(batch.positions)] = batch.vectors
    await embedder.close()
    return vectors
