"""The text of a ticket without what mail programs and rich text editors put around it."""

from indexer.cleaning.cleaned import clean
from indexer.cleaning.mail import Message, message_of
from indexer.cleaning.markup import plain_text

__all__ = ["Message", "clean", "message_of", "plain_text"]
