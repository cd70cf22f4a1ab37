"""What mail programs and writers of mails put around a message, in the languages that are known.

English, German, French, Spanish, Italian, Portuguese and Dutch; of other languages what their mail programs write.
Each is a piece of a regular expression; another language is a few more words in each.
"""

__all__ = [
    "CLOSING",
    "CONTACT",
    "DISCLAIMER",
    "FROM",
    "LEAD",
    "LEGAL",
    "NOTICE",
    "ORIGINAL",
    "OUTSIDE",
    "PARTICLE",
    "REPLY_ABOVE",
    "SENT",
    "SENT_FROM",
    "SHORT_CLOSING",
    "STREET",
    "SUBJECT",
    "TO",
    "WROTE",
]

# The line above a quotation: a word that leads to the date, and the verb beside the name of who wrote it.
LEAD = r"On|Am|Le|El|Il|Em|No dia|Op|Den|På|W dniu|Dnia|Dne"
WROTE = (
    r"wrote|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|heeft (?:het volgende )?geschreven|skrev|napisała?"
    r"|pisze|napsala?"
)

# The lines above a quoted mail in Outlook and its like.
FROM = r"From|Von|De|Da|Van|Från|Fra|Od|Exp[ée]diteur|Remitente|Mittente|Remetente|Afzender"
SENT = (
    r"Sent|Date|Gesendet|Datum|Envoyé(?: le)?|Enviad[oa](?: el| em)?|Fecha|Inviat[oa](?: il)?|Data|Verzonden|Skickat|Sendt"
    r"|Dato|Wysłano"
)
TO = r"To|An|À|A|Para|Pour|Aan|Till|Til|Do|Cc|Kopie|Destinatario|Destinataire"
SUBJECT = r"Subject|Betreff|Objet|Sujet|Asunto|Oggetto|Assunto|Onderwerp|Ämne|Emne|Temat"
ORIGINAL = (
    r"Original (?:Message|Appointment)|Original[- ]?Nachricht|Ursprüngliche Nachricht|Message d['\u2019]origine|Mensaje original"
    r"|Messaggio originale|Mensagem original|Oorspronkelijk bericht|Ursprungligt meddelande|Oprindelig meddelelse"
    r"|Wiadomość oryginalna"
)

CLOSING = (
    r"(?:with |mit |con |met )?(?:my |our |very |many |thanks and |thank you and )?"
    r"(?:(?:best|kind|kindest|warm|warmest)(?: (?:regards|wishes))?|regards|cheers|(?:yours )?sincerely|yours (?:faithfully|truly)"
    r"|all the best|many thanks|thanks|thank you|thx|rgds"
    r"|freundlichen? grü(?:ß|ss)en?|freundlichem gru(?:ß|ss)|(?:viele|beste|liebe|schöne|herzliche|freundliche)n? grü(?:ß|ss)e|(?:schönen |lieben |besten )?gru(?:ß|ss)"
    r"|vielen dank|danke(?: schön)?|besten dank|herzlichen dank"
    r"|(?:bien )?cordialement|(?:sincères |meilleures )?salutations|bien à vous|(?:bonne|belle) (?:journée|soirée|réception)|merci(?: d['\u2019]avance| beaucoup)?"
    r"|(?:un )?(?:cordial )?saludos?(?: cordial(?:es)?)?|atentamente|cordialmente|(?:muchas )?gracias"
    r"|(?:cordiali |distinti )?saluti|grazie(?: mille)?"
    r"|atenciosamente|att\.|(?:com os melhores |melhores )?cumprimentos|abraços|(?:muito )?obrigad[oa]"
    r"|(?:vriendelijke|hartelijke) groet(?:en)?|groet(?:en|jes)?|(?:alvast |hartelijk )?bedankt|dank u"
    r"|(?:med )?vänlig(?:a)? hälsning(?:ar)?|(?:med )?venlig hilsen|hilsen|pozdrawiam|z poważaniem)"
    r"(?: (?:so much|very much|a lot|again|in advance|and (?:best |kind )?regards|for your (?:help|support|time)"
    r"|im voraus|für ihre hilfe|pour votre aide|por su ayuda|de antemano|in anticipo|per l['\u2019]aiuto|pela ajuda|bij voorbaat))*"
)
"""A line that closes a mail; a name comes behind it."""
SHORT_CLOSING = r"best|mfg|lg|vg|mvg|mvh|br"
"""The same, which in the middle of a text may be anything, such as a maker of telephones."""

PARTICLE = r"van|der|den|de|da|di|del|della|la|le|von|zu|zum|und|and|dos|do|y|ter|ten|el|al|aus|i\.A\.|i\.V\."

SENT_FROM = (
    r"(?:Sent (?:from|via|with|using)|Get Outlook for|Gesendet (?:von|mit|über|aus)|Diese Nachricht wurde von"
    r"|Von meine[mr] .{2,40} gesendet|Envoyé (?:de|depuis|à partir)|Enviado (?:desde|do|a partir|através)"
    r"|Obtener Outlook|Télécharger Outlook|Inviato (?:da|dal)|Scarica Outlook|Obter o Outlook|Holen Sie sich Outlook"
    r"|Outlook für|Verzonden (?:met|van|vanaf|via)|Verstuurd vanaf|Download Outlook|Outlook voor"
    r"|Skickat från|Sendt fra|Wysłane? z|Odesláno z)\b.{0,100}"
)

CONTACT = (
    r"(?:\+|\b00)\d[\d ()./-]{6,}|\b(?:tel|tlf|phone|mobile?|mob|m|t|fax|cell|office|telefon|telefoon|téléphone|teléfono|tél"
    r"|handy|telefono|telemóvel)\b[.: ]{1,3}[+(\d]|\S [|·•] \S"
    r"|^(?:vorstand|geschäftsführ\w*|aufsichtsrat\w*|managing directors?|directors?)\b.{0,20}:"
)
"""What a line with contact data has."""
STREET = r"\w(?:str\.|straße|strasse|gasse|weg|platz|allee|straat|laan)|\b(?:street|road|avenue|rue|via|calle|rua)\b"
LEGAL = (
    r"\b(?:registered|company no|vat|sitz|geschäftsführ\w*|vorstand|amtsgericht|handelsregister|hrb|ust|siret|rcs|siren"
    r"|p\.? ?iva|partita iva|kvk|btw|cif|nif|nipc)\b"
)
"""What a line with the data that a company must give has."""

DISCLAIMER = (
    r"confiden|privileged|vertraulich|riservat|vertrouwelijk|konfident|fortrolig|poufn",
    r"recipient|addresse|intended|empfänger|adressat|bestimmt|destinat|dirigid|geadresseerde|bestemd|indirizz|mottagare|modtager",
    (
        r"delet|destroy|notify|advise|unauthori|disclos|distribut|prohibited|lösch|vernicht|unterricht|informier|unbefugt"
        r"|gestattet|supprim|détrui|interdit|avert|elimin|borr|notifi|prohib|destru|cancell|distrugg|avvis|vietat|apag"
        r"|proibid|verwijder|vernietig|verboden|radera|slette"
    ),
    r"e-?mail|message|nachricht|mensaje|messaggio|mensagem|bericht|courriel|correo|meddel|wiadomo",
    r"in error|by mistake|not the intended|irrtüm|fehler|par erreur|por error|per errore|por engano|por erro|abusievelijk|ten onrechte",
)
"""Five things that legal disclaimers say; four of them in one paragraph make one."""

NOTICE = (
    r"(?:confidentiality|legal|privacy)? ?(?:notice|disclaimer)|vertraulichkeitshinweis|haftungsausschluss|rechtlicher hinweis"
    r"|avis de confidentialité|aviso (?:legal|de confidencialidad(?:e)?)|avviso di riservatezza|vertrouwelijkheid"
)
"""A line above a disclaimer."""

OUTSIDE = (
    r"(?:caution|warning|external|achtung|vorsicht|attention|atención|precaución|attenzione|atenção|let op|extern\w*)\b.{0,60}"
    r"(?:outside|external|extern|außerhalb|extérieur|fuera|esterno|fora d|buiten)"
)
"""How a company's mail server warns of mail from elsewhere, above the message."""
REPLY_ABOVE = (
    r"(?:please )?(?:type|write) your reply above this line|reply above this line"
    r"|bitte (?:schreiben|geben) sie ihre antwort (?:über|oberhalb)|antworten sie über dieser linie"
    r"|merci de (?:saisir|taper) votre réponse au-dessus|(?:por favor,? )?escriba su respuesta por encima"
)
"""How a helpdesk marks where an answer belongs."""
