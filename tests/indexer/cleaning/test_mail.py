"""The message of a mail, apart from what it quotes and its signature."""

import pytest

from indexer.cleaning import Message, message_of

_SIGNED = "Kind regards\nBob Smith\nExample Inc.\nTel: +49 30 1234567"


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, Mar 4, 2024 at 10:15 AM Ann Lee <ann@example.com> wrote:\n> Hello\n>\n> Which version?",
        "On Mon, Mar 4, 2024 at 10:15 AM Ann Lee\n<ann@example.com> wrote:\n> Hello",
        "Am 04.03.24 um 10:15 schrieb Ann Lee:\n> Hallo",
        "Le lun. 4 mars 2024 à 10:15, Ann Lee <ann@example.com> a écrit :\n> Bonjour",
        "El lun, 4 mar 2024 a las 10:15, Ann Lee (<ann@example.com>) escribió:\n\n> Hola",
        "Il giorno lun 4 mar 2024 alle ore 10:15 Ann Lee <ann@example.com> ha scritto:\n> Ciao",
        "Em seg., 4 de mar. de 2024 às 10:15, Ann Lee <ann@example.com> escreveu:\n> Oi",
        "Op ma 4 mrt 2024 om 10:15 schreef Ann Lee <ann@example.com>:\n> Hallo",
        "On Monday, March 4, 2024 at 10:15:00 AM GMT+1, Ann <ann@example.com> wrote:\n\nHello\n\nWhich version?",
        "Ann Lee <ann@example.com> schrieb am Mi., 4. März 2024, 10:15:\n\nHallo",
        "> On 4 Mar 2024, at 10:15, Ann Lee <ann@example.com> wrote:\n> \n> 100 %",
        "-----Original Message-----\nFrom: Ann\n\nHello",
        "-----Ursprüngliche Nachricht-----\nHallo",
        "________________________________\nFrom: Ann Lee <ann@example.com>\nSent: Monday\nTo: Help\nSubject: x\n\nHello",
        "Von: Ann Lee\nGesendet: Montag, 4. März 2024 10:15\nAn: Help\nBetreff: AW: x\n\nHallo",
        "De : Ann Lee\nEnvoyé : lundi\nÀ : Help\nObjet : RE: x\n\nBonjour",
        "*From:* Ann Lee\n*Sent:* Monday\n*To:* Help\n*Subject:* x\n\nHello",
        "Von: Ann Gesendet: Montag, 4. März An: Help Betreff: AW: x Hallo",
    ],
)
def test_quotation(quoted: str) -> None:
    """What mail programs of several languages quote is set apart, and the signature above it too."""
    assert message_of(f"It fails.\n\n{_SIGNED}\n\n{quoted}") == Message("It fails.", quoted, _SIGNED)


@pytest.mark.parametrize(
    "signature",
    [
        _SIGNED,
        "Kind regards,\n\nBob Smith\nHead of IT\n\nExample Inc.\n5 High Street\nPhone: 030 1234567\nwww.example.com",
        "-- \nBob Smith\nanything at all, as a mail program wrote the line above",
        "--\nBob Smith\nSupport",
        "Mit freundlichen Grüßen\n\ni.A. Max Muster\nLeiter IT",
        "Cordialement,\nChloé Dubois",
        "Un saludo,\nDiego",
        "Cordiali saluti,\nGiulia Rossi",
        "Atenciosamente,\nJoão Pereira",
        "Met vriendelijke groet,\nPieter de Vries",
        "Thanks in advance,\nBob",
        "MfG\nMax Muster",
        "Mit freundlichem Gruß / Best regards\n\nMax Muster",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Viele Grüße\nMax\n\nGesendet von Outlook für Android",
        "Regards,\nBob\n\nThis e-mail is confidential and intended for the addressee only. If you are not the intended recipient, delete it.",
        "Regards,\nBob\n\nDiese E-Mail ist vertraulich. Sind Sie nicht der Adressat, vernichten Sie sie.\n\nExample GmbH, Sitz Berlin, HRB 1",
        "Regards,\nBob\n\nThe information in this e-mail is confidential and may\nbe privileged. If you are not the intended recipient,\ndelete it.",
        "Regards,\nBob\n\nPlease consider the environment before printing this e-mail.",
    ],
)  # fmt: skip
def test_signature(signature: str) -> None:
    """Closing, name, contact data and disclaimers are set apart."""
    assert message_of(f"It fails.\n\n{signature}") == Message("It fails.", "", signature)


@pytest.mark.parametrize(
    "text",
    [
        "$ npm run build\n> app@1.0.0 build\n> webpack --mode production\n\nERR! failed",
        "Output:\n\n> curl -v http://example.com\n> GET / HTTP/1.1",
        ">>> import app\n>>> app.run()\nTraceback",
        "The server wrote:\n> disk full\n> rebooting now please wait\nand died.",
        "On 2024-03-02 at 10:15 the server wrote:\nERROR disk full",
        "Am Montag um 10:15 schrieb der Dienst ins Log:\nFehler 5",
        "when I reply, the line is\n\nOn 3 March 2024, Bob Smith wrote:\n\nwith the wrong date",
        "I got this:\n\nReceived: from a\nFrom: a@example.com\nDate: Mon\nTo: b@example.com\nSubject: x\n\nand it crashed",
        "From: cache\nTo: disk\ncopy fails",
        "FYI\n\n---------- Forwarded message ---------\nFrom: A\nDate: Mon\n\nThe printer is broken.",
        "Thanks,\nbut it still fails when I save.",
        "It crashes.\n\nRegards,\nBob\n\nPS: it also fails on Friday with error 500",
        "It crashes.\n\nThanks,\nBob\n\nError code 5",
        "It crashes.\n\nThanks,\nBob\nVersion 5.2\nWindows 11",
        "It crashes.\n\nThanks,\nBob\n\nForgot to say\nonly in Chrome",
        "It crashes.\n\nThanks,\nBob\nThe mobile app shows a wrong VAT in the office as well",
        "It crashes.\n\nThanks,\nBob\nsee the log at https://example.com/log",
        "It fails since the update.\n\nBest regards,\nsupport does not answer",
        "Tested on:\nLG Optimus V\nAndroid 2.3",
        "Steps:\n- open\n- save\n-- \n- crash",
        "Hi\n--\nSELECT 1;\n--\nSELECT 2;",
        "Sent from my iPhone is added twice to the text of each mail",
        "Deleting a confidential message does not notify the recipient.",
        "```\nOn Mon, Mar 4, 2024 at 10:15 AM Ann <a@example.com> wrote:\n> x\n\nRegards,\nBob\n```",
        "On Mon, Mar 4, 2024 at 10:15 AM Ann <a@example.com> wrote:\n> nothing but a quotation",
        "Kind regards\nBob Smith",
        "Danke",
        "",
        "\n\n",
    ],
)
def test_what_may_be_the_message_stays(text: str) -> None:
    """A shell's prompt, a log, a forwarded mail and text under a closing come back to the character."""
    assert message_of(text) == Message(text)


def test_answer_below_a_quotation() -> None:
    """What stands under a quotation with marks is the message, and above it as well."""
    quoted = "On Mon, Mar 4, 2024 at 10:15 AM Ann <a@example.com> wrote:\n> Which version?"
    assert message_of(f"Hello,\n\n{quoted}\n\nVersion 5.\n\n-- \nBob").text == "Hello,\n\n\nVersion 5."


def test_warning_of_the_mail_server() -> None:
    """The line that a company's mail server puts above mail from elsewhere is set apart."""
    warning = "CAUTION: This email originated from outside of the organization. Do not click links."
    assert message_of(f"{warning}\n\nIt fails.") == Message("It fails.", "", warning)
