"""Mails around real messages, as mail programs of several languages write them: made up, from a seed.

Rules of the cleaning were written or changed for `SHAPES`. `HELD_OUT` were written afterwards, and no rule has been changed
for them.
"""

import random
import re
import textwrap
from collections.abc import Callable
from html import escape

__all__ = ["HELD_OUT", "SHAPES", "Shape"]

Shape = Callable[[random.Random, str], str]
"""Puts a mail around a message."""

_PEOPLE = (
    "Anna Schmidt",
    "Bob O'Neill",
    "Chloé Dubois",
    "Diego García",
    "Giulia Rossi",
    "João Pereira",
    "Pieter de Vries",
)
_FIRMS = (
    "Example GmbH",
    "Acme Inc.",
    "Exemple SA",
    "Ejemplo S.L.",
    "Esempio S.p.A.",
    "Exemplo Lda",
    "Voorbeeld B.V.",
)
_TITLES = (
    "Support Engineer",
    "Leiterin IT",
    "Head of Operations",
    "Responsable technique",
    "Administrador de sistemas",
)

_CLOSINGS = {
    "en": (
        "Best regards,",
        "Kind regards",
        "Thanks,",
        "Cheers,",
        "Many thanks and best regards,",
        "Sincerely,",
    ),
    "de": (
        "Mit freundlichen Grüßen",
        "Viele Grüße",
        "Beste Grüße,",
        "Freundliche Grüße",
        "Vielen Dank,",
        "MfG",
    ),
    "fr": ("Cordialement,", "Bien cordialement,", "Merci d'avance,"),
    "es": ("Saludos cordiales,", "Un saludo,", "Muchas gracias,"),
    "it": ("Cordiali saluti,", "Distinti saluti", "Grazie mille,"),
    "pt": ("Atenciosamente,", "Obrigado,", "Cumprimentos,"),
    "nl": ("Met vriendelijke groet,", "Groeten,", "Alvast bedankt,"),
}
_DISCLAIMERS = {
    "en": (
        "This e-mail and any attachments are confidential and intended solely for the addressee. If you are not the intended "
        "recipient, please notify the sender and delete this message. Any unauthorised copying is prohibited."
    ),
    "de": (
        "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder diese E-Mail "
        "irrtümlich erhalten haben, informieren Sie bitte sofort den Absender und vernichten Sie diese Mail. Das unerlaubte "
        "Kopieren sowie die unbefugte Weitergabe dieser Mail ist nicht gestattet."
    ),
    "fr": (
        "Ce message et ses pièces jointes sont confidentiels et établis à l'intention exclusive de leurs destinataires. Si "
        "vous avez reçu ce message par erreur, merci de le supprimer et d'en avertir l'expéditeur."
    ),
    "es": (
        "Este mensaje y sus anexos son confidenciales y van dirigidos exclusivamente a su destinatario. Si ha recibido este "
        "correo por error, le rogamos que lo elimine y lo notifique al remitente."
    ),
    "it": (
        "Questo messaggio è riservato ed è indirizzato esclusivamente al destinatario. Se avete ricevuto questa e-mail per "
        "errore, vi preghiamo di cancellarla e di avvisare il mittente."
    ),
    "pt": (
        "Esta mensagem é confidencial e destina-se exclusivamente ao destinatário. Se recebeu este e-mail por engano, por "
        "favor apague-o e notifique o remetente."
    ),
    "nl": (
        "Dit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde. Indien u deze e-mail abusievelijk hebt "
        "ontvangen, verzoeken wij u deze te verwijderen en de afzender te informeren."
    ),
}
_SENT_FROM = {
    "en": ("Sent from my iPhone", "Get Outlook for iOS", "Sent from Mail for Windows"),
    "de": ("Von meinem iPhone gesendet", "Gesendet von Outlook für Android", "Gesendet mit der GMX Mail App"),
    "fr": ("Envoyé de mon iPhone",),
    "es": ("Enviado desde mi iPhone",),
    "it": ("Inviato da iPhone",),
    "pt": ("Enviado do meu iPhone",),
    "nl": ("Verzonden vanaf mijn iPhone",),
}
_WROTE = {
    "en": "On Mon, Mar {day}, 2024 at {hour}:15 AM {name} <{mail}> wrote:",
    "de": "Am Mo., {day}. März 2024 um {hour}:15 Uhr schrieb {name} <{mail}>:",
    "fr": "Le lun. {day} mars 2024 à {hour}:15, {name} <{mail}> a écrit :",
    "es": "El lun, {day} mar 2024 a las {hour}:15, {name} (<{mail}>) escribió:",
    "it": "Il giorno lun {day} mar 2024 alle ore {hour}:15 {name} <{mail}> ha scritto:",
    "pt": "Em seg., {day} de mar. de 2024 às {hour}:15, {name} <{mail}> escreveu:",
    "nl": "Op ma {day} mrt 2024 om {hour}:15 schreef {name} <{mail}>:",
}
_HEADERS = {
    "en": "From: {name} <{mail}>\nSent: Monday, March {day}, 2024 {hour}:15 AM\nTo: Helpdesk <help@example.org>\nSubject: RE: Ticket 4711",
    "de": "Von: {name} <{mail}>\nGesendet: Montag, {day}. März 2024 {hour}:15\nAn: Helpdesk <help@example.org>\nBetreff: AW: Ticket 4711",
    "fr": "De : {name} <{mail}>\nEnvoyé : lundi {day} mars 2024 {hour}:15\nÀ : Helpdesk <help@example.org>\nObjet : RE: Ticket 4711",
    "es": "De: {name} <{mail}>\nEnviado: lunes, {day} de marzo de 2024 {hour}:15\nPara: Helpdesk <help@example.org>\nAsunto: RE: Ticket 4711",
    "it": "Da: {name} <{mail}>\nInviato: lunedì {day} marzo 2024 {hour}:15\nA: Helpdesk <help@example.org>\nOggetto: R: Ticket 4711",
    "pt": "De: {name} <{mail}>\nEnviada: segunda-feira, {day} de março de 2024 {hour}:15\nPara: Helpdesk <help@example.org>\nAssunto: RE: Ticket 4711",
    "nl": "Van: {name} <{mail}>\nVerzonden: maandag {day} maart 2024 {hour}:15\nAan: Helpdesk <help@example.org>\nOnderwerp: RE: Ticket 4711",
}
_ORIGINAL = {
    "en": "-----Original Message-----",
    "de": "-----Ursprüngliche Nachricht-----",
    "fr": "-----Message d'origine-----",
    "es": "-----Mensaje original-----",
    "it": "-----Messaggio originale-----",
    "pt": "-----Mensagem original-----",
    "nl": "-----Oorspronkelijk bericht-----",
}
_EARLIER = (
    """Dear customer,

thank you for your mail. Which version of the coffee machine do you use, and since when does the pump make this noise?

Please send us a photo of the label.

Kind regards
Your service team""",
    """Guten Tag,

vielen Dank für Ihre Anfrage. Bitte teilen Sie uns die Kundennummer und das Datum der Lieferung mit, damit wir den Karton suchen können.

Mit freundlichen Grüßen
Ihr Serviceteam""",
    """Hi,

we moved your appointment with the gardener to Thursday afternoon. He brings the new hedge and two bags of soil.

Thanks
Maria""",
)


def _language(rng: random.Random) -> str:
    return rng.choice(list(_CLOSINGS))


def _who(rng: random.Random, pattern: str) -> str:
    name = rng.choice(_PEOPLE)
    mail = name.lower().replace(" ", ".").replace("'", "") + "@example.com"
    return pattern.format(name=name, mail=mail, day=rng.randint(1, 28), hour=rng.randint(10, 12))


def _signed(rng: random.Random, language: str) -> str:
    lines = [rng.choice(_CLOSINGS[language]), *([""] if rng.random() < 0.3 else []), rng.choice(_PEOPLE)]
    if rng.random() < 0.7:
        phone = f"{rng.choice(('Tel.', 'Phone:', 'T:', 'Mobil:'))} +49 30 {rng.randint(1000000, 9999999)}"
        lines += [rng.choice(_TITLES), rng.choice(_FIRMS), phone, "www.example.com"][: rng.randint(1, 4)]
    return "\n".join(lines)


def signature(rng: random.Random, body: str) -> str:
    return f"{body}\n\n{_signed(rng, _language(rng))}"


def delimiter(rng: random.Random, body: str) -> str:
    return f"{body}\n\n-- \n{rng.choice(_PEOPLE)}\n{rng.choice(_TITLES)}, {rng.choice(_FIRMS)}\nHauptstr. 5, 10115 Berlin\n"


def disclaimer(rng: random.Random, body: str) -> str:
    first, second = rng.sample(list(_DISCLAIMERS), 2)
    texts = [_DISCLAIMERS[first], *([_DISCLAIMERS[second]] if rng.random() < 0.3 else [])]
    return "\n\n".join([body, _signed(rng, first), *texts])


def phone(rng: random.Random, body: str) -> str:
    return f"{body}\n\n{rng.choice(_SENT_FROM[_language(rng)])}"


def gmail(rng: random.Random, body: str) -> str:
    language = _language(rng)
    earlier = "\n".join(f"> {line}".rstrip() for line in rng.choice(_EARLIER).split("\n"))
    intro = _who(rng, _WROTE[language])
    if rng.random() < 0.4:
        intro = intro.replace(" <", "\n<", 1)
    return f"{signature(rng, body)}\n\n{intro}\n\n{earlier}\n"


def below(rng: random.Random, body: str) -> str:
    earlier = "\n".join(f"> {line}".rstrip() for line in rng.choice(_EARLIER).split("\n"))
    return f"{_who(rng, _WROTE[_language(rng)])}\n{earlier}\n\n{signature(rng, body)}"


def outlook(rng: random.Random, body: str) -> str:
    language = _language(rng)
    rule = rng.choice((_ORIGINAL[language], "_" * 32, ""))
    quoted = f"{rule}\n{_who(rng, _HEADERS[language])}\n\n{rng.choice(_EARLIER)}".strip("\n")
    return f"{body}\n\n{_signed(rng, language)}\n\n{_DISCLAIMERS[language]}\n\n{quoted}\n"


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return "&nbsp;" * (len(line) - len(text)) + escape(text)


def _word(text: str) -> str:
    paragraphs = (_indented(line) if line.strip() else "<o:p>&nbsp;</o:p>" for line in text.split("\n"))
    return "".join(
        f"<p class=MsoNormal><span lang=EN-US style='font-size:11.0pt;font-family:\"Calibri\",sans-serif'>{paragraph}<o:p></o:p></span></p>\n"
        for paragraph in paragraphs
    )


def outlook_html(rng: random.Random, body: str) -> str:
    language = _language(rng)
    fields = (escape(line).split(":", 1) for line in _who(rng, _HEADERS[language]).split("\n"))
    header = "<br>\n".join(f"<b>{label}:</b>{value}" for label, value in fields)
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta name=Generator content="Microsoft Word 15">'
        "<!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]--><style><!-- p.MsoNormal {margin:0cm;} --></style>"
        '<!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit" spidmax="1026" /></xml><![endif]--></head>'
        f"<body lang=EN-US link=blue><div class=WordSection1>{_word(body)}{_word('')}{_word(_signed(rng, language))}{_word('')}"
        f"{_word(_DISCLAIMERS[language])}{_word('')}"
        f"<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal>{header}<o:p></o:p></p></div>"
        f"{_word(rng.choice(_EARLIER))}</div></body></html>"
    )


def gmail_html(rng: random.Random, body: str) -> str:
    language = _language(rng)
    divs = "".join(f"<div>{_indented(line) or '<br>'}</div>" for line in body.split("\n"))
    intro = re.sub(
        r"&lt;(\S+?)&gt;", r"&lt;<a href='mailto:\1'>\1</a>&gt;", escape(_who(rng, _WROTE[language]))
    )
    earlier = escape(rng.choice(_EARLIER)).replace("\n", "<br>")
    signed = escape(_signed(rng, language)).replace("\n", "<br>")
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
        f"{body}\n\n--\n{rng.choice(_PEOPLE)}\nRechenzentrum\nDurchwahl 4711\n\nAm {day}.03.24 um 09:4{rng.randint(0, 9)} schrieb "
        f"{rng.choice(_PEOPLE)}:\n> Hallo,\n>\n> der Gärtner kommt am Freitag.\n>\n>> Wann kommt der Gärtner?\n>>\n>> Gruß\n>"
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
        f"{body}\n\n{sent}\n\n> On {rng.randint(1, 28)} Mar 2024, at 10:{rng.randint(10, 59)}, {rng.choice(_PEOPLE)} <help@example.org> wrote:\n> \n> "
        "\ufeffThe hedge was cut on Tuesday (see photo 3/4).\n> \n> Bye\n"
    )


def wrapped(rng: random.Random, body: str) -> str:
    """A disclaimer that was broken at 72 columns, under a rule."""
    text = (
        "The information contained in this communication is confidential and may be legally privileged. It is intended solely for the use of "
        "the individual or entity to whom it is addressed. If you are not the intended recipient you are hereby notified that any disclosure, "
        "copying or distribution is strictly prohibited and may be unlawful. If you have received this e-mail in error, please contact the sender."
    )
    return f"{body}\n\nWarm regards\n\n{rng.choice(_PEOPLE)}\n{'*' * 60}\n{textwrap.fill(text, 72)}\n"


def proton(rng: random.Random, body: str) -> str:
    return (
        f"{body}\n\nYours sincerely,\n{rng.choice(_PEOPLE)}\n\nSent with Proton Mail secure email.\n\nOn Monday, March {rng.randint(4, 28)}th, 2024 at 10:15 AM, "
        f"Service Desk <desk@example.org> wrote:\n\n> The coffee machine is back.\n> \n> Enjoy.\n"
    )


def yahoo(rng: random.Random, body: str) -> str:
    """Yahoo quotes without marks."""
    return (
        f"{body}\n\nRegards,{rng.choice(_PEOPLE)}\n\n    On Monday, March {rng.randint(4, 28)}, 2024 at 10:15:00 AM GMT+1, Service Desk <desk@example.org> wrote:  \n \n "
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
        f'<div class="elementToProof" style="font-family: Aptos">{_indented(line) or "<br>"}</div>'
        for line in body.split("\n")
    )
    return (
        f'<html><head><style type="text/css" style="display:none;"> P {{margin-top:0;margin-bottom:0;}} </style></head><body dir="ltr">{lines}<div class="elementToProof"><br></div>'
        f'<div id="Signature"><p>Kind regards</p><table><tbody><tr><td><img src="cid:logo" alt="Logo"></td><td><b>{escape(rng.choice(_PEOPLE))}</b><br>IT<br>'
        'P: <a href="tel:+4930123">+49 30 123 456</a></td></tr></tbody></table></div><div id="appendonsend"></div><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>From:</b> Desk &lt;desk@example.org&gt;<br><b>Sent:</b> Monday, March {rng.randint(4, 28)}, 2024 10:15<br>'
        "<b>To:</b> All &lt;all@example.org&gt;<br><b>Subject:</b> Coffee</font><div>&nbsp;</div></div><div>The coffee machine is back.</div></body></html>"
    )


def apple_html(rng: random.Random, body: str) -> str:
    """Apple Mail in HTML, with an answer below another quotation."""
    lines = "".join(f"<div>{_indented(line) or '<br>'}</div>" for line in body.split("\n"))
    return (
        f'<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body style="overflow-wrap: break-word;">{lines}<br id="lineBreakAtBeginningOfMessage">'
        f'<div><span class="Apple-interchange-newline">Beste Grüße</span><div>{escape(rng.choice(_PEOPLE))}</div></div><div><br><blockquote type="cite"><div>Am {rng.randint(4, 28)}.03.2024 um 10:15 schrieb '
        'Desk &lt;<a href="mailto:desk@example.org">desk@example.org</a>&gt;:</div><br><div><p>Die Hecke ist geschnitten.</p></div></blockquote></div></body></html>'
    )


def helpdesk_html(rng: random.Random, body: str) -> str:
    """A helpdesk's own editor: line breaks only, with a warning of the mail server above."""
    lines = "<br />\n".join(_indented(line) for line in body.split("\n"))
    return (
        "<p>CAUTION: This email originated from outside of the organization. Do not click links unless you know the sender.</p>\n"
        f"<p>{lines}</p>\n<p>Cheers,<br />\n{escape(rng.choice(_PEOPLE))}<br />\nTeam Lead, Logistics<br />\nOffice: +1 555 010 9999</p>"
    )


def notes(rng: random.Random, body: str) -> str:
    """A company's footer under the signature, and Outlook's header in bold as text."""
    return (
        f"{body}\n\nFreundliche Grüße aus Hamburg\n\ni.A. {rng.choice(_PEOPLE)}\nEinkauf & Logistik\n\nBeispiel AG | Am Hafen 3 | 20457 Hamburg\nTel. 040 / 123 456-78 | Fax -79\n"
        "Vorstand: A. Muster (Vors.), B. Muster\nSitz der Gesellschaft: Hamburg, Amtsgericht Hamburg, HRB 12345\n\n"
        f"*Von:* Einkauf [mailto:einkauf@example.org]\n*Gesendet:* Montag, {rng.randint(4, 28)}. März 2024 10:15\n*An:* Alle\n*Betreff:* Kaffee\n\nDer Kaffee ist da.\n"
    )


def sloppy(rng: random.Random, body: str) -> str:
    """In haste: a bare closing word and a name, without blank lines."""
    return f"{body}\n{rng.choice(('Thx,', 'Rgds', 'Cheers', 'Danke & Gruß', 'Merci', 'Gracias', 'Regards'))}\n{rng.choice(('tom', 'Eva', 'K.', 'J. Doe'))}"


def flattened(rng: random.Random, body: str) -> str:
    """A helpdesk took the marks off a quotation of Apple Mail."""
    name = rng.choice(_PEOPLE)
    return f"{body}\n\nBest,\n\n{name}\n\nOn {rng.randint(1, 28)} Mar 2024, at 10:15, Desk <desk@example.org> wrote:\n\nHello {name},\n\nthe plants are watered.\n\nDesk"


def lotus(rng: random.Random, body: str) -> str:
    return (
        f"{body}\n\nMit freundlichem Gruß / Best regards\n\n{rng.choice(_PEOPLE)}\nAbt. E4 - Instandhaltung\n\n-----Ursprüngliche Nachricht-----\nVon: Desk\n"
        f"Gesendet: {rng.randint(10, 28)}.03.2024 10:15\nAn: Alle\nBetreff: Kaffee\n\nDer Kaffee ist da.\n\nDesk\n"
    )


def banner_html(rng: random.Random, body: str) -> str:
    """A warning in a table above Word's HTML, and a disclaimer in Spanish and English below."""
    return (
        '<html><body><table border=0><tr><td style="background:#910A19"></td><td><p class=MsoNormal><b>EXTERNAL</b>: mail from outside the company, be careful.</p></td></tr></table>'
        f"<div class=WordSection1>{_word(body)}{_word('')}{_word('Saludos cordiales,')}{_word('')}{_word(rng.choice(_PEOPLE))}{_word('Departamento de Compras')}{_word('')}"
        f"{_word('AVISO LEGAL:')}{_word(_DISCLAIMERS['es'])}{_word('')}{_word(_DISCLAIMERS['en'])}</div></body></html>"
    )


def mixed_html(rng: random.Random, body: str) -> str:
    """Text and an answer of Gmail in French, a signature that is an image and two links."""
    lines = "".join(f"<p>{_indented(line) or '&nbsp;'}</p>" for line in body.split("\n"))
    return (
        f'{lines}<p>Bien à vous,</p><p>{escape(rng.choice(_PEOPLE))}<br><a href="https://example.com">example.com</a> | <a href="https://example.com/map">Plan</a></p>'
        '<div class="gmail_quote"><div>Le lun. 4 mars 2024 à 10:15, Desk &lt;<a href="mailto:desk@example.org">desk@example.org</a>&gt; a écrit&nbsp;:</div>'
        "<blockquote><p>Bonjour,</p><p>le café est prêt.</p></blockquote></div>"
    )


def interleaved(rng: random.Random, body: str) -> str:
    """The message stands between two quoted pieces."""
    return (
        f"On {rng.randint(10, 28)}/03/2024 10:15, Desk wrote:\n> What happens?\n\n{body}\n\nAm {rng.randint(10, 28)}.03.2024 um 10:15 schrieb Desk:\n> Wer ist da?\n>\n> Desk\n\n--\n"
        f"{rng.choice(_PEOPLE)}"
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
