"""The first screen of the report: what a back-test found, in plain words, and what to do next."""

from service.evaluation.result import Drafts, FirstScreen, Outcome
from service.usage import Requests

__all__ = ["next_steps", "summary"]


def summary(screen: FirstScreen, reason: str | None) -> tuple[str, ...]:
    """Say what one would have had of it.

    :param reason: why the forest of the newest cut decided nothing by itself; ``None`` where it could.
    """
    said = [_automatic(screen.outcome, reason), _all(screen.outcome)]
    if (precedents := screen.precedents) is not None:
        said.append(
            f"For {_of_100(precedents.among, precedents.asked)} tickets whose right precedent is known it was among the first three"
            f" (for {_of_100(precedents.first, precedents.asked)} the very first; {precedents.asked:,} tickets, known by {precedents.by})."
        )
    if told := [one for one in screen.questions if one.wanted]:
        found = sum(not set(one.wanted).isdisjoint(one.precedents) for one in told)
        said.append(
            f"For {found} of the {len(told)} questions about the sample an acceptable precedent was among the first three."
        )
    drafts = filter(None, (screen.drafts, screen.model_drafts))
    said += [_without_model(one) if one.took is None else _by_model(one, one.took) for one in drafts]
    return tuple(said)


def next_steps(screen: FirstScreen, max_error: float, bound: float | None) -> tuple[str, ...]:
    """Say what to do about it.

    :param bound: what the share of wrong automatic labels is at most, with 95 % confidence; ``None`` without any.
    """
    outcome, drafts, weights = screen.outcome, screen.drafts, screen.weights
    steps = []
    if not outcome.automatic:
        steps.append(
            "Have a person confirm every priority for now. `precedent audit` lists labels that contradict each other: mend those first."
        )
    elif outcome.wrong / outcome.automatic > max_error:
        steps.append(
            f"More than {max_error:.0%} of the automatic ones were wrong: lower PRECEDENT_MAX_ERROR, or have a person confirm every priority."
        )
    elif bound is None or bound > max_error:
        steps.append(
            f"The automatic ones kept to {max_error:.0%}, on too few tickets to be sure: have a person look at them until there are more."
        )
    else:
        steps.append("Act on priorities whose decision is `automatic`, and have a person confirm the others.")
    if outcome.right <= outcome.commonest:
        steps.append(
            "By the count of right labels it is no better than always saying the commonest: read its probabilities, not its label alone."
        )
    if screen.precedents is None and not screen.questions:
        steps.append(
            "To see whether the right precedent comes first, name tickets of one problem: `precedent evaluate --duplicates FILE`."
        )
    if weights is not None and weights.better:
        subject, date = weights.best
        steps.append(
            f"Set PRECEDENT_SUBJECT_WEIGHT={subject:g} and PRECEDENT_DATE_WEIGHT={date:g}: chosen on the older half of {weights.tickets:,} tickets whose right"
            f" precedent is known, they put it higher on the newer half (mean reciprocal rank {weights.gain.value:+.3f}, 95 % range"
            f" {weights.gain.low:+.3f} to {weights.gain.high:+.3f})."
        )
    if drafts is not None and 2 * drafts.near < drafts.asked:
        steps.append(
            "Most tickets have no precedent that is near enough: bring in more resolved ones. `precedent inspect FILE` counts those with a resolution."
        )
    if drafts is not None and 2 * drafts.replies < drafts.near:
        steps.append(
            "Most resolutions tell what was done, not what to do, so that replies need a model: set OXLO_API_KEY, or try `precedent sync --distil`."
        )
    return tuple(steps)


def _automatic(outcome: Outcome, reason: str | None) -> str:
    if not outcome.automatic:
        why = f": {reason.rstrip('.')}" if reason else ""
        return f"It would have set no priority by itself{why}."
    hundred = min(outcome.tested, 100)
    automatic, wrong = (round(n * hundred / outcome.tested) for n in (outcome.automatic, outcome.wrong))
    return f"Of {hundred} later tickets it would have set {automatic} priorities by itself, {wrong} of them wrong, and left the others to a person."


def _all(outcome: Outcome) -> str:
    return (
        f"Of the labels that it named, set or not, {_of_100(outcome.right, outcome.tested)} were right; always saying"
        f" \N{LEFT DOUBLE QUOTATION MARK}{outcome.commonest_label}\N{RIGHT DOUBLE QUOTATION MARK}, the commonest, would have been right for"
        f" {_of_100(outcome.commonest, outcome.tested)}. ({outcome.tested:,} later tickets were asked about.)"
    )


def _without_model(drafts: Drafts) -> str:
    return (
        f"For {_of_100(drafts.near, drafts.asked)} a precedent was near enough to rest a reply on; to the others nothing would have been written."
        f" Without a model, a reply could be made of its steps for {_of_100(drafts.replies, drafts.asked)}, each sentence of it checked{_cut(drafts)};"
        " the others are left to a person or a model."
    )


def _by_model(drafts: Drafts, took: Requests) -> str:
    failed = f", and {drafts.failed:,} it did not answer" if drafts.failed else ""
    return (
        f"Of {drafts.asked:,} later tickets {took.model} was asked to answer the {drafts.near:,} with a near precedent: to {drafts.replies:,} it wrote a reply"
        f" of which each sentence is supported{_cut(drafts)}{failed} ({took.words})."
    )


def _cut(drafts: Drafts) -> str:
    """Say how many sentences were cut."""
    if not drafts.cut:
        return ""
    every = drafts.sentences + drafts.cut
    return f" ({drafts.cut:,} of {every:,} sentences were cut, so that {drafts.whole:,} of {drafts.replies:,} replies are whole)"


def _of_100(count: int, every: int) -> str:
    """Return a share as a count of a hundred; of fewer than a hundred as it is."""
    hundred = min(every, 100)
    return f"{round(count * hundred / every)} of {hundred}"
