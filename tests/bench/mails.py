"""Mails around real messages, as mail programs of several languages write them: made up, from a seed.

Rules of the cleaning were written or changed for `SHAPES`. `HELD_OUT` were written afterwards, and no rule has been changed
for them.
"""

import random
import re
import textwrap
from collections.abc import Callable
from html import escape

from tests.bench.mail_parts import (
    DISCLAIMERS,
    EARLIER,
    FIRMS,
    HEADERS,
    ORIGINAL,
    PEOPLE,
    SENT_FROM,
    TITLES,
    WROTE,
    any_language,
    indented_html,
    introduced,
    sign_off,
    word_html,
)

__all__ = ["HELD_OUT", "SHAPES", "Shape"]

Shape = Callable[[random.Random, str], str]
"""Puts a mail around a message."""


def signature(rng: random.Random, body: str) -> str:
    return f"{body}\n\n{sign_off(rng, any_language(rng))}"


def delimiter(rng: random.Random, body: str) -> str:
    return f"{body}\n\n-- \n{rng.choice(PEOPLE)}\n{rng.choice(TITLES)}, {rng.choice(FIRMS)}\nHauptstr. 5, 10115 Berlin\n"


def disclaimer(rng: random.Random, body: str) -> str:
    first, second = rng.sample(list(DISCLAIMERS), 2)
    texts = [DISCLAIMERS[first], *([DISCLAIMERS[second]] if rng.random() < 0.3 else [])]
    return "\n\n".join([body, sign_off(rng, first), *texts])


def phone(rng: random.Random, body: str) -> str:
    return f"{body}\n\n{rng.choice(SENT_FROM[any_language(rng)])}"


def gmail(rng: random.Random, body: str) -> str:
    language = any_language(rng)
    earlier = "\n".join(f"> {line}".rstrip() for line in rng.choice(EARLIER).split("\n"))
    intro = introduced(rng, WROTE[language])
    if rng.random() < 0.4:
        intro = intro.replace(" <", "\n<", 1)
    return f"{signature(rng, body)}\n\n{intro}\n\n{earlier}\n"


def below(rng: random.Random, body: str) -> str:
    earlier = "\n".join(f"> {line}".rstrip() for line in rng.choice(EARLIER).split("\n"))
    return f"{introduced(rng, WROTE[any_language(rng)])}\n{earlier}\n\n{signature(rng, body)}"


def outlook(rng: random.Random, body: str) -> str:
    language = any_language(rng)
    rule = rng.choice((ORIGINAL[language], "_" * 32, ""))
    quoted = f"{rule}\n{introduced(rng, HEADERS[language])}\n\n{rng.choice(EARLIER)}".strip("\n")
    return f"{body}\n\n{sign_off(rng, language)}\n\n{DISCLAIMERS[language]}\n\n{quoted}\n"


def outlook_html(rng: random.Random, body: str) -> str:
    language = any_language(rng)
    fields = (escape(line).split(":", 1) for line in introduced(rng, HEADERS[language]).split("\n"))
    header = "<br>\n".join(f"<b>{label}:</b>{value}" for label, value in fields)
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta name=Generator content="Microsoft Word 15">'
        "<!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]--><style><!-- p.MsoNormal {margin:0cm;} --></style>"
        '<!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit" spidmax="1026" /></xml><![endif]--></head>'
        f"<body lang=EN-US link=blue><div class=WordSection1>{word_html(body)}{word_html('')}{word_html(sign_off(rng, language))}{word_html('')}"
        f"{word_html(DISCLAIMERS[language])}{word_html('')}"
        f"<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal>{header}<o:p></o:p></p></div>"
        f"{word_html(rng.choice(EARLIER))}</div></body></html>"
    )


def gmail_html(rng: random.Random, body: str) -> str:
    language = any_language(rng)
    divs = "".join(f"<div>{indented_html(line) or '<br>'}</div>" for line in body.split("\n"))
    intro = re.sub(
        r"&lt;(\S+?)&gt;", r"&lt;<a href='mailto:\1'>\1</a>&gt;", escape(introduced(rng, WROTE[language]))
    )
    earlier = escape(rng.choice(EARLIER)).replace("\n", "<br>")
    signed = escape(sign_off(rng, language)).replace("\n", "<br>")
    return (
        f'<div dir="ltr">{divs}<div><br></div><div dir="ltr" class="gmail_signature">{signed}</div></div><br>'
        f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{intro}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex">{earlier}</blockquote></div>'
    )


SHAPES: tuple[Shape, ...] = (
    signature,
    delimiter,
    disclaimer,
    phone,
    gmail,
    below,
    outlook,
    outlook_html,
    gmail_html,
)


def thunderbird(rng: random.Random, body: str) -> str:
    """German Thunderbird, the signature behind a delimiter that lost its space, an earlier mail in two levels."""
    day = rng.randint(10, 28)
    return (
        f"{body}\n\n--\n{rng.choice(PEOPLE)}\nRechenzentrum\nDurchwahl 4711\n\nAm {day}.03.24 um 09:4{rng.randint(0, 9)} schrieb "
        f"{rng.choice(PEOPLE)}:\n> Hallo,\n>\n> der Gärtner kommt am Freitag.\n>\n>> Wann kommt der Gärtner?\n>>\n>> Gruß\n>"
    )


def iphone(rng: random.Random, body: str) -> str:
    """An iPhone marks the line that introduces a quotation as well."""
    sent = rng.choice(
        (
            "Sent from my iPad",
            "Von meinem iPad gesendet",
            "Envoyé de mon iPad",
            "Inviato da iPad",
            "Sent from Yahoo Mail on Android",
        )
    )
    return (
        f"{body}\n\n{sent}\n\n> On {rng.randint(1, 28)} Mar 2024, at 10:{rng.randint(10, 59)}, {rng.choice(PEOPLE)} <help@example.org> wrote:\n> \n> "
        "\ufeffThe hedge was cut on Tuesday (see photo 3/4).\n> \n> Bye\n"
    )


def wrapped(rng: random.Random, body: str) -> str:
    """A disclaimer that was broken at 72 columns, under a rule."""
    text = (
        "The information contained in this communication is confidential and may be legally privileged. It is intended solely for the use of "
        "the individual or entity to whom it is addressed. If you are not the intended recipient you are hereby notified that any disclosure, "
        "copying or distribution is strictly prohibited and may be unlawful. If you have received this e-mail in error, please contact the sender."
    )
    return f"{body}\n\nWarm regards\n\n{rng.choice(PEOPLE)}\n{'*' * 60}\n{textwrap.fill(text, 72)}\n"


def proton(rng: random.Random, body: str) -> str:
    return (
        f"{body}\n\nYours sincerely,\n{rng.choice(PEOPLE)}\n\nSent with Proton Mail secure email.\n\nOn Monday, March {rng.randint(4, 28)}th, 2024 at 10:15 AM, "
        f"Service Desk <desk@example.org> wrote:\n\n> The coffee machine is back.\n> \n> Enjoy.\n"
    )


def yahoo(rng: random.Random, body: str) -> str:
    """Yahoo quotes without marks."""
    return (
        f"{body}\n\nRegards,{rng.choice(PEOPLE)}\n\n    On Monday, March {rng.randint(4, 28)}, 2024 at 10:15:00 AM GMT+1, Service Desk <desk@example.org> wrote:  \n \n "
        " Please water the plants.\n\nThank you\n  "
    )


def northern(rng: random.Random, body: str) -> str:
    """Swedish, Danish and Polish."""
    return rng.choice(
        (
            f"{body}\n\nMed vänliga hälsningar\nSven Svensson\nDriftchef\n\nDen mån 4 mars 2024 kl 10:15 skrev Anna <anna@example.se>:\n\n> Hej\n> Kaffet är slut.\n",
            f"{body}\n\nMed venlig hilsen\nMette Jensen\nTlf. +45 12345678\n\nFra: Service <s@example.dk>\nSendt: 4. marts 2024 10:15\nTil: Mette Jensen\nEmne: SV: kaffe\n\nKaffen er klar.",
            f"{body}\n\nPozdrawiam,\nJan Kowalski\n\npon., 4 mar 2024 o 10:15 Anna Nowak <anna@example.pl> napisała:\n\n> Kawa jest gotowa.\n",
        )
    )


def answered_html(rng: random.Random, body: str) -> str:
    """Outlook on the web in HTML."""
    lines = "".join(
        f'<div class="elementToProof" style="font-family: Aptos">{indented_html(line) or "<br>"}</div>'
        for line in body.split("\n")
    )
    return (
        f'<html><head><style type="text/css" style="display:none;"> P {{margin-top:0;margin-bottom:0;}} </style></head><body dir="ltr">{lines}<div class="elementToProof"><br></div>'
        f'<div id="Signature"><p>Kind regards</p><table><tbody><tr><td><img src="cid:logo" alt="Logo"></td><td><b>{escape(rng.choice(PEOPLE))}</b><br>IT<br>'
        'P: <a href="tel:+4930123">+49 30 123 456</a></td></tr></tbody></table></div><div id="appendonsend"></div><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>From:</b> Desk &lt;desk@example.org&gt;<br><b>Sent:</b> Monday, March {rng.randint(4, 28)}, 2024 10:15<br>'
        "<b>To:</b> All &lt;all@example.org&gt;<br><b>Subject:</b> Coffee</font><div>&nbsp;</div></div><div>The coffee machine is back.</div></body></html>"
    )


def apple_html(rng: random.Random, body: str) -> str:
    """Apple Mail in HTML, with an answer below another quotation."""
    lines = "".join(f"<div>{indented_html(line) or '<br>'}</div>" for line in body.split("\n"))
    return (
        f'<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body style="overflow-wrap: break-word;">{lines}<br id="lineBreakAtBeginningOfMessage">'
        f'<div><span class="Apple-interchange-newline">Beste Grüße</span><div>{escape(rng.choice(PEOPLE))}</div></div><div><br><blockquote type="cite"><div>Am {rng.randint(4, 28)}.03.2024 um 10:15 schrieb '
        'Desk &lt;<a href="mailto:desk@example.org">desk@example.org</a>&gt;:</div><br><div><p>Die Hecke ist geschnitten.</p></div></blockquote></div></body></html>'
    )


def helpdesk_html(rng: random.Random, body: str) -> str:
    """A helpdesk's own editor: line breaks only, with a warning of the mail server above."""
    lines = "<br />\n".join(indented_html(line) for line in body.split("\n"))
    return (
        "<p>CAUTION: This email originated from outside of the organization. Do not click links unless you know the sender.</p>\n"
        f"<p>{lines}</p>\n<p>Cheers,<br />\n{escape(rng.choice(PEOPLE))}<br />\nTeam Lead, Logistics<br />\nOffice: +1 555 010 9999</p>"
    )


def notes(rng: random.Random, body: str) -> str:
    """A company's footer under the signature, and Outlook's header in bold as text."""
    return (
        f"{body}\n\nFreundliche Grüße aus Hamburg\n\ni.A. {rng.choice(PEOPLE)}\nEinkauf & Logistik\n\nBeispiel AG | Am Hafen 3 | 20457 Hamburg\nTel. 040 / 123 456-78 | Fax -79\n"
        "Vorstand: A. Muster (Vors.), B. Muster\nSitz der Gesellschaft: Hamburg, Amtsgericht Hamburg, HRB 12345\n\n"
        f"*Von:* Einkauf [mailto:einkauf@example.org]\n*Gesendet:* Montag, {rng.randint(4, 28)}. März 2024 10:15\n*An:* Alle\n*Betreff:* Kaffee\n\nDer Kaffee ist da.\n"
    )


def sloppy(rng: random.Random, body: str) -> str:
    """In haste: a bare closing word and a name, without blank lines."""
    return f"{body}\n{rng.choice(('Thx,', 'Rgds', 'Cheers', 'Danke & Gruß', 'Merci', 'Gracias', 'Regards'))}\n{rng.choice(('tom', 'Eva', 'K.', 'J. Doe'))}"


def flattened(rng: random.Random, body: str) -> str:
    """A helpdesk took the marks off a quotation of Apple Mail."""
    name = rng.choice(PEOPLE)
    return f"{body}\n\nBest,\n\n{name}\n\nOn {rng.randint(1, 28)} Mar 2024, at 10:15, Desk <desk@example.org> wrote:\n\nHello {name},\n\nthe plants are watered.\n\nDesk"


def lotus(rng: random.Random, body: str) -> str:
    return (
        f"{body}\n\nMit freundlichem Gruß / Best regards\n\n{rng.choice(PEOPLE)}\nAbt. E4 - Instandhaltung\n\n-----Ursprüngliche Nachricht-----\nVon: Desk\n"
        f"Gesendet: {rng.randint(10, 28)}.03.2024 10:15\nAn: Alle\nBetreff: Kaffee\n\nDer Kaffee ist da.\n\nDesk\n"
    )


def banner_html(rng: random.Random, body: str) -> str:
    """A warning in a table above Word's HTML, and a disclaimer in Spanish and English below."""
    return (
        '<html><body><table border=0><tr><td style="background:#910A19"></td><td><p class=MsoNormal><b>EXTERNAL</b>: mail from outside the company, be careful.</p></td></tr></table>'
        f"<div class=WordSection1>{word_html(body)}{word_html('')}{word_html('Saludos cordiales,')}{word_html('')}{word_html(rng.choice(PEOPLE))}{word_html('Departamento de Compras')}{word_html('')}"
        f"{word_html('AVISO LEGAL:')}{word_html(DISCLAIMERS['es'])}{word_html('')}{word_html(DISCLAIMERS['en'])}</div></body></html>"
    )


def mixed_html(rng: random.Random, body: str) -> str:
    """Text and an answer of Gmail in French, a signature that is an image and two links."""
    lines = "".join(f"<p>{indented_html(line) or '&nbsp;'}</p>" for line in body.split("\n"))
    return (
        f'{lines}<p>Bien à vous,</p><p>{escape(rng.choice(PEOPLE))}<br><a href="https://example.com">example.com</a> | <a href="https://example.com/map">Plan</a></p>'
        '<div class="gmail_quote"><div>Le lun. 4 mars 2024 à 10:15, Desk &lt;<a href="mailto:desk@example.org">desk@example.org</a>&gt; a écrit&nbsp;:</div>'
        "<blockquote><p>Bonjour,</p><p>le café est prêt.</p></blockquote></div>"
    )


def interleaved(rng: random.Random, body: str) -> str:
    """The message stands between two quoted pieces."""
    return (
        f"On {rng.randint(10, 28)}/03/2024 10:15, Desk wrote:\n> What happens?\n\n{body}\n\nAm {rng.randint(10, 28)}.03.2024 um 10:15 schrieb Desk:\n> Wer ist da?\n>\n> Desk\n\n--\n"
        f"{rng.choice(PEOPLE)}"
    )


def dutch_italian(rng: random.Random, body: str) -> str:
    return rng.choice(
        (
            f"{body}\n\nMet vriendelijke groeten,\nJan Jansen\nApplicatiebeheer\nM: +31 6 1234 5678\n\nVan: Desk <desk@example.org>\nVerzonden: maandag 4 maart 2024\nAan: Jan\nOnderwerp: Koffie\n\nKlaar.",
            f"{body}\n\nCordialmente\nGiulia Rossi\nUfficio Acquisti\n\nDa: Desk [mailto:desk@example.org]\nInviato: lunedì 4 marzo 2024\nA: Giulia\nOggetto: Caffè\n\nPronto.",
        )
    )


SHAPES += (
    *(thunderbird, iphone, wrapped, proton, yahoo, northern, answered_html, apple_html, helpdesk_html, notes),
    *(sloppy, lotus),
)
HELD_OUT: tuple[Shape, ...] = (flattened, banner_html, mixed_html, interleaved, dutch_italian)
