"""What resolved a ticket, drawn from its conversation."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from indexer.cleaning import clean
from indexer.ticket import Message

__all__ = [
    "is_courtesy",
    "is_drawn",
    "is_no_solution",
    "is_outcome",
    "origin_of_message",
    "resolution_of",
]

# Helpdesks store the answer that solves a ticket shortly after its change of status.
_LATE = timedelta(minutes=5)
_ENOUGH = 4  # words besides courtesies, or there is nothing one could do

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")

# Stands before what counts: "Thanks for your patience, I have restarted …", "Closing this as the certificate is renewed."
_COURTESY = re.compile(
    r"(?:(?:hi|hello|hey|dear|hallo|moin|liebe[rs]?|sehr geehrte[rs]?|guten (?:tag|morgen))\b[^,.!:;]*"
    r"|(?:many )?thank(?:s| you)\b[^,.!:;]*|(?:vielen |besten |herzlichen )?dank(?:e)?\b[^,.!:;]*"
    r"|great|perfect|super|prima|alles klar|ok(?:ay)?|you['\u2019]re welcome|no problem|gern geschehen|kein problem|sehr gerne?"
    r"|(?:(?:i|we)['\u2019]?(?:m|ll| am| are| will)? )?(?:now )?(?:clos(?:e|ing)|resolving|marking)(?: (?:this|the|it|your))?"
    r"(?: (?:ticket|issue|case|request))?(?: (?:now|as (?:solved|resolved|fixed|done|closed)))?(?: (?:as|since|because))?"
    r"|(?:ich|wir) (?:schließen?|setzen?|mache?n?) (?:das|den|dieses|diesen) (?:ticket|fall|vorgang)"
    r"(?: (?:nun|jetzt|hiermit|damit))?(?: (?:zu|auf (?:gelöst|erledigt)))?(?:, (?:da|weil))?"
    r")(?:\b|(?=\W)|$)[\s,.!:;\u2013-]*",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"(?:.{0,40}\b(?:glad|happy|pleased|good|great) (?:to (?:hear|help|know)|(?:that )?(?:it|this|that)\b)"
    r"|.{0,40}\bfreu(?:t|en|e)\b|schön(?:,| zu| dass)|(?:due to|because of) (?:inactivity|no (?:reply|response))|inactivity\b"
    r"|(?:(?:as|since) )?(?:we|i) (?:have(?: not|n['\u2019]t)|did(?: not|n['\u2019]t)) (?:hear|receive|get)|no (?:further |more )?(?:response|reply|answer)"
    r"|(?:this|the|your)(?: \w+)? (?:ticket|issue|case|request) (?:has been|was|is|will be|is now) (?:\w+ )?(?:closed|resolved|solved|marked)"
    r"|(?:das|dieses|ihr|der)(?: \w+)? (?:ticket|fall|vorgang|anfrage) (?:wird|wurde|ist|kann).{0,30}(?:geschlossen|gelöst|erledigt)"
    r"|(?:mangels|da (?:wir|ich|keine)|nachdem (?:wir|ich)|keine(?: weitere)?) .{0,40}(?:rückmeldung|antwort)|inaktivität|wegen (?:inaktivität|fehlender)"
    r"|(?:please |just )?(?:let (?:me|us) know|feel free|don['\u2019]t hesitate|do not hesitate|reach out|re-?open|rate|contact us)"
    r"|(?:if|should) (?:you|there|it|the problem|this).{0,60}(?:question|assist|re-?open|let (?:me|us) know)"
    r"|(?:hope|i hope) |have a (?:nice|great|good)|(?:sorry|we apologi[sz]e|apologies) (?:for|about)|anything else"
    r"|(?:bei|für|sollten|falls) .{0,60}(?:fragen|rückfragen|meld)|melden sie sich|(?:einen |ein )?schönen?\b"
    r"|(?:wir )?(?:bitten um entschuldigung|entschuldigen)"
    r"|(?:i|we)(?:['\u2019]ll| will|['\u2019]m| am|['\u2019]re| are) (?:now |currently |still )?(?:look|check|investigat|get back|ask|forward|escalat|pass|keep|work|tak)"
    r"|(?:i|we)(?:['\u2019]ve| have)? (?:forwarded|escalated|passed|reported) (?:this|it|your|the)\b|our (?:\w+ )?(?:team|developers?|engineers?) (?:is|are|will)"
    r"|(?:ich|wir) (?:werden?|prüfen?|schauen?|kümmern?|leiten?|melden?)\b|(?:ich|wir) haben? .{0,60}(?:weitergeleitet|weitergegeben|eskaliert)"
    r"|(?!.*\b(?:try|restart|reinstall|update|upgrade|clear|delete|versuchen?|probieren?|starten|aktualisieren?|löschen?)\b).*\?$"
    r"|please (?:send|provide|share|attach|tell|confirm|give|reply)|bitte (?:senden|schicken|teilen|nennen|geben|übermitteln|bestätigen))",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"(?:status|resolution|lösung)?\W*(?:(?:is|was|now|already|ist|wurde|jetzt|bereits|has been|issue|ticket|this|it|das|closed as|marked as)\s+)*"
    r"(?:fixed|done|solved|resolved|closed|completed|won['\u2019]?t (?:fix|do)|duplicate|invalid|cannot reproduce|not a bug|works (?:for me|now|again)"
    r"|erledigt|behoben|gelöst|geschlossen|fertig|duplikat|geht wieder|funktioniert (?:jetzt|wieder))\W*",
    re.IGNORECASE,
)
_NO_SOLUTION = re.compile(
    r"won['\u2019]?t (?:fix|do)|wont ?fix|duplicate|can(?:not|['\u2019]t) (?:be )?reproduced?|invalid|incomplete|declined|rejected|abandoned"
    r"|withdrawn|spam|no response|not[_ ]planned|duplikat|doppelt|nicht reproduzierbar|ungültig|abgelehnt|zurückgezogen|wird nicht (?:behoben|gelöst)",
    re.IGNORECASE,
)
_UNHELPED = re.compile(
    r"\b(?:still (?:not|fail|happen|broken|the same|get|see|doesn|does not|have)|(?:did|does)(?: not|n['\u2019]t) (?:help|work|fix|solve)|no luck|(?:get|see|have|getting) the same"
    r"|(?:hilft|half|geht|funktioniert|klappt)(?: (?:es|das|leider|auch|so|noch))* nicht|(?:immer noch|weiterhin|nach wie vor)\b)",
    re.IGNORECASE,
)

_OUTCOMES = frozenset({
    "completed", "not_planned", "not planned", "reopened", "works as designed", "by design", "not an issue",
    "no action", "no change", "other", "answered", "known error", "workaround", "solved (work around)",
    "solved (permanently)", "solved remotely (work around)", "solved remotely (permanently)",
    "not solved (not reproducible)", "not solved (too costly)", "closed/resolved by caller", "user error",
    "self resolved", "unresolved", "none", "n/a", "-",
})  # fmt: skip
"""Values that Jira, GitHub, ServiceNow and Salesforce offer in their fields of that name."""


def resolution_of(
    thread: Sequence[Message], *, solved_at: datetime | None = None, outcome: str | None = None
) -> tuple[str, int] | None:
    """Return the last message of an agent, from before the ticket was solved, that says what to do or what was done.

    It is returned cleaned, with its index in the conversation; ``None`` where no message is one.
    Thanks, notes of closing, promises, questions and words of status are no such message; nor is one after which the
    customer says that it did not help.

    :param thread: from the oldest to the newest message.
    :param solved_at: time zone as in ``thread``; messages without a time count as earlier.
    :param outcome: how the helpdesk says it ended, such as ``Fixed`` or ``Won't Fix``.
    """
    if outcome and is_no_solution(outcome):
        return None
    unhelped = False
    for index in range(len(thread) - 1, -1, -1):
        message = thread[index]
        if solved_at and message.at and message.at > solved_at + _LATE:
            continue
        text = clean(message.text).text.strip()
        unhelped = unhelped or (message.author == "customer" and _UNHELPED.search(text) is not None)
        if message.author == "agent" and _words_besides_courtesies(text) >= _ENOUGH:
            return None if unhelped else (text, index)
    return None


def origin_of_message(number: int) -> str:
    """Return what `Ticket.resolution_from` says of a resolution that is a message of the conversation, counted from 1."""
    return f"message {number} of the thread"


def is_drawn(origin: str | None) -> bool:
    """Tell whether that is what it says."""
    return origin is not None and origin.startswith("message ")


def is_outcome(text: str) -> bool:
    """Tell whether a resolution says only how a ticket ended, such as ``Fixed`` or ``Won't fix``, and not what was done."""
    short = text.strip().casefold()
    return (
        short in _OUTCOMES
        or _STATUS.fullmatch(short) is not None
        or _NO_SOLUTION.fullmatch(short) is not None
    )


def is_no_solution(outcome: str) -> bool:
    """Tell whether an outcome says that nothing resolved the ticket, such as ``Won't fix`` or ``Duplicate``."""
    return _NO_SOLUTION.search(outcome) is not None


def is_courtesy(text: str) -> bool:
    """Tell whether a message, already cleaned, has nothing besides thanks, closing, promises and words of status."""
    return not _words_besides_courtesies(text)


def _words_besides_courtesies(text: str) -> int:
    words = 0
    for sentence in _SENTENCE.split(text):
        rest = sentence.strip()
        while (courtesy := _COURTESY.match(rest)) and courtesy.end():
            rest = rest[courtesy.end() :]
        if not _EMPTY.match(rest) and not _STATUS.fullmatch(rest):
            words += len(_WORD.findall(rest))
    return words
