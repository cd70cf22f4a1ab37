"""``rebuild``: a new generation, or with ``--rollback`` the previous one again."""

import argparse
import asyncio
import contextlib

from indexer.commands.output import DONE, PROBLEMS, RETRIES, Commands, add_json, finish
from indexer.console import say, showing_progress
from indexer.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "rebuild",
        help="build the index anew from the ledger, in the model that settings name, and switch to it",
        description="Build a new generation beside the live one, which goes on answering and taking writes; examine it, "
        "and make it live in one step. Texts that the ledger has vectors of are not embedded again. Interrupted, the "
        "same command goes on.",
        epilog="Exit status: 0 switched, 1 the new generation was refused, 2 nothing done.",
    )
    parser.add_argument("--rollback", action="store_true", help="go back to the previous generation instead")
    parser.add_argument("--dry-run", action="store_true", help="say what it would take, and do nothing")
    parser.add_argument(
        "--force", action="store_true", help="switch even if the new generation is found worse"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    from indexer.embedding.choose import open_embedder
    from indexer.knowledge.knowledge import Knowledge
    from indexer.rebuild import GateRefusedError, estimate, previous_generation, rebuild, rollback

    with contextlib.closing(Knowledge(settings)) as knowledge, showing_progress() as step:
        space = previous_generation(knowledge).space if options.rollback else None
        embedder = (
            open_embedder(settings, retries=RETRIES, ledger=knowledge.ledger)
            if space is None
            else open_embedder(
                settings, kind=space.kind, model=space.model, retries=RETRIES, ledger=knowledge.ledger
            )
        )
        expected = estimate(knowledge, embedder, settings)
        cost = "" if expected.cost is None else f", cost {expected.cost:g}"
        say(
            f"{expected.tickets:,} tickets into {embedder.model}: {expected.texts:,} texts to embed in "
            f"{expected.embedding_requests:,} provider requests{cost}; about {expected.minutes:g} minutes"
        )
        if options.dry_run:
            finish(options, expected)
            return DONE
        knowledge.prepare(step)
        action = rollback if options.rollback else rebuild
        try:
            report = asyncio.run(action(knowledge, embedder, force=options.force, notify=step))
        except GateRefusedError as error:
            say(f"refused: {error}")
            finish(options, error.gate)
            return PROBLEMS
    gate = report.gate
    if gate is not None and gate.reasons:
        say(f"switched in spite of: {'; '.join(gate.reasons)}")
    say(
        f"{report.generation} is live: {report.tickets:,} tickets, {report.embedding_model}; {report.embedded_texts:,} texts "
        f"embedded in {report.embedding_requests:,} provider requests; {report.seconds:.1f} s. "
        f"`python -m indexer rebuild --rollback` goes back to {report.previous}"
    )
    finish(options, report)
    return DONE
