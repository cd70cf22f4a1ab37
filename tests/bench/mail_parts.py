"""What mail programs and writers put around a message, in several languages: names, closings, headers, quoted mails."""

import random
from html import escape

__all__ = [
    "CLOSINGS",
    "DISCLAIMERS",
    "EARLIER",
    "FIRMS",
    "HEADERS",
    "ORIGINAL",
    "PEOPLE",
    "SENT_FROM",
    "TITLES",
    "WROTE",
    "any_language",
    "indented_html",
    "introduced",
    "sign_off",
    "word_html",
]

PEOPLE = (
    "Anna Schmidt",
    "Bob O'Neill",
    "Chloé Dubois",
    "Diego García",
    "Giulia Rossi",
    "João Pereira",
    "Pieter de Vries",
)
FIRMS = (
    "Example GmbH",
    "Acme Inc.",
    "Exemple SA",
    "Ejemplo S.L.",
    "Esempio S.p.A.",
    "Exemplo Lda",
    "Voorbeeld B.V.",
)
TITLES = (
    "Support Engineer",
    "Leiterin IT",
    "Head of Operations",
    "Responsable technique",
    "Administrador de sistemas",
)
CLOSINGS = {
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
DISCLAIMERS = {
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
SENT_FROM = {
    "en": ("Sent from my iPhone", "Get Outlook for iOS", "Sent from Mail for Windows"),
    "de": ("Von meinem iPhone gesendet", "Gesendet von Outlook für Android", "Gesendet mit der GMX Mail App"),
    "fr": ("Envoyé de mon iPhone",),
    "es": ("Enviado desde mi iPhone",),
    "it": ("Inviato da iPhone",),
    "pt": ("Enviado do meu iPhone",),
    "nl": ("Verzonden vanaf mijn iPhone",),
}
WROTE = {
    "en": "On Mon, Mar {day}, 2024 at {hour}:15 AM {name} <{mail}> wrote:",
    "de": "Am Mo., {day}. März 2024 um {hour}:15 Uhr schrieb {name} <{mail}>:",
    "fr": "Le lun. {day} mars 2024 à {hour}:15, {name} <{mail}> a écrit :",
    "es": "El lun, {day} mar 2024 a las {hour}:15, {name} (<{mail}>) escribió:",
    "it": "Il giorno lun {day} mar 2024 alle ore {hour}:15 {name} <{mail}> ha scritto:",
    "pt": "Em seg., {day} de mar. de 2024 às {hour}:15, {name} <{mail}> escreveu:",
    "nl": "Op ma {day} mrt 2024 om {hour}:15 schreef {name} <{mail}>:",
}
HEADERS = {
    "en": "From: {name} <{mail}>\nSent: Monday, March {day}, 2024 {hour}:15 AM\nTo: Helpdesk <help@example.org>\nSubject: RE: Ticket 4711",
    "de": "Von: {name} <{mail}>\nGesendet: Montag, {day}. März 2024 {hour}:15\nAn: Helpdesk <help@example.org>\nBetreff: AW: Ticket 4711",
    "fr": "De : {name} <{mail}>\nEnvoyé : lundi {day} mars 2024 {hour}:15\nÀ : Helpdesk <help@example.org>\nObjet : RE: Ticket 4711",
    "es": "De: {name} <{mail}>\nEnviado: lunes, {day} de marzo de 2024 {hour}:15\nPara: Helpdesk <help@example.org>\nAsunto: RE: Ticket 4711",
    "it": "Da: {name} <{mail}>\nInviato: lunedì {day} marzo 2024 {hour}:15\nA: Helpdesk <help@example.org>\nOggetto: R: Ticket 4711",
    "pt": "De: {name} <{mail}>\nEnviada: segunda-feira, {day} de março de 2024 {hour}:15\nPara: Helpdesk <help@example.org>\nAssunto: RE: Ticket 4711",
    "nl": "Van: {name} <{mail}>\nVerzonden: maandag {day} maart 2024 {hour}:15\nAan: Helpdesk <help@example.org>\nOnderwerp: RE: Ticket 4711",
}
ORIGINAL = {
    "en": "-----Original Message-----",
    "de": "-----Ursprüngliche Nachricht-----",
    "fr": "-----Message d'origine-----",
    "es": "-----Mensaje original-----",
    "it": "-----Messaggio originale-----",
    "pt": "-----Mensagem original-----",
    "nl": "-----Oorspronkelijk bericht-----",
}
EARLIER = (
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


def any_language(rng: random.Random) -> str:
    """Return one of the languages."""
    return rng.choice(list(CLOSINGS))


def introduced(rng: random.Random, pattern: str) -> str:
    """Fill a pattern of `WROTE` or `HEADERS` with somebody's name, address and time."""
    name = rng.choice(PEOPLE)
    mail = name.lower().replace(" ", ".").replace("'", "") + "@example.com"
    return pattern.format(name=name, mail=mail, day=rng.randint(1, 28), hour=rng.randint(10, 12))


def sign_off(rng: random.Random, language: str) -> str:
    """Return closing words and a name, mostly with title, firm and telephone."""
    lines = [rng.choice(CLOSINGS[language]), *([""] if rng.random() < 0.3 else []), rng.choice(PEOPLE)]
    if rng.random() < 0.7:
        phone = f"{rng.choice(('Tel.', 'Phone:', 'T:', 'Mobil:'))} +49 30 {rng.randint(1000000, 9999999)}"
        lines += [rng.choice(TITLES), rng.choice(FIRMS), phone, "www.example.com"][: rng.randint(1, 4)]
    return "\n".join(lines)


def indented_html(line: str) -> str:
    """Return a line in HTML whose indentation is kept."""
    text = line.lstrip(" ")
    return "&nbsp;" * (len(line) - len(text)) + escape(text)


def word_html(text: str) -> str:
    """Return paragraphs as Word writes them."""
    paragraphs = (indented_html(line) if line.strip() else "<o:p>&nbsp;</o:p>" for line in text.split("\n"))
    return "".join(
        f"<p class=MsoNormal><span lang=EN-US style='font-size:11.0pt;font-family:\"Calibri\",sans-serif'>{paragraph}<o:p></o:p></span></p>\n"
        for paragraph in paragraphs
    )
