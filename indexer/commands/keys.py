"""``keys``: make, list and revoke API keys."""

import click
import msgspec

from indexer.commands.output import DONE, json_lines_option, opened_ledger, show_all, utc
from indexer.console import say
from indexer.ledger import SCOPES, ApiKey, KeyScope

__all__ = ["keys"]


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  precedent keys add portal --scope write
  precedent keys revoke portal""",
)
@json_lines_option
@click.pass_context
def keys(context: click.Context, *, as_json: bool) -> int:
    """List the API keys that were made here, or make and revoke one.

    A list shows names, scopes, calls and times, never a key: the ledger has only their hashes. From the first key on,
    every call to /v1 needs one, also once all of them are revoked. Keys in PRECEDENT_API_KEYS are not listed.
    """
    if context.invoked_subcommand is None:
        with opened_ledger() as (_, ledger):
            found = ((_shown(key), _line(key)) for key in ledger.keys.all())
            nothing = "no API key was made: `precedent keys add NAME --scope ask` makes one"
            show_all(found, nothing, as_json=as_json)
    return DONE


@keys.command(epilog="Example: precedent keys add portal --scope write --per-minute 600")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    required=True,
    help="What it may do: ask (also read tickets and give feedback), write (also store and delete tickets), admin (all).",
)
@click.option(
    "--per-minute",
    type=click.IntRange(min=1),
    metavar="N",
    help="Calls that each service takes of it in a minute of the clock; when not given: no limit.",
)
def add(*, name: str, scope: KeyScope, per_minute: int | None) -> int:
    """Make a key and print it, this once.

    Running services take it within a second. The audit log, the kept answers and `precedent spend` call it by NAME.
    """
    with opened_ledger(makes=True) as (_, ledger):
        key = ledger.keys.add(name, scope, per_minute=per_minute)
    click.echo(key)
    say(f"the key {name} ({scope}) is shown this once; send it as `Authorization: Bearer KEY`")
    return DONE


@keys.command(epilog="Example: precedent keys revoke portal")
@click.argument("name")
def revoke(*, name: str) -> int:
    """Have no running service take the key any more.

    It takes effect within a second. The name stays in the list, and is not given again.
    """
    with opened_ledger() as (_, ledger):
        ledger.keys.revoke(name)
    say(f"the key {name} is revoked")
    return DONE


def _shown(key: ApiKey) -> dict[str, str | int | None]:
    shown = msgspec.structs.asdict(key)
    del shown["hash"]
    for name in ("made_at", "revoked_at", "last_call_at"):
        shown[name] = None if shown[name] is None else utc(shown[name])
    return shown


def _line(key: ApiKey) -> str:
    parts = [
        key.name,
        key.scope if key.revoked_at is None else f"revoked {utc(key.revoked_at)}",
        f"made {utc(key.made_at)}",
        f"{key.calls:,} calls",
        f"last {utc(key.last_call_at)}" if key.last_call_at else "",
        f"at most {key.per_minute:,} a minute" if key.per_minute else "",
    ]
    return "  ".join(filter(None, parts))
