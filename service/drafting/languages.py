"""The languages in which replies are written and checked: what stands around a reply, and how promises and history sound."""

import re
from dataclasses import dataclass

from indexer.language import language_of
from service.results import Neighbour

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "Frame",
    "in_another",
    "language_named",
    "promises",
    "reply_language",
    "without_code",
    "written_in",
]

ENGLISH = "en"
"""The language of the rules, and of a reply where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every reply in a language begins and ends with."""

    language: str
    greeting: str
    thanks: str
    sign_off: str

    @property
    def opening(self) -> str:
        """What stands before the first sentence."""
        return f"{self.greeting}\n\n"

    @property
    def closing(self) -> str:
        """What stands behind the last sentence."""
        return f"\n\n{self.sign_off}"


@dataclass(frozen=True, slots=True)
class Language:
    """A language, by its code of ISO 639-1, and its rules beside those of English, which hold in every reply."""

    name: str
    frame: Frame
    negation: re.Pattern[str]
    near: frozenset[str] = frozenset()
    """Languages that a short sentence of it may be taken for."""
    promises: re.Pattern[str] | None = None
    history: re.Pattern[str] | None = None
    """What was done for the customer of a resolved ticket."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


_NUMBER = r"(?:\d+|\w+)"

LANGUAGES = {
    "en": Language(
        "English",
        Frame("en", "Hello,", "Thank you for your message", "Kind regards,\nYour support team"),
        negation=_words(r"not|no|never|cannot|avoid|\w+n't"),
    ),
    "de": Language(
        "German",
        Frame("de", "Guten Tag,", "Vielen Dank für Ihre Nachricht", "Mit freundlichen Grüßen\nIhr Supportteam"),
        near=frozenset(("lb", "nl")),
        promises=_words(
            r"(?:wir|ich|unser team) werden?|werden wir|sie (?:erhalten|bekommen)|(?:erhalten|bekommen) sie"
            r"|(?:wird|werden)(?: \w+){0,6} (?:behoben|gelöst|erstattet|gutgeschrieben|veröffentlicht|freigegeben|erledigt|ausgeliefert)"
            r"|\w*erstatt\w+|gutschrift\w*|gutgeschrieben|entschädig\w+|rabatt\w*|garantier\w+|garantie|gratis|kostenlos\w*|kostenfrei\w*"
            rf"|(?:innerhalb (?:von|eines|einer|der nächsten)|binnen) {_NUMBER}|in (?:den nächsten|wenigen|\d+) (?:minuten|stunden|tagen|wochen|monaten)"
            r"|bis (?:morgen|heute|ende|spätestens|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch)|(?-i:morgen)|in kürze|so bald wie möglich|schnellstmöglich"
            r"|nächste[nrs]? (?:version|update|release|sprint)"
        ),
        history=_words(
            r"wurden?|war|waren|hatten?|(?:wir|ich|das team|unser team) (?:haben|habe|hat)|(?:haben|hat) wir|habe ich|(?:der|dem|den|des) kunden?|(?:die|der) kundin"
            r"|auf wunsch|\d\d?\. ?(?:januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember)"
        ),
        negation=_words(r"nicht|kein\w*|nie|niemals|ohne"),
    ),
    "fr": Language(
        "French",
        Frame("fr", "Bonjour,", "Merci pour votre message", "Cordialement,\nVotre équipe d'assistance"),
        near=frozenset(("oc", "wa", "br")),
        promises=_words(
            r"nous (?:allons|vous \w+rons|\w+rons)|vous (?:recevrez|serez|aurez)|ser(?:a|ont)(?: \w+){0,3} (?:corrigée?s?|résolue?s?|publiée?s?|remboursée?s?|livrée?s?)"
            r"|rembours\w+|dédommag\w+|indemnis\w+|remise|garanti\w*|gratuit\w*|sans frais"
            r"|(?:dans (?:un délai|les prochain\w+|les \d+|\d+)|sous \d+|d'ici)(?: \w+)?|avant (?:demain|la fin|lundi|mardi|mercredi|jeudi|vendredi)|demain|bientôt"
            r"|dès que possible|prochaine (?:version|mise à jour)"
        ),
        history=_words(
            r"(?:nous (?:avons|l'avons|les avons)|j'ai|on a|l'équipe a)(?: \w+)?|(?:a|ont|avait|avaient) été|était|étaient|avait|avaient|le client|la cliente"
            r"|à (?:sa|leur) demande|\d\d? (?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
        ),
        negation=_words(r"ne|n'\w+|pas|jamais|aucune?|sans"),
    ),
    "es": Language(
        "Spanish",
        Frame("es", "Hola,", "Gracias por su mensaje", "Un saludo,\nSu equipo de soporte"),
        near=frozenset(("gl", "ca", "an", "pt")),
        promises=_words(
            r"(?:le |les |lo |la )?vamos a|\w+remos|recibir[áé]\w*|ser[áa]n? (?:corregid|reembolsad|resuelt|publicad|abonad)\w*|reembols\w+|devolver\w*|devolución|abonar\w*"
            r"|compensa\w+|descuento\w*|garanti\w+|gratis|gratuit\w+|sin (?:coste|costo|cargo)"
            rf"|en (?:un plazo|las próximas|los próximos|\d+ (?:horas|días|semanas))|dentro de (?:\d+|un[ao]?|l[ao]s próxim[ao]s)|antes del? {_NUMBER}|(?<!esta )(?<!la )mañana|pronto|lo antes posible"
            r"|próxima (?:versión|actualización)"
        ),
        history=_words(
            r"(?:hemos|he|se ha|se han|ha sido|han sido) \w+|fue|fueron|estaban?|habían?|(?:el|al|del) cliente|la clienta"
            r"|\d\d? de (?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)"
        ),
        negation=_words(r"no|nunca|jamás|ningún|ninguna|sin"),
    ),
    "it": Language(
        "Italian",
        Frame("it", "Buongiorno,", "Grazie per il suo messaggio", "Cordiali saluti,\nIl team di assistenza"),
        near=frozenset(("la", "co", "sc")),
        promises=_words(
            r"\w+remo|stiamo per|riceverà|sar(?:à|anno) (?:corrett|risolt|rimborsat|pubblicat|accreditat)\w*|rimbors\w+|risarc\w+|sconto|garan\w+|gratis|gratuit\w+|senza (?:costi|spese)"
            r"|entro|domani|presto|al più presto|prossim[ao] (?:versione|aggiornamento)"
        ),
        history=_words(
            r"(?:abbiamo|ho|(?:è|sono) stat[aeio]|(?:era|erano) stat[aeio]) \w+|era|erano|aveva|avevano|(?:il|al|del) cliente"
            r"|\d\d? (?:gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre)"
        ),
        negation=_words(r"non|mai|nessun[ao]?|senza"),
    ),
    "pt": Language(
        "Portuguese",
        Frame("pt", "Olá,", "Obrigado pela sua mensagem", "Atenciosamente,\nSua equipe de suporte"),
        near=frozenset(("gl", "es")),
        promises=_words(
            r"vamos|iremos|\w+remos|receberá|ser(?:á|ão) (?:corrigid|reembolsad|resolvid|publicad|creditad)\w*|reembols\w+|devolver\w*|desconto|garan\w+|grátis|gratuit\w+|sem (?:custo|custos)"
            r"|em \d+ (?:horas|dias|semanas)|dentro de (?:\d+|um|uma)|até (?:amanhã|hoje|ao fim|o fim|segunda|terça|quarta|quinta|sexta)|amanhã|em breve|assim que possível"
            r"|próxima (?:versão|atualização)"
        ),
        history=_words(
            r"foi|foram|fizemos|(?:temos|tínhamos) \w+|estavam?|haviam?|tinham?|(?:o|ao|do) cliente|\w+mos (?:o|a|os|as)"
            r"|\d\d? de (?:janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro)"
        ),
        negation=_words(r"não|nunca|jamais|nenhuma?|sem"),
    ),
    "nl": Language(
        "Dutch",
        Frame("nl", "Hallo,", "Bedankt voor uw bericht", "Met vriendelijke groet,\nUw supportteam"),
        near=frozenset(("af", "de")),
        promises=_words(
            r"(?:wij|we|ik) (?:zullen|zal|gaan|ga)|(?:zullen|gaan) (?:wij|we)|u (?:krijgt|ontvangt)|(?:krijgt|ontvangt) u|(?:wordt|worden)(?: \w+){0,5} (?:hersteld|opgelost|terugbetaald|uitgebracht)"
            r"|terugbeta\w+|vergoed\w*|korting|garan\w+|gratis|kosteloos|binnen (?:\d+|een|één|twee|drie|enkele)|morgen|zo snel mogelijk|binnenkort|volgende (?:versie|update|release)"
        ),
        history=_words(
            r"werden?|werd|was|waren|had|hadden|(?:we|wij|ik|het team) (?:hebben|heb|heeft)|hebben (?:we|wij)|(?:is|zijn) ge\w+|de klant"
            r"|\d\d? (?:januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december)"
        ),
        negation=_words(r"niet|geen|nooit|zonder"),
    ),
}  # fmt: skip
"""By their codes."""


def promises(text: str, language: str = ENGLISH) -> list[str]:
    """Return what only the team itself may promise, such as refunds and deadlines, in a folded text of this language, in lower case."""
    patterns = filter(None, (_PROMISE, LANGUAGES[language].promises))
    return [found[0].strip().casefold() for pattern in patterns for found in pattern.finditer(text)]


def language_named(code: str) -> str:
    """Return the name of a language, or its code where it has none here."""
    return LANGUAGES[code].name if code in LANGUAGES else f"“{code}”"


def reply_language(text: str, default: str = ENGLISH) -> tuple[str, str | None]:
    """Return the language of the reply to a ticket, and why it is not the ticket's where it is surely not.

    It is the ticket's, where that can be told and replies in it can be checked, else the default.
    """
    found = language_of(text)
    if found in LANGUAGES:
        return found, None
    if found is None:
        return default, None
    return default, (
        f"a reply in the ticket's language, {language_named(found)}, could not be checked, so this one is in {language_named(default)}"
    )


def without_code(text: str) -> str:
    """Return a text without code, paths, settings and what stands in brackets: these are of no language."""
    return _NO_WORDS.sub(" ", text)


def in_another(text: str, language: str) -> bool:
    """Whether a text is surely written in another language; code in it is of none."""
    words = without_code(text)
    letters = [char for char in words if char.isalpha()]
    if sum(_LATIN.match(char) is None for char in letters) > _MOST_FOREIGN * len(letters):
        return True
    found = language_of(words)
    return found not in (None, language) and found not in LANGUAGES[language].near


def written_in(neighbour: Neighbour) -> str | None:
    """Return the language of a resolution; where it is too short to tell, that of its ticket."""
    resolution = neighbour.resolution or ""
    found = language_of(without_code(resolution))
    return found or language_of(f"{neighbour.text}\n{resolution}")


_LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]")  # all of these languages are written in it
_MOST_FOREIGN = 0.5  # of a sentence's letters; a product may have a Greek name
_NO_WORDS = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\S*[_/@=\\]\S*|\[[^\]\n]*\]", re.DOTALL)
_TEAM = r"(?:we|i|our (?:team|engineers|developers|colleagues|support)|the (?:team|engineers|developers)|support|engineering|someone|a colleague)"
_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_PROMISE = re.compile(
    rf"\b{_TEAM}(?:'ll| will| shall| would| am going to| are going to| is going to| plan to| intend to| can offer| offer| guarantee| promise)\b[^.!?\n]*"
    r"|\byou(?:'ll| will| shall| are going to| should)? (?:get|receive|be (?:paid|refunded|credited|contacted|informed|notified|given))\b[^.!?\n]*"
    r"|\bwill be (?:fixed|released|shipped|available|refunded|credited|resolved|restored|lifted|done|sent|paid|reimbursed|back|solved)\b[^.!?\n]*"
    r"|\bnext (?:release|version|update|sprint)\b[^.!?\n]*"
    r"|\b(?:refund|credited|reimburs|compensat|goodwill|money back|guarante|warrant(?:y|ies)|discount|voucher|credit note)\w*"
    r"|\b(?:free of charge|no (?:extra )?(?:charge|cost)|without (?:extra )?(?:charge|cost)|at no (?:extra )?(?:charge|cost)|\d+ ?% off)\b"
    r"|\b(?:within|in) (?:\S+ |the next )?(?:business |banking |working )?(?:hours?|days?|weeks?|months?)\b"
    rf"|\bby (?:tomorrow|tonight|today|noon|{_DAY}|(?:the )?end of|next)\b|\b(?:tomorrow|tonight)\b"
    rf"|\b(?:on|until|before|this|next) {_DAY}\b"
    r"|\b(?:shortly|as soon as possible|asap|in due course|rest assured)\b"
    r"|\bwir (?:werden|erstatten|versprechen|garantieren)\b|\b(?:rück)?erstatt\w+|\bnous (?:allons|vous)\b|\brembours\w+|\breembols\w+|\brimbors\w+",
    re.IGNORECASE,
)
