"""API keys by `precedent keys`: made, shown once, listed, revoked."""

import json
from pathlib import Path

from indexer.ledger import hash_of_key
from indexer.settings import Settings
from tests.indexer.command import run_command


def test_a_key_is_shown_once_and_kept_as_a_hash(settings: Settings) -> None:
    """No two are the same; no file of the data directory has one; the list tells what they may do."""
    made = [
        run_command(settings, "keys", "add", name, "--scope", scope, *more).stdout.strip()
        for name, scope, *more in (("portal", "write", "--per-minute", "600"), ("lead", "ask"))
    ]
    assert len(set(made)) == 2
    assert min(map(len, made)) >= 40, "256 bits"
    found = b"".join(file.read_bytes() for file in Path(settings.data_dir).rglob("*") if file.is_file())
    assert not any(key.encode() in found for key in made)
    assert all(hash_of_key(key).encode() in found for key in made)
    listed = run_command(settings, "keys").stdout
    assert "portal  write" in listed
    assert "0 calls" in listed
    assert "600 a minute" in listed
    lines = [json.loads(line) for line in run_command(settings, "keys", "--json").stdout.splitlines()]
    assert [(line["name"], line["scope"], line["per_minute"]) for line in lines] == [
        ("lead", "ask", None),
        ("portal", "write", 600),
    ]
    assert not any("hash" in line for line in lines)


def test_a_revoked_key_keeps_its_name(settings: Settings) -> None:
    """It is listed as revoked, is not given again, and the audit log has both moments."""
    run_command(settings, "keys", "add", "portal", "--scope", "ask")
    run_command(settings, "keys", "revoke", "portal")
    (line,) = [json.loads(line) for line in run_command(settings, "keys", "--json").stdout.splitlines()]
    assert line["revoked_at"] >= line["made_at"]
    assert "revoked" in run_command(settings, "keys").stdout
    actions = [
        json.loads(line)["action"]
        for line in run_command(settings, "audit-log", "--json").stdout.splitlines()
    ]
    assert actions == ["made the key portal (ask)", "revoked the key portal"]
    for arguments, words in (
        (("add", "portal", "--scope", "ask"), ("there was a key 'portal'", "portal-2")),
        (("add", "a key", "--scope", "ask"), ("'a key'", "portal")),
        (("revoke", "portal"), ("no key 'portal'", "precedent keys")),
        (("add", "other", "--scope", "all"), ("ask", "write", "admin")),
        (("add", "other"), ("--scope",)),
        (("add", "other", "--scope", "ask", "--per-minute", "0"), ("--per-minute",)),
    ):
        refused = run_command(settings, "keys", *arguments, status=2).stderr
        assert all(word in refused for word in words), refused
