"""``prompts``: show what the chat model is told, and what the team's own policy allows."""

import click
import msgspec

from indexer.commands.output import DONE, json_option, settings_for_command
from service.drafting.policy import read_policy
from service.drafting.prompt import INSTRUCTIONS, VERSION

__all__ = ["prompts"]


@click.command
@json_option
def prompts(*, as_json: bool) -> int:
    """Show the instructions of the chat model with their version, and check prompts/policy.txt in PRECEDENT_DATA_DIR.

    The version is kept with every answer. The policy is read at each start of a service: it holds sentences that the team
    allows in any reply, one a line.
    """
    settings = settings_for_command()
    policy = read_policy(settings.data_dir).splitlines()
    if as_json:
        shown = {"version": VERSION, "instructions": INSTRUCTIONS, "policy": policy}
        click.echo(msgspec.json.encode(shown).decode())
    else:
        click.echo(f"Instructions, version {VERSION}:\n\n{INSTRUCTIONS}\n")
        click.echo("\n".join([f"Policy, {len(policy):,} sentences:", *policy]))
    return DONE
