"""``rebuild``: build a new generation of the index, or with ``--rollback`` return to the previous one."""

import click

from indexer import rebuild as generations
from indexer.commands.output import PROBLEMS, RETRIES, finish, json_option, opened_store, run_closing
from indexer.console import say
from indexer.embedding.choose import open_embedder

__all__ = ["rebuild"]


@click.command(epilog="Exit status: 0 switched, 1 the new generation was refused, 2 nothing done.")
@click.option("--rollback", is_flag=True, help="Return to the previous generation instead.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, with requests and cost; do nothing.")
@click.option("--force", is_flag=True, help="Switch even if the new generation seems worse.")
@json_option
def rebuild(*, rollback: bool, dry_run: bool, force: bool, as_json: bool) -> int:
    """Build a new index from the ledger and switch to it.

    This is how to change the embedding model. The new generation is built beside the one that serves, which goes on
    answering and taking writes; it is checked, then put in its place in one step. A text that was ever embedded with the
    model is not embedded again. If interrupted, run the same command again to continue.
    """
    with opened_store() as (settings, store, step):
        space = generations.previous_generation(store).space if rollback else None
        kind, model = (space.kind, space.model) if space else (None, None)
        embedder = open_embedder(settings, store.ledger, kind=kind, model=model, retries=RETRIES)
        expected = generations.estimate(store, embedder, settings)
        cost = "" if expected.cost is None else f", cost {expected.cost:g}"
        say(
            f"{expected.tickets:,} tickets into {embedder.model}: {expected.texts:,} texts to embed in "
            f"{expected.embedding_requests:,} provider requests{cost}; about {expected.minutes:g} minutes"
        )
        if dry_run:
            return finish(expected, as_json=as_json)
        store.prepare(step)
        action = generations.rollback if rollback else generations.rebuild
        try:
            report = run_closing(embedder, action(store, embedder, force=force, progress=step))
        except generations.GateRefusedError as error:
            say(f"refused: {error}")
            return finish(error.gate, PROBLEMS, as_json=as_json)
    gate = report.gate
    if gate is not None and gate.reasons:
        say(f"switched although: {'; '.join(gate.reasons)}")
    say(
        f"{report.generation} is live: {report.tickets:,} tickets, {report.embedding_model}; {report.embedded_texts:,} texts "
        f"embedded in {report.embedding_requests:,} provider requests; {report.seconds:.1f} s. "
        f"`precedent rebuild --rollback` goes back to {report.previous}"
    )
    return finish(report, as_json=as_json)
