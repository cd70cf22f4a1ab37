"""What a real model's drafts become: ``python -m tests.bench real_model --tickets 100 [FILE]``.

The questions that come with the bundled sample are asked against it, the hostile ones too, then tickets of FILE (any that `precedent sync` reads)
against the other resolved ones of FILE. The model is llama.cpp's with the smallest weights that come as a package: it writes
nonsense, which is what the check of sentences is for.
"""

import argparse
import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from indexer.chroma.server import LocalServer
from indexer.parsing import parse_ticket
from indexer.sample import SAMPLE
from indexer.settings import Settings
from indexer.sources import read_source
from indexer.ticket import Ticket
from service.answering import Answering, open_answering
from service.evaluation.sample_questions import questions
from service.intervals import Intervals
from service.pools import Pools
from service.results import Triage
from service.triage import Search
from tests.provider.llama import llama_server

_STORED = 600  # tickets of FILE
_SECONDS = 600.0  # for one draft
_FLOOR = -2.0  # so that the model is asked about every ticket, whether or not a precedent is near
_LEFT_OUT = re.compile(r"(\d+) sentences? (.+?)(?= and \d+ sentence|[;,]|\Z)")
_CHECKED = re.compile(
    r"`[^`]+`"  # code
    r"|https?://[^\s)>\]]+|[\w.+-]+@[\w-]+\.[\w.-]+|(?<!\w)(?:[\w-]+\.)+(?:com|net|org|io|example|dev)\b"  # addresses
    r"|(?<![\w/])/(?:[\w.-]+/)+[\w.-]+"  # paths
    r"|(?<![\w-])--?[a-zA-Z][\w-]+"  # options
    r"|v?\d+(?:[.,:]\d+)*"  # numbers, versions, times
)


def main(arguments: Sequence[str]) -> None:
    """Ask, then count the drafts and check each sentence of the model's that was delivered."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench real_model", description=__doc__)
    parser.add_argument("--tickets", type=int, default=100)
    parser.add_argument("file", type=Path, nargs="?")
    given = parser.parse_args(arguments)
    asked = [
        Ticket(id="new", text="\n\n".join(filter(None, (one.subject, one.text)))) for one in questions()
    ][: given.tickets]
    tally = _Tally()
    with (
        llama_server() as url,
        tempfile.TemporaryDirectory() as folder,
        contextlib.suppress(KeyboardInterrupt),  # what was asked by then counts
    ):
        _run(Path(folder) / "sample", SAMPLE, asked, url, tally)
        if given.file is not None and given.tickets > len(asked):
            stored = _telling(given.file)[:_STORED]
            part = Path(folder) / "part.jsonl"
            part.write_bytes(b"\n".join(map(msgspec.json.encode, stored)))
            _run(Path(folder) / "file", part, stored[: given.tickets - len(asked)], url, tally)
    tally.print()


class _Tally:
    """Counts of the answers so far."""

    def __init__(self) -> None:
        self.sources: Counter[str] = Counter()
        self.cuts: Counter[str] = Counter()
        self.why: Counter[str] = Counter()
        self.delivered = 0
        self.unsupported: list[str] = []
        self._began = time.monotonic()

    def add(self, answer: Triage, ticket: Ticket) -> None:
        reply = answer.reply
        self.sources[reply.source] += 1
        for count, kind in _LEFT_OUT.findall(reply.degraded or ""):
            self.cuts[kind] += int(count)
        if reply.source != "llm":
            self.why[(reply.degraded or "").partition(":")[0]] += 1
            return
        resolutions = {one.id: one.resolution or "" for one in answer.neighbours}
        for sentence in reply.sentences:
            self.delivered += 1
            rests_on = [ticket.text, *(resolutions[each] for each in sentence.citations)]
            if lacking := _lacking(sentence.text, rests_on):
                self.unsupported.append(f"{lacking}: {sentence.text}")

    @property
    def line(self) -> str:
        return (
            f"{sum(self.sources.values())} tickets, {self.sources['llm']} drafts by the model, {self.delivered} sentences delivered, "
            f"{sum(self.cuts.values())} left out, {len(self.unsupported)} unsupported"
        )

    def print(self) -> None:
        total = sum(self.sources.values())
        print(
            f"{total} tickets in {time.monotonic() - self._began:.0f} s: by the model {self.sources['llm']}, "
            f"without it {self.sources['extractive']}, none {self.sources['none']}"
        )
        print(f"sentences of the model delivered {self.delivered}, left out {sum(self.cuts.values())}")
        for kind, count in self.cuts.most_common():
            print(f"  {count:4} {kind}")
        for why, count in self.why.most_common():
            print(f"  {count:4} drafts without it: {why}")
        print(f"delivered with what stands in nothing that they rest on: {len(self.unsupported)}")
        for line in self.unsupported:
            print(f"  {line}")


def _lacking(sentence: str, texts: Sequence[str]) -> list[str]:
    """Return the numbers, code, addresses, paths and options of a sentence that stand in none of the texts, letter by letter.

    It shares nothing with the check that the service makes.
    """
    given = " ".join(" ".join(texts).split()).casefold()
    found = (
        " ".join(part.strip("`").rstrip(".,:").split()).casefold() for part in _CHECKED.findall(sentence)
    )
    return [part for part in found if part not in given]


def _telling(file: Path) -> list[Ticket]:
    """Return the newest tickets of a file that have a resolution."""
    with contextlib.closing(read_source(str(file))) as records:
        tickets = [parse_ticket(record.value) for record in records if record.value is not None]
    return [ticket for ticket in reversed(tickets) if ticket.resolution]


def _run(data_dir: Path, file: Path, asked: Sequence[Ticket], url: str, tally: _Tally) -> None:
    settings = Settings(
        data_dir=data_dir, embedder="local", api_base=url, provider_timeout=_SECONDS, similarity_floor=_FLOOR
    )
    subprocess.run(
        [sys.executable, "-m", "indexer", "sync", str(file)],
        check=True,
        env={
            "PATH": "/usr/bin:/bin",
            "PRECEDENT_DATA_DIR": str(data_dir),
            "PRECEDENT_EMBEDDER": "local",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )
    try:
        asyncio.run(_ask(settings, asked, tally))
    finally:
        LocalServer(data_dir).stop()


async def _ask(settings: Settings, asked: Sequence[Ticket], tally: _Tally) -> None:
    async with open_answering(settings, Pools(), Intervals(), keep=False) as opened:
        opened.runtime.begin()
        while not opened.runtime.ready:  # noqa: ASYNC110 (nothing tells when it is)
            await asyncio.sleep(0.2)
        for number, ticket in enumerate(asked, 1):
            answer = await _answered(opened, ticket)
            tally.add(answer, ticket)
            print(f"{number} of {len(asked)}: {tally.line}", file=sys.stderr, flush=True)


async def _answered(opened: Answering, ticket: Ticket) -> Triage:
    search = Search(limit=5, resolved=True, exclude=frozenset({ticket.id}), full_texts=True)
    async with contextlib.aclosing(opened.pipeline.triage(ticket, search, draft=True)) as parts:
        *_, last = [part async for part in parts]
    assert isinstance(last, Triage)
    return last
