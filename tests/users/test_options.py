"""The option group "cable": what may be given, what is refused with one line, and what the web UI shows."""

import re

import pytest
from locust.argument_parser import LocustArgumentParser

from loadtest.users.options import add_options
from tests.plugin.locusts import locust

NEEDS_A_FILE = {"--identities", "--slo", "--ca-file"}


@pytest.fixture
def parser():
    """A parser with nothing but the group, so that no other listener's defaults get in."""
    made = LocustArgumentParser()
    add_options(made)
    return made


def group_of(parser):
    """The actions of the group."""
    (group,) = [g for g in parser._action_groups if g.title == "cable"]
    return group._group_actions


def test_the_documents_defaults(parser):
    """A heartbeat every 30 s as the document says, everything else as the design has it."""
    given_ = parser.parse_args([])

    assert (30.0, 10.0, 0.0, "auto", "official", "official", "reports", "/cable") == (
        given_.heartbeat,
        given_.deadline,
        given_.window,
        given_.dialect,
        given_.client,
        given_.reconnect,
        given_.report_dir,
        given_.cable_path,
    )


def test_there_are_all_options_that_were_promised(parser):
    """The names of the design are there."""
    promised = {
        *("--agents", "--contacts", "--members", "--identities", "--heartbeat", "--emit-rate", "--deadline", "--slo"),
        *("--report-dir", "--run-id", "--window", "--dialect", "--client", "--reconnect", "--max-users"),
        *("--max-emit-rate", "--allow-plaintext"),
    }

    assert promised <= {action.option_strings[0] for action in group_of(parser)}


@pytest.mark.parametrize(
    ("flag", "text", "expected"),
    [
        ("--emit-rate", "10", 10.0),
        ("--emit-rate", "10/s", 10.0),
        ("--emit-rate", "0", 0.0),
        ("--emit-rate", "2.5e3/s", 2500.0),
        ("--max-emit-rate", "7/s", 7.0),
        ("--kernel-stamps", "1", 1.0),
        ("--agents", "0", 0),
        ("--members", "1", 1),
        ("--heartbeat", "0.5", 0.5),
        ("--window", "0.1", 0.1),
        ("--deadline", "1e1", 10.0),
        ("--run-id", "a.b_c-1", "a.b_c-1"),
        ("--agent-expiry", "20", 20.0),
        ("--faults", "loss=2%,dup=1%", "loss=2%,dup=1%"),
        ("--faults", "none", ""),
        ("--truth", "truth.jsonl", "truth.jsonl"),
    ],
)
def test_good_values(parser, flag, text, expected):
    """Values are numbers where numbers are meant, with or without the unit."""
    given_ = parser.parse_args([flag, text])

    assert expected == getattr(given_, flag[2:].replace("-", "_"))


@pytest.mark.parametrize(
    ("flag", "text", "says"),
    [
        ("--agents", "-1", "0 or more"),
        ("--agents", "1.5", "whole number"),
        ("--agents", "many", "whole number"),
        ("--agents", "9" * 400, "number"),
        ("--members", "0", "1 or more"),
        ("--accounts", "0", "1 or more"),
        ("--heartbeat", "0", "above 0"),
        ("--heartbeat", "nan", "number"),
        ("--deadline", "inf", "number"),
        ("--deadline", "-inf", "number"),
        ("--window", "0.05", "0.1 or more"),
        ("--emit-rate", "10/min", "not a number"),
        ("--emit-rate", "-1/s", "0 or more"),
        ("--max-users", "0", "1 or more"),
        ("--kernel-stamps", "1.5", "between 0 and 1"),
        ("--kernel-stamps", "-0.1", "0 or more"),
        ("--dialect", "klingon", "invalid choice"),
        ("--client", "curl", "invalid choice"),
        ("--reconnect", "later", "invalid choice"),
        ("--run-id", "../up", "cannot name a folder"),
        ("--run-id", "", "cannot name a folder"),
        ("--run-id", "a\n", "cannot name a folder"),
        ("--ca-file", "/nowhere.pem", "no file"),
        ("--identities", "/nowhere.jsonl", "nowhere.jsonl"),
        ("--slo", "/nowhere.toml", "nowhere.toml"),
        ("--report-dir", "/proc/cpuinfo/reports", "not a folder"),
        (
            "--faults",
            "loss=2%,dupe=1%",
            "term 2, 'dupe=1%', at character 9: there is no fault 'dupe'. Did you mean dup?",
        ),
        ("--truth", "/", "is a folder"),
        ("--truth", "/nowhere/truth.jsonl", "no folder that exists"),
    ],
)
def test_bad_values_are_refused_in_a_line(parser, capsys, flag, text, says):
    """A mistake ends with exit code 2, and its last line names the option and what is wrong."""
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f"{flag}={text}"])
    last = capsys.readouterr().err.strip().splitlines()[-1]

    assert 2 == ended.value.code
    assert f"argument {flag}: " in last
    assert says in last


def test_every_option_has_an_environment_variable(parser):
    """CI sets options without touching the command: LOADTEST_ and the flag's name."""
    expected = {a.option_strings[0]: "LOADTEST_" + a.dest.upper() for a in group_of(parser)}

    assert expected == {a.option_strings[0]: a.env_var for a in group_of(parser)}


def test_the_environment_is_read_and_checked(parser, monkeypatch, capsys):
    """A value from the environment goes through the same checks; the command line overrides it."""
    monkeypatch.setenv("LOADTEST_EMIT_RATE", "7/s")
    monkeypatch.setenv("LOADTEST_AGENTS", "12")
    given_ = parser.parse_args(["--agents", "3"])
    monkeypatch.setenv("LOADTEST_AGENTS", "-12")
    with pytest.raises(SystemExit):
        parser.parse_args([])

    assert (7.0, 3) == (given_.emit_rate, given_.agents)
    assert "0 or more" in capsys.readouterr().err


def test_the_web_ui_shows_plain_values_with_a_default(parser):
    """What has no default would come back from the form as text, and files are no business of a browser."""
    shown = {action.dest: action for action in group_of(parser) if action.include_in_web_ui}

    assert {"agents", "contacts", "emit_rate", "heartbeat", "deadline", "dialect", "reconnect"} <= shown.keys()
    assert not {"identities", "slo", "report_dir", "run_id", "ca_file", "allow_plaintext"} & shown.keys()
    assert all(action.default is not None for action in shown.values())


def test_the_web_ui_knows_them(parser):
    """Locust finds the shown options by its own look-up."""
    assert "emit_rate" in parser.args_included_in_web_ui


def test_every_option_explains_itself(parser):
    """Each has a help text, and the help can be printed."""
    assert all(action.help for action in group_of(parser))
    assert re.search(r"--emit-rate N/s", parser.format_help())


def test_locust_ends_with_one_line_before_anything_starts(tmp_path):
    """A whole run with a bad value: exit code 2, no traceback, no run folder."""
    ran = locust("agents.py", tmp_path / "run", "--emit-rate", "fast")

    assert (2, False) == (ran.code, (tmp_path / "run").exists())
    assert "Traceback" not in ran.err + ran.out
    assert "argument --emit-rate: 'fast' is not a number" in ran.err


def test_an_option_is_named_once(parser, capsys):
    """What argparse puts before a message is not in the message again."""
    for option, value, left in (("--storm", "50%", "'50%' is no storm"), ("--watch", "foo", "foo: 'foo' is nothing")):
        with pytest.raises(SystemExit):
            parser.parse_args([option, value])

        assert f"argument {option}: {left}" in capsys.readouterr().err
