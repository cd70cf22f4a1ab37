"""A stand-in for the provider: a server that speaks the OpenAI protocol, and fails when told to."""

from tests.provider.client import Provider, Stats

__all__ = ["Provider", "Stats"]
