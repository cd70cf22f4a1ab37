"""What an agent, a lead and an operator do with the console, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.provider import Provider
from tests.service.console.conftest import EXAMPLE, Looking
from tests.service.running import Service

pytestmark = pytest.mark.slow


def test_an_example_is_answered(looking: Looking) -> None:
    """Label with all probabilities, precedents with shared words marked, and a reply whose ids lead to them."""
    page = looking.answered()
    chosen = page.locator(".decision")
    expect(chosen.get_by_text(re.compile("probable"))).to_be_visible()
    assert chosen.get_by_role("row").count() >= 4
    shares = [int(text.rstrip("%")) for text in chosen.locator("td > span:last-child").all_inner_texts()]
    assert 97 <= sum(shares) <= 103
    assert shares == sorted(shares, reverse=True)
    cards = page.get_by_role("article")
    expect(cards).to_have_count(5)
    expect(cards.first.get_by_text("What resolved it")).to_be_visible()
    expect(cards.first.locator("mark").first).to_be_visible()
    note = page.locator("section").filter(has=page.get_by_role("heading", name="For you"))
    expect(note.locator("blockquote")).to_contain_text("The running instances still held the old key")
    expect(note.locator("code").first).to_be_visible()
    assert not re.search(r"^>|`", note.inner_text(), re.MULTILINE)
    reply = page.locator(".reply-text")
    expect(reply).to_contain_text("ferry restart")
    reply.get_by_role("link").first.click()
    assert page.evaluate("document.activeElement.className").startswith("card")
    looking.picture("answer")


def test_a_reply_is_seen_while_it_is_written_and_can_be_stopped(looking: Looking, provider: Provider) -> None:
    """Precedents and the first sentence are there before the last; who stops ends the model's work."""
    provider.configure(chunk_delay=0.1)
    page = looking.open("answer")
    page.get_by_role("button", name=EXAMPLE).click()
    expect(page.get_by_role("article")).to_have_count(5)
    expect(page.locator(".reply-text")).to_contain_text("ferry restart", timeout=30_000)
    assert "old key is revoked" not in page.locator(".reply-text").inner_text()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.").first).to_be_visible()
    for _ in range(100):
        if provider.stats().disconnects:
            break
        page.wait_for_timeout(50)
    assert provider.stats().disconnects == 1
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_what_an_agent_does_is_stored(looking: Looking, sample_service: Service) -> None:
    """Accepting, rejecting, editing and correcting each become feedback, and are shown as stored."""
    before = sample_service.status()["feedback"]
    page = looking.answered()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("You accepted the reply.")).to_be_visible()
    page.get_by_role("button", name="Reject").click()
    page.get_by_label("What is wrong with it?").fill("It names another product.")
    page.get_by_label("Id of the right precedent").fill("1057")
    page.get_by_role("button", name="Reject it").click()
    expect(page.get_by_text("You rejected the reply.")).to_be_visible()
    page.get_by_role("link", name="Link to this answer").click()
    expect(page.get_by_role("heading", name="Answers that were given")).to_be_visible()
    for seen in ("rejected it", "It names another product.", "1057", "For you"):
        expect(page.get_by_text(seen, exact=True).first).to_be_visible()
    looking.picture("kept-answer")
    page = looking.answered()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Your reply").fill("Please restart the service.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("You changed the answer.")).to_be_visible()
    page.get_by_label("The right label").select_option("urgent")
    page.get_by_role("button", name="Correct the label").click()
    kept = page.get_by_text("The label urgent is kept with ticket")
    expect(kept).to_be_visible()
    ticket = re.search(r"ticket (\S+) \(added\)", kept.inner_text())
    assert ticket is not None
    assert sample_service.http.get(f"/v1/tickets/{ticket[1]}").json()["priority"] == "urgent"
    after = sample_service.status()["feedback"]
    # Of one answer the last word counts.
    assert after.get("rejected", 0) == before.get("rejected", 0) + 1
    assert after.get("edited", 0) == before.get("edited", 0) + 1
    assert after["corrected"] == before["corrected"] + 1
    page.get_by_role("link", name="Answers").first.click()
    expect(page.get_by_text("the newest first")).to_be_visible()
    looking.picture("answers")
    page.locator(".rows a").first.click()
    expect(page.get_by_text("changed it", exact=True)).to_be_visible()
    expect(page.get_by_text("Please restart the service.", exact=True)).to_be_visible()
    sample_service.http.delete(f"/v1/tickets/{ticket[1]}")


def test_a_model_that_fails_is_told_in_plain_words(looking: Looking, provider: Provider) -> None:
    """The reply is then made without the model, with the reason."""
    provider.fail("503", times=None, endpoint="chat")
    # An example that no other test asks: to a question of before its reply would be given again.
    page = looking.answered("Deploy cannot reach the database")
    expect(page.get_by_text("Made of the steps in the best resolved ticket")).to_be_visible()
    expect(page.get_by_text(re.compile("Reason: .*provider"))).to_be_visible()


def test_tickets_are_found_by_meaning_and_by_filter(looking: Looking, sample_service: Service) -> None:
    """Each found ticket meets the filter, and the address brings the search back."""
    page = looking.open("find")
    page.get_by_label("Search by meaning").fill("charged twice for one month")
    page.get_by_text("Filters").click()
    page.get_by_role("textbox", name="Tags").fill("billing")
    page.get_by_role("button", name="Search").click()
    cards = page.get_by_role("article")
    expect(cards.first).to_be_visible()
    ids = cards.locator(".id").all_inner_texts()
    assert ids
    for ticket_id in ids:
        assert "billing" in sample_service.http.get(f"/v1/tickets/{ticket_id}").json()["tags"]
    page.reload()
    expect(cards.first).to_be_visible()
    assert cards.locator(".id").all_inner_texts() == ids
    looking.picture("find")
    page.get_by_label("Priority").fill("nobody-has-this")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No ticket meets this.")).to_be_visible()


def test_without_a_search_tickets_are_listed_page_by_page(looking: Looking, sample_service: Service) -> None:
    """Each ticket once, in order, until the end."""
    page = looking.open("find?source=sample")
    rows = page.locator(".rows > li")
    expect(rows).to_have_count(50)
    looking.picture("list")
    more = page.get_by_role("button", name="Show more")
    while more.is_visible():
        count = rows.count()
        more.click()
        expect(rows.nth(count)).to_be_visible()
    shown = rows.locator(".id").all_inner_texts()
    assert len(shown) == len(set(shown)) == sample_service.status()["index"]["tickets"]


def test_a_ticket_has_a_page(looking: Looking) -> None:
    """With what was written, what resolved it and where it came from; it can be asked as if it were new."""
    page = looking.open("find?tag=api-keys")
    page.locator(".rows").get_by_role("link", name="401 on every call").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("401 on every call")
    expect(page.get_by_text("The running instances still held the old key")).to_be_visible()
    expect(page.locator(".facts").get_by_text("sample")).to_be_visible()
    looking.picture("ticket")
    page.get_by_role("link", name="as if it were new").click()
    expect(page.get_by_label("What the customer wrote")).to_have_value(
        re.compile("We rotated the live API key")
    )
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Done in")).to_be_visible()
    assert "1008" not in page.get_by_role("article").locator(".id").all_inner_texts()


def test_a_conversation_and_fields_are_shown(looking: Looking, sample_service: Service) -> None:
    """A ticket as helpdesks have them; its link leads out only where it is one of the web."""
    ticket = {
        "text": "The parcel is late",
        "resolution": "The depot was closed.",
        "thread": [
            {"author": "customer", "at": "2026-03-01T10:00:00Z", "text": "Where is it?"},
            {"author": "agent", "text": "At the depot."},
        ],
        "fields": {"product": "api"},
        "url": "https://desk.example/1",
        "status": "solved",
    }
    path = "/v1/tickets/talk/1"
    sample_service.http.put(path, json=ticket)
    page = looking.open("ticket/talk%2F1")
    expect(page.get_by_role("listitem").filter(has_text="Where is it?")).to_contain_text("Customer")
    expect(page.get_by_role("listitem").filter(has_text="At the depot.")).to_contain_text("Agent")
    expect(page.get_by_text("product", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="original")).to_have_attribute("href", "https://desk.example/1")
    looking.picture("conversation")
    sample_service.http.put(path, json={**ticket, "url": "javascript:alert(1)"})
    page.reload()
    expect(page.get_by_text("The parcel is late").first).to_be_visible()
    expect(page.get_by_role("link", name="original")).to_have_count(0)
    sample_service.http.delete(path)


def test_the_state_is_shown_live(looking: Looking, sample_service: Service) -> None:
    """A ticket that is stored meanwhile is counted without anything being done on the page."""
    page = looking.open("running")
    expect(page.get_by_text("It works: tickets are answered.")).to_be_visible()
    tickets = sample_service.status()["index"]["tickets"]
    stored = page.locator(".facts > div").filter(has_text="Stored").locator("dd")
    expect(stored).to_have_text(str(tickets))
    expect(page.get_by_text("llama-3.3-70b")).to_be_visible()
    looking.picture("running")
    sample_service.http.put("/v1/tickets/live", json={"text": "one more"})
    expect(stored).to_have_text(str(tickets + 1), timeout=15_000)
    sample_service.http.delete("/v1/tickets/live")


def test_the_map_shows_groups_and_what_to_write_down_next(looking: Looking, sample_service: Service) -> None:
    """A point says its ticket, a group leads to a search for its words, and a question without a precedent is listed."""
    asked = sample_service.answer("/v1/triage", text="The llama in the zoo wants a bicycle.", draft=False)
    assert not any(one["above_floor"] for one in asked["neighbours"])
    page = looking.open("map")
    expect(page.get_by_role("img", name="Map of 4")).to_be_visible(timeout=120_000)
    found = sample_service.http.get("/v1/map").json()
    groups = page.locator(".rows").get_by_role("listitem")
    expect(groups).to_have_count(len(found["clusters"]))
    expect(page.get_by_text("What to write down next")).to_be_visible()
    expect(page.get_by_role("link", name="llama")).to_be_visible()
    page.get_by_label("Colour by").select_option("Field: component")
    expect(page.locator(".legend")).to_contain_text(found["fields"]["component"]["values"][0])
    canvas = page.locator("canvas").bounding_box()
    assert canvas is not None
    edge, side = 18, 1_000
    place = found["resolved"].index(1)
    page.mouse.move(
        canvas["x"] + edge + found["x"][place] / side * (canvas["width"] - 2 * edge),
        canvas["y"] + edge + found["y"][place] / side * (canvas["height"] - 2 * edge),
    )
    expect(page.locator(".tip").get_by_role("link")).to_be_visible()
    looking.picture("map")
    first = found["clusters"][0]["words"]
    groups.first.get_by_role("link").click()
    expect(page.get_by_label("Search by meaning")).to_have_value(" ".join(first))
    expect(page.get_by_role("article").first).to_be_visible()


def test_other_fields_are_decided_a_line_each(looking: Looking) -> None:
    """The component is named with how sure it is; unfolded, with other components and the tickets that decided it."""
    page = looking.answered()
    fields = page.locator(".fields")
    said = fields.get_by_text(re.compile("component.*% probable"))
    expect(said).to_be_visible()
    said.click()
    expect(fields.get_by_role("row").nth(2)).to_be_visible()
