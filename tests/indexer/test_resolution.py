"""The resolution that is drawn from a conversation."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from indexer.resolution import resolution_of
from indexer.ticket import Message

_START = datetime(2024, 3, 4, 10, tzinfo=UTC)
_ROLES: dict[str, Literal["customer", "agent", "system"]] = {"C": "customer", "A": "agent", "S": "system"}


def _thread(text: str) -> list[Message]:
    """Read a conversation, one message a line, an hour apart: ``A: …`` is an agent's; ``/`` is a line break in it."""
    rows = [line.split(": ", 1) for line in text.strip().split("\n")]
    return [
        Message(
            author=_ROLES[role.strip()], text=said.replace(" / ", "\n"), at=_START + timedelta(hours=hour)
        )
        for hour, (role, said) in enumerate(rows)
    ]


def _drawn(thread: list[Message], solved_at: datetime | None = None) -> int:
    """Return the index of the message that is taken."""
    found = resolution_of(thread, solved_at=solved_at)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("C: Printing fails.\nA: Please reinstall the driver from the portal.\nC: Works!\nA: Glad to hear it works!", 1),
        ("C: 401 on all calls.\nA: The running instances still hold the old key, restart them.\nA: Thanks, closing.", 1),
        ("C: No mail.\nA: I have reset your mailbox quota to 20 GB.\nA: Closing due to inactivity.", 1),
        ("C: VPN drops.\nA: Could you send the log?\nC: Here.\nA: Set the MTU to 1300 in the client, that ends the drops.\nS: Status: Solved", 3),
        ("C: Slow.\nA: We added an index on orders.created_at.\nC: Thanks!\nA: You're welcome! Have a nice day.", 1),
        ("C: Hi, it crashes.\nA: Hi Bob, / thanks for your patience, I have restarted the gateway and it is stable now.\nA: Fixed", 1),
        ("C: Broken.\nA: Closing this ticket as the new certificate has been installed on the gateway.", 1),
        ("C: x\nA: Glad to hear it works! The cause was the expired certificate; I renewed it until 2026.", 1),
        ("C: Login loop.\nA: Could you please clear the cookies of the site and try again?\nC: That did it.\nA: Great, closing this.", 1),
        ("C: Login loop.\nA: Clear the cookies.\nA: Clear the cookies of portal.example.com and log in again.\nA: This ticket has been marked as resolved.", 2),
        ("C: Error 5.\nA: First idea: reboot the server tonight.\nC: Still not working.\nA: Replace the disk in slot 3, it has bad sectors.\nA: Done.", 3),
        ("C: Export is empty.\nA: Upgrade to 5.2, where the export is fixed.\nA: We haven't heard back from you, so we close this. Feel free to reopen.", 1),
        ("C: Drucker geht nicht.\nA: Bitte installieren Sie den Treiber aus dem Portal neu.\nC: Danke!\nA: Freut mich, dass es wieder geht!", 1),
        ("C: Kein WLAN.\nA: Hallo Frau Klein, / ich habe den Access Point neu gestartet, die Verbindung steht wieder. / Viele Grüße / Max\nA: Ticket wird geschlossen.", 1),
        ("C: Kein Zugriff.\nA: Ihr Konto war gesperrt, ich habe es entsperrt.\nA: Da wir keine Rückmeldung erhalten haben, wird das Ticket geschlossen.", 1),
        ("C: Rechnung fehlt.\nA: Danke, ich habe die Rechnung 4711 neu erzeugt und verschickt.\nC: Angekommen.\nA: Gern geschehen. Schönen Tag noch!", 1),
        ("C: Langsam.\nA: Können Sie uns das Log schicken?\nC: Anbei.\nA: Bitte erhöhen Sie innodb_buffer_pool_size auf 8 GB.\nA: Erledigt.", 3),
        ("C: Fehler 500.\nA: Ich leite das an die Entwicklung weiter.\nA: Der Fehler war ein fehlender Index, er ist jetzt angelegt.\nA: Behoben", 2),
        ("C: x\nA: Run `ferry restart --all` on the node.\nS: The ticket was closed automatically.", 1),
        ("C: x\nA: Raise the limit in php.ini: / ``` / upload_max_filesize = 64M / ```", 1),
        ("C: x\nA: I raised the memory limit of the worker to 4 GB.\nA: Let us know if you need anything else.", 1),
        ("C: x\nA: Bei diesem Problem hilft ein Neustart des Routers.\nA: Bei weiteren Fragen melden Sie sich gerne.", 1),
        ("C: x\nA: If the problem occurs again, delete the folder cache and restart.\nA: Marking this as solved.", 1),
        ("C: x\nA: Ignore the warning, it is only shown on the first start.\nC: Jetzt geht es, es lag nicht am Router.", 1),
    ],
)  # fmt: skip
def test_last_message_that_says_what_to_do(text: str, index: int) -> None:
    """Thanks, notes of closing, promises and words of status behind it are passed over."""
    assert _drawn(_thread(text)) == index


@pytest.mark.parametrize(
    "text",
    [
        "C: It fails.\nC: Solved it myself, thanks.",
        "C: It fails.\nS: Closed automatically after 14 days without an answer.",
        "C: It fails.\nA: Fixed",
        "C: It fails.\nA: Won't fix.",
        "C: It fails.\nA: Could you send us the log file?\nA: Closing due to inactivity.",
        "C: It fails.\nA: We are looking into it and will get back to you.\nA: This issue has been resolved.",
        "C: Es geht nicht.\nA: Wir prüfen das und melden uns.\nA: Erledigt.",
        "C: Es geht nicht.\nA: Vielen Dank für Ihre Anfrage! Wir haben Ihr Anliegen an die Entwicklung weitergeleitet.",
        "C: Fails.\nA: Reinstall the client from the portal.\nC: That did not help.\nA: Closing due to inactivity.",
        "C: Fehler.\nA: Bitte starten Sie den Rechner neu.\nC: Funktioniert leider nicht.\nA: Ticket wird geschlossen.",
    ],
)  # fmt: skip
def test_no_message_says_what_to_do(text: str) -> None:
    """Where nothing is known, nothing is made up."""
    assert resolution_of(_thread(text)) is None


def test_what_came_later_does_not_count() -> None:
    """Messages from after the ticket was solved are not what solved it; one that was stored with it is."""
    thread = _thread(
        "C: x\nA: Restart the service on both nodes.\nA: By the way, the new portal opens on Monday at nine."
    )
    assert _drawn(thread, _START + timedelta(hours=1, minutes=30)) == 1
    assert _drawn(thread, _START + timedelta(hours=1, seconds=-20)) == 1
    assert _drawn(thread) == 2


@pytest.mark.parametrize(
    "outcome", ["Won't Fix", "Wont fix", "Duplicate", "Cannot Reproduce", "Duplikat", "Ungültig"]
)
def test_an_outcome_without_a_solution(outcome: str) -> None:
    """What was not solved has no resolution, whatever was said."""
    found = resolution_of(_thread("C: x\nA: Restart the service on both nodes."), outcome=outcome)
    assert found is None


def test_the_text_is_clean() -> None:
    """Quoted mail and the signature are not part of a resolution."""
    mail = "Please restart the service on both nodes.\n\nKind regards\nMax Muster\n\nOn Mon, 4 Mar 2024 at 10:15 Bob <b@example.org> wrote:\n> It fails."
    found = resolution_of([Message(author="agent", text=mail)], outcome="Done")
    assert found == ("Please restart the service on both nodes.", 0)


def test_no_conversation() -> None:
    """A ticket without messages has no resolution."""
    assert resolution_of([]) is None
