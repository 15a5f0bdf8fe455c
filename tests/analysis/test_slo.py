"""Reading SLO files: what is accepted, and how errors help."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.slo import dotted, load_slo, parse_slo
from loadtest.errors import UsageError

EXAMPLE = """\
[fanout."message.created".agent]
p99_ms = { max = 500 }
[delivery."message.created"]
lost = { max = 0 }
[cable]
ping_gap_p99_s = { max = 4.5 }
[presence.agent]
p_a = { min = 0.95 }
[rest."contact.send_message"]
p99_ms = { max = 800 }
"""


def limits_of(text: str) -> list[tuple[str, str, float]]:
    """Key, bound and value of each limit."""
    return [(dotted(limit.path), limit.bound, limit.value) for limit in parse_slo(text).limits]


def error_of(text: str) -> str:
    """The error that a file's text gives."""
    with pytest.raises(UsageError) as caught:
        parse_slo(text, "slo.toml")
    return str(caught.value)


def test_limits_come_in_the_order_of_the_file(tmp_path: Path):
    """Each table and key is one limit, and the file is named."""
    path = tmp_path / "slo.toml"
    path.write_text(EXAMPLE)
    slo = load_slo(path)

    assert str(path) == slo.source
    assert [(dotted(limit.path), limit.bound, limit.value) for limit in slo.limits] == [
        ('fanout."message.created".agent.p99_ms', "max", 500.0),
        ('delivery."message.created".lost', "max", 0.0),
        ("cable.ping_gap_p99_s", "max", 4.5),
        ("presence.agent.p_a", "min", 0.95),
        ('rest."contact.send_message".p99_ms', "max", 800.0),
    ]


def test_a_bare_number_is_a_maximum_where_less_is_better():
    """Latency has a ceiling."""
    assert limits_of("cable.connect_p99_ms = 200") == [("cable.connect_p99_ms", "max", 200.0)]


def test_a_bare_number_is_a_minimum_where_more_is_better():
    """Accuracy has a floor."""
    assert limits_of("presence.contact.p_a = 0.9") == [("presence.contact.p_a", "min", 0.9)]


def test_one_key_can_have_both_bounds():
    """A minimum and a maximum are two limits."""
    assert limits_of("cable.pings = { min = 1, max = 9 }") == [("cable.pings", "min", 1.0), ("cable.pings", "max", 9.0)]


def test_wildcards_stand_for_each_name():
    """Events, roles and open names can be left to the run."""
    text = 'fanout."*"."*".p99_ms = 500\ncontract.violations."*" = 0'

    assert limits_of(text) == [('fanout."*"."*".p99_ms', "max", 500.0), ('contract.violations."*"', "max", 0.0)]


def test_nested_tables_of_the_summary_can_be_named():
    """Detection time and the balance by role have limits too."""
    text = 'presence.agent.detection_time_s.p99 = 90\ndelivery."message.created".by_role.contact.lost = 0'

    assert len(limits_of(text)) == 2


def test_a_call_of_the_users_own_is_accepted():
    """A locustfile may send calls that the toolkit does not know."""
    assert limits_of("rest.search.p99_ms = 900") == [("rest.search.p99_ms", "max", 900.0)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "[cable]\nconect_p99_ms = 5",
            "slo.toml:2: unknown key 'conect_p99_ms' in cable.conect_p99_ms. Did you mean connect_p99_ms?",
        ),
        (
            '[fanout."mesage.created".agent]\np99_ms = 5',
            "slo.toml:1: unknown event 'mesage.created' in fanout.\"mesage.created\". Did you mean message.created?",
        ),
        (
            '[fanout."message.created".agents]\np99_ms = 5',
            "slo.toml:1: unknown role 'agents' in fanout.\"message.created\".agents. Did you mean agent?",
        ),
        (
            '[rest."contact.send_mesage"]\np99_ms = 5',
            "slo.toml:1: unknown call 'contact.send_mesage' in rest.\"contact.send_mesage\". "
            "Did you mean contact.send_message?",
        ),
        ("[fan_out]\n", "slo.toml:1: unknown key 'fan_out' in fan_out. Did you mean fanout?"),
        ("[run]\nseed = 1", "slo.toml:1: unknown key 'run' in run."),
        (
            "cable.stale = { maximum = 1 }",
            "slo.toml:1: unknown bound 'maximum' in cable.stale. Did you mean max?",
        ),
        ("cable.stale = {}", "slo.toml:1: cable.stale has no limit. Write { max = ... } or { min = ... }"),
        ("cable.stale = '3'", "slo.toml:1: cable.stale is '3', not a number. Give a number"),
        ("cable.stale = true", "slo.toml:1: cable.stale is True, not a number. Give a number"),
        (
            "[cable]\nconnect_p99_ms = nan",
            "slo.toml:2: cable.connect_p99_ms is nan, which limits nothing. Give a finite number in ms",
        ),
        ("cable.stale = inf", "slo.toml:1: cable.stale is inf, which limits nothing. Give a finite number"),
        ("cable.stale = -1", "slo.toml:1: cable.stale is negative (-1). Give a number from 0 on"),
        (
            "presence.agent.p_a = 95",
            "slo.toml:1: presence.agent.p_a is 95, but a share lies between 0 and 1. Write 95 % as 0.95",
        ),
        (
            "cable.pings = { min = 5, max = 4 }",
            "slo.toml:1: cable.pings has a min above its max. Nothing can keep both: swap them",
        ),
        ("cable = 3", "slo.toml:1: cable is a table, not a number. Name a key in it, such as connects"),
        ("", 'slo.toml: the file holds no limit. Add one, such as [delivery."message.created"] with lost = 0'),
        ("[cable]\n", "slo.toml: the file holds no limit."),
        ("[cable]\nstale = \n", "slo.toml: not valid TOML: Invalid value (at line 2, column 9). Correct that line"),
    ],
)
def test_errors_name_place_key_and_remedy(text: str, error: str):
    """What was wrong, where, and what to do."""
    assert error_of(text).startswith(error)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path):
    """No traceback for a path that is not there."""
    with pytest.raises(UsageError, match=r"none\.toml: cannot read the SLO file \(No such file or directory\)"):
        load_slo(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path):
    """Bytes that are no UTF-8 are named with their place."""
    path = tmp_path / "slo.toml"
    path.write_bytes(b"a = 1\n\xff")

    with pytest.raises(UsageError, match="no UTF-8 text at byte 6"):
        load_slo(path)


@given(
    st.recursive(
        st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=5)),
        lambda inner: st.dictionaries(st.sampled_from(["fanout", "cable", "max", "p99_ms", "*", "x y"]), inner),
        max_leaves=6,
    )
)
def test_any_toml_is_limits_or_one_usage_error(tree: object):
    """Whatever a file holds, reading it ends in limits or in an error for the user."""
    text = (
        "\n".join(f"{dotted([key])} = {toml(value)}" for key, value in tree.items()) if isinstance(tree, dict) else ""
    )
    with contextlib.suppress(UsageError):
        assert parse_slo(text).limits


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dotted([key])} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value if not 0xD800 <= ord(char) < 0xE000) + '"'
    return repr(value)
