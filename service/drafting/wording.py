"""The ticket's issue and its priority in words."""

import re
from collections.abc import Mapping, Sequence

from indexer.grounding.disguise import revealed, visible
from indexer.redaction import without_secrets
from indexer.suspicion import suspicion
from service.drafting.addresses import addresses
from service.drafting.steps import sentences_of
from service.results import Neighbour, PriorityDecision

__all__ = ["fields_sentence", "issue_of", "plain_label", "priority_sentence"]

_LABEL_CHARACTERS = 60
_READ = 1_000  # characters in which the first sentence is looked for
_NO_LABEL_CHARACTER = re.compile(r"[^\w .,+&'()-]+")
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|day|afternoon)|hallo|guten|moin|bonjour|bonsoir|hola|buen[oa]s|ciao|buongiorno|olá|bom dia|beste|goede\w+)\b[^.,!?\n]{0,40}[,!.\n]\s*",
    re.IGNORECASE,
)


def issue_of(text: str) -> str:
    """Return the ticket's issue in its own words, but for secrets: its subject, or its first sentence."""
    text = without_secrets(text[: 2 * _READ])  # before it is cut: half of one is not known for one
    found = sentences_of(_GREETING.sub("", visible(text).strip(), count=1)[:_READ])
    if not found:
        return "the ticket has no words"
    if not suspicion(text[:_READ]):
        return " ".join(found[0].split())
    # What speaks to a model is no issue of a customer, and an address beside it is hardly one.
    said = (one for one in found if not suspicion(one) and not any(addresses(revealed(one))))
    return " ".join(next(said, "the ticket has no sentence that can be shown").split())


def plain_label(label: str) -> str:
    """Return a label as a reply may say it: one short line without mark-up, and none that is an address."""
    plain = " ".join(_NO_LABEL_CHARACTER.sub(" ", visible(label)).split())[:_LABEL_CHARACTERS]
    return "(a label that cannot be shown)" if not plain or any(addresses(revealed(plain))) else plain


def priority_sentence(priority: PriorityDecision, precedents: Sequence[Neighbour]) -> str:
    """State the priority as sure as it is, and how many of the precedents had it."""
    if priority.label is None:
        return f"The priority is uncertain: {priority.why or 'none could be predicted'}, so a person has to set it."
    percent = f"{priority.confidence:.0%}"
    support = _support(priority.label, precedents)
    alert = ""
    if priority.alert is not None:
        alert = f" {plain_label(priority.alert.at_least)} or more urgent: {priority.alert.probability:.0%}."
    if priority.decision == "review":
        if not priority.probabilities:  # of a hosted classifier that is not calibrated
            return f"The priority is uncertain and a person should confirm it: {plain_label(priority.label)} was answered{support}."
        likeliest = max(priority.probabilities, key=lambda label: priority.probabilities[label])
        why = f"is the most likely (probability {percent}){support}"
        if priority.probabilities[likeliest] > priority.confidence:
            why = (
                f"(probability {percent}) is named although {plain_label(likeliest)} is more likely"
                f" ({priority.probabilities[likeliest]:.0%}), because missing it costs more{support}"
            )
        return f"The priority is uncertain and a person should confirm it: {plain_label(priority.label)} {why}.{alert}"
    return f"The predicted priority is {plain_label(priority.label)} (probability {percent}){support}.{alert}"


def fields_sentence(decisions: Mapping[str, PriorityDecision]) -> str:
    """State what other fields were decided, each as sure as it is; empty where none was."""
    told = [
        f"{plain_label(field)} {plain_label(one.label)} ({one.confidence:.0%}"
        f"{'' if one.decision == 'automatic' else ', to be confirmed'})"
        for field, one in decisions.items()
        if one.label is not None
    ]
    return f"{'; '.join(told)}." if told else ""


def _support(label: str, precedents: Sequence[Neighbour]) -> str:
    labels = [n.priority for n in precedents if n.priority is not None]
    if not labels:
        return ""
    # As the forest takes them: exports of two tools may differ in case.
    same = sum(found.casefold() == label.casefold() for found in labels)
    if len(labels) == 1:
        return f"; the similar ticket had {'it too' if same else f'priority {plain_label(labels[0])}'}"
    return f"; {same or 'none'} of the {len(labels)} similar tickets had it"
