"""Tells in a resolution what a reader can do from what was done for the customer of that ticket."""

import contextlib
import re

from indexer.grounding.disguise import fold
from indexer.grounding.sentences import EndlessTextError, SentenceSplitter
from service.drafting.languages import ENGLISH, LANGUAGES

__all__ = ["clauses_of", "sentences_of", "steps", "tells_history"]

_PARTICIPLE = r"(?:\w{2,}(?:ed|en|wn|lt|nt|pt)|done|gone|set|put|sent|lost|made|built|found|paid|cut|read|told|held|kept|up|back)"
_HISTORY = re.compile(
    rf"\b(?:we|i|our team|the team|support|engineering|operations|an? (?:agent|colleague))(?:'ve| have| had)?(?: \w+ly| also| then)? (?:{_PARTICIPLE}|gave|took|went|ran|wrote|moved|began)\b"
    rf"|\b(?:was|were|had|has been|have been|had been|got)(?: not| also| then| already| never| \w+ly)? {_PARTICIPLE}\b"
    r"|\b(?:was|were) (?:up|back|empty|gone|in|at|by|on|without)\b"
    r"|\bthe customer\b|\bas asked\b|\bwith (?:the )?(?:customer|owner)'?s? consent\b"
    r"|(?<![\d:.])[0-2]?\d:[0-5]\d(?!:?\d)"
    r"|\b\d{1,2}(?:st|nd|rd|th)? (?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}\b"
    r"|[$€£] ?\d|\b\d[\d.,]* ?(?:USD|EUR|GBP|dollars|euros|pounds)\b",
    re.IGNORECASE,
)
_VERB = (
    r"(?:add|adjust|allow|answer|append|apply|ask|assign|attach|bind|call|cancel|change|check|choose|clean|clear|click|close|configure|connect"
    r"|contact|convert|copy|create|cut|declare|decrease|delete|deploy|disable|disconnect|download|drop|edit|empty|enable|enter|exclude|export"
    r"|extend|fill|finish|follow|give|go|grant|handle|import|include|increase|install|invite|keep|key|leave|limit|log|look|lower|make|map|mark|migrate"
    r"|move|name|open|paste|pick|pin|place|point|press|prevent|publish|pull|purge|push|put|raise|re-?run|reboot|rebuild|reconnect|redeploy|reduce"
    r"|register|reinstall|reissue|reload|remove|rename|replace|request|reset|resend|restart|restore|retry|return|revert|revoke|roll back|rotate|run|save|schedule"
    r"|select|send|set|shorten|sign|skip|split|start|stop|store|subscribe|switch|tag|try|turn|type|uninstall|unlock|update|upgrade|upload|use|verify"
    r"|visit|wait|wrap|write)"
)
_LEAD = (
    r"(?:(?:then|now|next|also|please|instead|meanwhile|until then|finally|first|afterwards)\b,? )*"
    r"(?:(?:for|if|to|on|in|until|when|once|after|before|with|at|from) [^,;:`]{1,60}?,? )?"
)
_STEP = re.compile(rf"{_LEAD}{_VERB}(?![\w-])(?! (?:was|were|is|are|has|had|of)\b)", re.IGNORECASE)
_DANGLING = re.compile(rf"{_LEAD}{_VERB} (?:it|them|this|that|these|those)\b", re.IGNORECASE)
_RAN = re.compile(
    r"(`[^`\n]+ [^`\n]+`(?: (?:and|then) `[^`\n]+ [^`\n]+`)?) (?:fixed|loaded|solved|resolved|cleared|removed|repaired|brought|helped|restored|ended)\b"
)
_NEXT_TIME = re.compile(r"for the next\b|.*\bnext time\b", re.IGNORECASE)
_CLAUSE = re.compile(r"(?:;|:)\s+(?=[^`]*(?:`[^`]*`[^`]*)*\Z)")
_FEWEST = 3  # words of a step that says enough


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a stored text, without white space around them, up to one that has no end."""
    splitter, found = SentenceSplitter(), list[str]()
    with contextlib.suppress(EndlessTextError):
        found.extend(splitter.feed(text))
    found.append(splitter.flush())
    return [sentence.strip() for sentence in found if sentence.strip()]


def clauses_of(text: str) -> list[str]:
    """Return the parts of a text's sentences that a colon or a semicolon parts."""
    return [clause for sentence in sentences_of(text) for clause in _CLAUSE.split(sentence) if clause]


def tells_history(sentence: str, language: str = ENGLISH) -> bool:
    """Whether a sentence of a resolution tells what was done for its customer, and when: no reply repeats that."""
    text, own = fold(sentence), LANGUAGES[language].history
    return _HISTORY.search(text) is not None or (own is not None and own.search(text) is not None)


def steps(resolution: str) -> list[str]:
    """Return what a reader is told to do by a resolution, as sentences in its own words; English only.

    A command that "fixed it" becomes a step. A first step that says "it" of something in a sentence that is no step is
    left out, and so is advice for the next time alone.
    """
    found: list[str] = []
    for clause in clauses_of(resolution):
        if ran := _RAN.match(clause):
            found.append(f"Run {ran[1]}.")
        elif _is_step(clause) and (found or not _DANGLING.match(clause)):
            whole = clause[0].upper() + clause[1:]
            found.append(whole if whole.endswith((".", "!", "?", "```")) else f"{whole}.")
    return [] if all(map(_NEXT_TIME.match, found)) else list(dict.fromkeys(found))


def _is_step(clause: str) -> bool:
    return bool(_STEP.match(clause)) and not tells_history(clause) and len(clause.split()) >= _FEWEST
