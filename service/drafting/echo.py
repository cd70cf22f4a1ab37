"""Recognises a sentence that repeats the prompt or speaks of it."""

import html
import re
from functools import lru_cache

from indexer.grounding.disguise import fold
from service.drafting.given import Given

__all__ = ["echoes", "speaks_of_its_prompt"]

_WORDS = 3  # in a row, by which texts are compared
_RUN = 6  # such threes in a row: eight words of the prompt
_SHARE, _HITS = 0.5, 4  # of a sentence's threes that are the prompt's, and how many of them
_WHOLE_HITS = 2  # of a short sentence that is the prompt's as a whole

_OF_ITS_PROMPT = re.compile(
    r"\b(?:system|hidden|initial|original|secret|developer)[ _-](?:prompt|instructions?|message|rules)\b"
    r"|\bmy (?:own |system |hidden |internal |only |secret )*(?:instructions?|rules|prompt|guidelines|programming|directives?)\b"
    r"|\b(?:meine|mes|mis|minhas) (?:system)?(?:anweisungen|instruktionen|regeln|instructions|règles|instrucciones|reglas|instruções)\b"
    r"|\bthe prompt (?:starts|begins)\b|\b(?:rules|instructions) (?:that )?i (?:follow|have|was|am|must|got|received)\b"
    r"|\bi (?:was|am|were|have been|'?ve been) (?:told|instructed|programmed|configured|prompted|trained|not allowed|forbidden)\b"
    r"|\bi (?:can ?not|can't|must not|may not|should not|will not|won't) (?:reveal|disclose|share|repeat)\b"
    r"|\b(?:ignor\w+|disregard\w*|forget|overrid\w+) (?:all |any |the |your |my |these |those |every )*(?:previous |prior |above |earlier |former )*"
    r"(?:instructions?|rules|prompt|guidelines)\b"
    r"|\bas an? (?:ai|artificial|(?:large )?language model|llm|virtual assistant)\b|\bi(?: am|'m) an? (?:ai|llm|(?:large )?language model|chatbot)\b"
    r"|\b(?:you are|your role is|du bist|sie sind|tu es|vous êtes|eres|usted es|sei|você é)(?: an?| ein\w*| une?| una?| um)?(?: [\w-]+){0,3} "
    r"(?:support[ -]?(?:engineer|agent|ingenieur\w*|techniker\w*)|engineer|assistant|chatbot|ing[eé]nieu?r\w*|ingeniero|asistente|assistent\w*)\b"
    r"|</?(?:new_ticket|precedents|ticket|text|resolution|priority)\b"
    r"|\bsimilarity\s?=\s?\"|\bpriority\s?=\s?\"|\bsenior support engineer\b|\bnew_ticket\b|\b(?:prompt|jailbreak|dan) mode\b|\bprompt injection\b",
    re.IGNORECASE,
)


def _threes(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", fold(text).casefold())
    return [tuple(words[i : i + _WORDS]) for i in range(len(words) - _WORDS + 1)]


@lru_cache(maxsize=32)
def _prompt(instructions: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_threes(instructions) + _threes(html.unescape(instructions)))


def echoes(sentence: str, given: Given) -> bool:
    """Whether a sentence is made of the prompt's words in their order, beyond what the given texts have of them."""
    own, prompt = _threes(sentence), _prompt(given.instructions)
    if not any(three in prompt for three in own):
        return False
    texts = (given.team, given.ticket)
    hits = [three in prompt and not any(text.says(" ".join(three)) for text in texts) for three in own]
    count = sum(hits)
    run = any(all(hits[i : i + _RUN]) for i in range(len(hits) - _RUN + 1))
    share = count / len(hits)
    return run or (count >= _HITS and share >= _SHARE) or (count >= _WHOLE_HITS and share == 1)


def speaks_of_its_prompt(sentence: str) -> list[str]:
    """Return what in a sentence is said by a model of itself, its rules or its role."""
    return [found[0].casefold() for found in _OF_ITS_PROMPT.finditer(sentence)]
