"""Tests of what the team allows to promise."""

import pytest

from service.drafting.languages import promises


@pytest.mark.parametrize(
    "text",
    [
        "We will fix it.",
        "We'll look into it.",
        "Our engineers are going to lift the limit.",
        "You will get your money back.",
        "It will be fixed by Friday.",
        "The next release solves it.",
        "A refund is possible.",
        "It is free of charge.",
        "It takes effect within 24 hours.",
        "You hear from us shortly.",
        "Wir werden das erstatten.",
    ],
)
def test_knows_promises(text: str) -> None:
    """What the team would do, pay or keep to."""
    assert promises(text)


@pytest.mark.parametrize(
    "text",
    [
        "Restart the gateway.",
        "The limit is 60 seconds.",
        "It will restart by itself.",
        "Wait until the next deploy.",
        "Reload the page to get the new version.",
        "Deliveries time out after 30 seconds.",
    ],
)
def test_leaves_what_is_none(text: str) -> None:
    """What the product does is no promise."""
    assert not promises(text)
