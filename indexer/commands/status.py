"""``status`` and ``stop``: show what is stored, and stop what runs."""

import click
import msgspec

from indexer.commands.output import DONE, json_option, opened_ledger, settings_for_command, show_all
from indexer.console import say

__all__ = ["status", "stop"]


@click.command
@click.option("--flagged", is_flag=True, help="List the tickets that are kept out of drafts, and why.")
@json_option
def status(*, flagged: bool, as_json: bool) -> int:
    """Show how many tickets are stored, and which index serves."""
    with opened_ledger() as (settings, ledger):
        if flagged:
            rows = ledger.flagged.all()
            lines = (({"id": row.ticket_id, "why": row.why}, f"{row.ticket_id}  {row.why}") for row in rows)
            show_all(lines, "no ticket is flagged", as_json=as_json)
            return DONE
        live, altered = ledger.generations.live(), ledger.check_sample()
        known = ledger.generations.all()
        found = {
            "data_dir": str(settings.data_dir),
            "ledger": ledger.where,
            "tickets": ledger.tickets.count(),
            "generation": live.name if live else None,
            "embedding_model": live.space.model if live else None,
            "dimension": live.space.dimension if live else None,
            "altered": altered,
            "flagged": ledger.flagged.count(),
            "pending": ledger.generations.count_pending(live) if live else 0,
            "not_embedded": ledger.vectors.count_lacking(live.space) if live else 0,
            "generations": [{"name": g.name, "model": g.space.model, "status": g.status} for g in known],
        }
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        served = f"{live.name}, {live.space.model}, {live.space.dimension} dimensions" if live else "none yet"
        some = {name: f"{found[name]:,}" if found[name] else "" for name in ("not_embedded", "flagged")}
        others = [f"{g.name} ({g.space.model}, {g.status})" for g in known if g != live]
        for name, value in (
            ("data directory", found["data_dir"]),
            ("ledger", found["ledger"]),
            ("tickets", f"{found['tickets']:,}"),
            ("index", served),
            ("not yet in the index", f"{found['pending']:,}"),
            ("texts and subjects not yet embedded, which `make reindex` embeds", some["not_embedded"]),
            ("altered by something else than Precedent", ", ".join(altered)),
            ("flagged and kept out of drafts (--flagged lists them)", some["flagged"]),
            ("other generations", ", ".join(others)),
        ):
            if value:
                click.echo(f"{name}: {value}")
    return DONE


@click.command
def stop() -> int:
    """Stop the service and Chroma.

    It stops those of PRECEDENT_DATA_DIR, in order, and waits for them.
    """
    from indexer.chroma.server import LocalServer
    from indexer.processes import stop_services

    settings = settings_for_command()
    services = stop_services(settings.data_dir)
    chroma = settings.data_dir.exists() and LocalServer(settings.data_dir).stop()
    stopped = f"stopped {services} service(s){' and Chroma' if chroma else ''}"
    say(stopped if services or chroma else f"nothing was running on {settings.data_dir}")
    return DONE
