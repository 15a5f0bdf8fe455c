"""Settings: defaults by dialect, their form as arguments, and refusals."""

import argparse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.directory import Population
from loadtest.errors import UsageError
from loadtest.refserver import ServerSettings
from loadtest.refserver.main import add_options, settings_from

seconds = st.floats(0.001, 1e6)


@given(
    st.builds(
        ServerSettings,
        population=st.builds(
            Population, st.integers(5, 500), st.integers(0, 500), st.integers(1, 99), st.integers(1, 5)
        ),
        seed=st.integers(-(2**31), 2**31),
        host_address=st.sampled_from(["127.0.0.1", "::1", "0.0.0.0"]),
        port=st.integers(0, 65535),
        dialect=st.sampled_from(["seed", "current"]),
        faults=st.sampled_from(["", "none", "loss[contact]=2%,delay=normal(100ms,20ms)@5s..10s"]),
        truth_path=st.none() | st.sampled_from(["t", "-t", "a b/t"]),
        agent_expiry_s=st.none() | seconds,
        contact_expiry_s=st.none() | seconds,
        ping_interval_s=seconds,
        identities_path=st.none() | st.sampled_from(["ids.jsonl", "-odd name"]),
        exit_on_stdin_eof=st.booleans(),
        email_collect=st.booleans(),
        platform_token_path=st.none() | st.sampled_from(["token", "-odd name"]),
        rate_limit=st.none() | st.integers(1, 10_000),
        rate_period_s=seconds,
    )
)
def test_arguments_say_all_settings(settings: ServerSettings) -> None:
    """Settings survive the way through a command line, as they go from a run to its child."""
    parser = argparse.ArgumentParser()
    add_options(parser)

    assert settings == settings_from(parser.parse_args(settings.to_argv()))


def test_expiry_comes_from_the_dialect() -> None:
    """Without an expiry of its own a server uses its dialect's."""
    settings = ServerSettings(dialect="current")

    assert (settings.agent_presence_s, settings.contact_presence_s) == (20, 90)


def test_a_given_expiry_overrides_the_dialect() -> None:
    """An expiry that was given holds, for its role alone."""
    settings = ServerSettings(dialect="current", contact_expiry_s=5)

    assert (settings.agent_presence_s, settings.contact_presence_s) == (20, 5)


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("dialect", "latin", "--dialect"),
        ("port", 65536, "--port"),
        ("port", -1, "--port"),
        ("agent_expiry_s", 0.0, "--agent-expiry"),
        ("contact_expiry_s", float("nan"), "--contact-expiry"),
        ("ping_interval_s", float("inf"), "--ping-interval"),
        ("rate_limit", 0, "--rate-limit"),
        ("rate_period_s", 0.0, "--rate-period"),
        ("faults", "lss=1%", "--faults, term 1, 'lss=1%', at character 1"),
    ],
)
def test_a_wrong_value_names_its_option(field: str, value: Any, option: str) -> None:
    """A value that cannot be served with is a usage error that names the option."""
    with pytest.raises(UsageError) as caught:
        ServerSettings(**{field: value})

    assert option == caught.value.where


def test_the_platform_token_is_read_from_its_file(tmp_path: Path) -> None:
    """It is no part of the settings, so that it stands in no argument; a file that everybody may read is refused."""
    path = tmp_path / "token"
    path.write_text("canary\n")
    path.chmod(0o600)
    settings = ServerSettings(platform_token_path=str(path))

    assert ("canary", None) == (settings.platform_token(), ServerSettings().platform_token())
    assert "canary" not in " ".join([*settings.to_argv(), repr(settings)])

    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod"):
        settings.platform_token()
