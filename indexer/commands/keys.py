"""``keys``: make an API key."""

import secrets

import click

from indexer.commands.output import DONE

__all__ = ["keys"]

_BYTES = 32


@click.command()
def keys() -> int:
    """Make a key for PRECEDENT_API_KEYS and write it to standard output.

    It is kept nowhere: put it into the environment or .env of the service, and give it to one client.
    """
    click.echo(secrets.token_urlsafe(_BYTES))
    return DONE
