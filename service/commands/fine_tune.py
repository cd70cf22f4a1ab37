"""``fine-tune``: write the files that a provider fine-tunes a classifier with."""

from pathlib import Path

import click

from indexer.commands.output import DONE, finish, json_option, settings_for_command
from indexer.console import say, showing_progress
from service.evaluation.cases import EvaluationError
from service.evaluation.loading import load
from service.hosted_priority.fine_tuning import write_files

__all__ = ["fine_tune"]

_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command(
    "fine-tune",
    epilog="""\b
Then:
  upload both files to your provider, and fine-tune a small chat model with them
  set PRECEDENT_CLASSIFIER=hosted:MODEL to the model that you get
  precedent calibrate            find out what its answers are worth
  precedent evaluate --hosted N  compare it with the forest, with what it costs

Exit status: 0 done, 2 nothing done.""",
)
@click.option("--out", type=_PATH, default="training.jsonl", show_default=True, help="What is learned from.")
@click.option(
    "--validation",
    type=_PATH,
    default="validation.jsonl",
    show_default=True,
    help="What the provider watches the learning on.",
)
@json_option
def fine_tune(*, out: Path, validation: Path, as_json: bool) -> int:
    """Write stored tickets with their priorities as files for a provider's fine-tuning. Nothing is uploaded.

    Each line is one ticket as JSON, {"messages": [system, user, assistant]}: what PRECEDENT_CLASSIFIER=hosted:MODEL asks, word for
    word, and the priority as the answer. The oldest 70 % of the tickets are for training, the next 10 % for validation. The newest
    20 % are in neither: `precedent calibrate` and `precedent evaluate --hosted` measure the model on them. Secrets and
    personal data are replaced (PRECEDENT_REDACT), and tickets that are flagged are left out.

    Tokens are an estimate. The cost is that of one pass over the training file, by a price for `training` in PRECEDENT_PRICES,
    such as training=3 for a million tokens; providers make two to four passes.
    """
    settings = settings_for_command()
    with showing_progress() as step:
        cases = load(settings, None, (), step).cases
        try:
            report = write_files(settings, cases, out, validation)
        except OSError as error:
            msg = f"{error.filename} cannot be written: {error.strerror}"
            raise EvaluationError(msg) from None
    labels = ", ".join(f"{label} {count:,}" for label, count in report.labels.items())
    price = "" if report.cost is None else f", cost {report.cost:g} a pass"
    say(f"{out}: {report.training:,} tickets ({labels}), about {report.tokens:,} tokens{price}")
    say(
        f"{validation}: {report.validation:,} tickets; the newest {report.held_out:,} are in neither, "
        f"{report.flagged:,} flagged ones were left out"
    )
    finish(report, as_json=as_json)
    return DONE
