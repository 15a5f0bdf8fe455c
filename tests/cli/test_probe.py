"""`loadtest probe`: what it takes, what it prints, how it exits."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.cli import main
from loadtest.cli.probe import add_parser, plan_of, table
from loadtest.directory import Population, generate, write_identities
from loadtest.errors import UsageError
from loadtest.refserver import ServerChild, ServerSettings, start_child
from loadtest.target.probe import ProbePlan
from loadtest.target.probe_findings import Finding, ProbeReport

POPULATION = Population(agents=8, contacts=4, members=3)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerChild]:
    """A reference server."""
    child = start_child(ServerSettings(population=POPULATION))
    yield child
    child.stop()


@pytest.fixture
def identities(tmp_path: Path) -> Path:
    """Who there is on it."""
    path = tmp_path / "identities.jsonl"
    write_identities(path, generate(POPULATION))
    return path


def plan(*argv: str) -> ProbePlan:
    """What a command line asks for."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return plan_of(parser.parse_args(["probe", *argv]))


def test_it_prints_a_table_and_exits_by_the_verdict(
    server: ServerChild, identities: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good server passes, within the time that was promised; first it says what it is about to do."""
    code = main(["probe", server.url, "--identities", str(identities)])
    out, err = capsys.readouterr()

    assert 0 == code
    assert "ok    delivery" in out
    assert f"PASS: {server.url}" in out
    assert "writing seven messages in a new conversation" in err
    assert all(len(line) <= 100 for line in out.splitlines())


def test_it_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The report stands alone on standard output, with the exit code in it."""
    code = main(["probe", "http://127.0.0.1:1", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (1, "FAIL", 1) == (code, told["result"], told["exit_code"])
    assert {"delivery": "untested"} == {f["name"]: f["state"] for f in told["findings"] if f["name"] == "delivery"}


def test_a_server_that_is_not_there_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """The line has its meaning and its remedy below it."""
    code = main(["probe", "http://127.0.0.1:1"])

    assert 1 == code
    assert "-> Check host and port" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "no target"),
        (["ftp://127.0.0.1"], "starts with none of"),
        (["http://127.0.0.1:1", "--identities", "/none.jsonl"], "cannot be read"),
        (["http://127.0.0.1:1", "--target", "/none.toml"], "cannot be read"),
        (["http://me:s3cret@192.0.2.1"], "unencrypted"),
    ],
)
def test_wrong_usage_is_said(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2, no secret."""
    code = main(["probe", *argv])
    err = capsys.readouterr().err

    assert (2, True, False) == (code, says in err, "s3cret" in err)


def test_options_win_over_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the profile says is taken where the command line says nothing."""
    monkeypatch.setenv("GATE", "s3cret")
    profile = tmp_path / "target.toml"
    profile.write_text(
        '[target]\nurl = "http://127.0.0.1:3000/chat"\ncable_path = "/ws"\norigin = "https://front"\n'
        'subprotocols = []\nauth_header = "api-access-token"\n[headers]\nAuthorization = { env = "GATE" }\n'
    )
    by_profile = plan("--target", str(profile))
    by_option = plan("--target", str(profile), "--cable-path", "/cable", "--origin", "", "http://127.0.0.1:4000")

    assert ("ws://127.0.0.1:3000/chat/ws", "https://front", ()) == (
        by_profile.endpoint.url,
        by_profile.endpoint.origin,
        by_profile.endpoint.subprotocols,
    )
    assert (("Authorization", "s3cret"),) == by_profile.headers == tuple(by_profile.endpoint.headers)
    assert ("api-access-token", "http://127.0.0.1:3000/chat") == (by_profile.auth_header, by_profile.url)
    assert ("ws://127.0.0.1:4000/cable", None) == (by_option.endpoint.url, by_option.endpoint.origin)
    assert "s3cret" not in repr(by_profile)


def test_the_address_of_the_cable_is_one_of_rest_too() -> None:
    """ws:// and the cable's own path are taken, and a password travels as a header."""
    made = plan("ws://me:pw@127.0.0.1:3000/cable")

    assert ("http://127.0.0.1:3000", "ws://127.0.0.1:3000/cable") == (made.url, made.endpoint.url)
    assert ["Authorization"] == [name for name, _ in made.headers]


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        ("http://127.0.0.1:1", (), True),
        ("https://chat.example.com", (), False),
        ("https://chat.example.com", ("--bad-input",), True),
        ("http://localhost", ("--no-bad-input",), False),
    ],
)
def test_bad_input_is_opt_in_off_loopback(url: str, given: tuple[str, ...], expected: bool) -> None:
    """Somebody else's error log is left alone unless told otherwise."""
    assert expected == plan(url, *given).bad_input


def test_without_secrets_plain_http_is_fine() -> None:
    """Nothing that must not be read is sent."""
    assert plan("http://192.0.2.1").url == "http://192.0.2.1"


def test_plain_http_with_identities_has_to_be_meant(identities: Path) -> None:
    """Tokens are sent then."""
    with pytest.raises(UsageError, match="unencrypted"):
        plan("http://192.0.2.1", "--identities", str(identities))

    assert plan("http://192.0.2.1", "--identities", str(identities), "--allow-plaintext").directory is not None


def test_every_line_has_its_remedy() -> None:
    """What is wrong is followed by what it means and what to do."""
    finding = Finding("pings", "fail", "none", "It is dead. " * 12, "Wake it. " * 12)
    text = table(ProbeReport("http://x", "", 1.0, (finding,)))

    assert "FAIL  pings" in text
    assert "-> Wake it." in text
    assert all(len(line) <= 100 for line in text.splitlines())
