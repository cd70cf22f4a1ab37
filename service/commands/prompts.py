"""``prompts``: show what is said of replies, to the chat model and around them, and check the files that say it."""

import click
import msgspec

from indexer.commands.output import DONE, json_option, settings_for_command
from indexer.console import say
from service.drafting.house_style import HouseStyle, read_style, write_defaults
from service.drafting.languages import LANGUAGES
from service.drafting.prompt import instructions, version_of

__all__ = ["prompts"]


@click.command
@click.option(
    "--write", is_flag=True, help="Write the shipped defaults to those of the files that are not there."
)
@json_option
def prompts(*, write: bool, as_json: bool) -> int:
    """Show how replies are written, where that comes from, and the instructions of the chat model with their version.

    In PRECEDENT_DATA_DIR, prompts/reply.toml has the brand, tone, default language, greetings and sign-offs by language, and
    instructions of your own; prompts/policy.txt has sentences that the team allows in any reply, one a line. Both are
    checked here, and read at each start of a service. The version is kept with every answer.
    """
    settings = settings_for_command()
    if write:
        for path in write_defaults(settings.data_dir):
            say(f"{path} was written")
    style = read_style(settings.data_dir)
    told = instructions(style, style.language)
    if as_json:
        named = {name: getattr(style, name) for name in HouseStyle.__struct_fields__ if name != "policy"}
        shown = {"version": version_of(style), **named, "policy": style.policy.splitlines(), "told": told}
        click.echo(msgspec.json.encode(shown).decode())
    else:
        click.echo("\n".join(_lines(style)))
        click.echo(f"\nThe chat model is told, version {version_of(style)}:\n\n{told}\n")
        policy = style.policy.splitlines()
        click.echo("\n".join([f"Policy, {len(policy):,} sentences:", *policy]))
    return DONE


def _lines(style: HouseStyle) -> list[str]:
    """Return what is in force, one value a line, each with where it comes from."""
    lines = [
        f"{name}: {getattr(style, name) or '-'} ({style.source(name)})"
        for name in ("brand", "tone", "language", "instructions")
    ]
    for name in ("greeting", "sign_off"):
        for code in LANGUAGES:
            source = "prompts/reply.toml" if code in getattr(style, name) else "shipped"
            said = str(getattr(style.frame(code), name)).replace("\n", " / ")
            lines.append(f"{name}.{code}: {said} ({source})")
    return lines
