"""``keys``: make an API key."""

import secrets

import click

from indexer.commands.output import DONE

__all__ = ["keys"]

_BYTES = 32


@click.command()
def keys() -> int:
    """Print a new random key for PRECEDENT_API_KEYS.

    It is not stored: put it into the environment or .env of the service, and give it to one client.
    """
    click.echo(secrets.token_urlsafe(_BYTES))
    return DONE
