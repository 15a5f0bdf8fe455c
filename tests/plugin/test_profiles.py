"""--target: a profile's values are options, unless given otherwise."""

import pytest
from locust import events
from locust.argument_parser import get_parser

import loadtest.plugin  # noqa: F401 - registers the options with Locust's parser
from loadtest.directory import Population, generate, write_identities
from loadtest.errors import UsageError
from loadtest.plugin.profiles import apply_profile, given_options


@pytest.fixture
def parsed(tmp_path, monkeypatch):
    """Parses a command line with a profile, below a locustfile with defaults of its own; gives options and profile."""

    def defaults(parser, **_):
        parser.set_defaults(heartbeat=99.0, agents=7)

    monkeypatch.chdir(tmp_path)
    write_identities("ids.jsonl", generate(Population(2, 2, 2)))
    (tmp_path / "target.toml").write_text(
        '[target]\nurl = "https://chat.example.com"\nsubprotocols = ["x"]\n[people]\nidentities = "ids.jsonl"\n'
        "[presence]\nheartbeat_s = 15\nagent_expiry_s = 20\n[limits]\nmax_users = 9\n"
    )
    events.init_command_line_parser.add_listener(defaults)

    def make(*argv):
        argv = ["--target", "target.toml", *argv]
        options = get_parser().parse_args(argv)
        return options, apply_profile(options, argv)

    yield make
    events.init_command_line_parser.remove_listener(defaults)


def test_a_profile_fills_the_options(parsed, tmp_path):
    """Over defaults, the locustfile's own among them."""
    options, profile = parsed()

    assert (options.host, options.heartbeat, options.agent_expiry, options.max_users, options.agents) == (
        "https://chat.example.com",
        15.0,
        20.0,
        9,
        7,
    )
    assert options.identities.endswith("ids.jsonl")
    assert profile.get("target.subprotocols") == ("x",)


def test_the_command_line_wins(parsed):
    """Also where it says what the default is."""
    options, _ = parsed("--heartbeat", "99", "--host", "http://127.0.0.1:1", "--max-users=3")

    assert (options.heartbeat, options.host, options.max_users) == (99.0, "http://127.0.0.1:1", 3)


def test_the_environment_wins(parsed, monkeypatch):
    """A variable is given, too."""
    monkeypatch.setenv("LOADTEST_HEARTBEAT", "12")
    monkeypatch.setenv("LOCUST_HOST", "http://127.0.0.1:2")
    options, _ = parsed()

    assert (options.heartbeat, options.host, options.agent_expiry) == (12.0, "http://127.0.0.1:2", 20.0)


def test_a_configuration_file_wins(parsed, tmp_path):
    """Locust's own --config is given, too."""
    (tmp_path / "mine.conf").write_text("heartbeat = 11\n")
    options, _ = parsed("--config", "mine.conf")

    assert options.heartbeat == 11.0


def test_a_client_that_was_asked_for_has_its_own_subprotocols(parsed):
    """--client is the handshake as a whole."""
    _, profile = parsed("--client", "seed")

    assert profile.get("target.subprotocols") is None


def test_without_a_profile_nothing_happens():
    """The options stay as they are."""
    options = get_parser(default_config_files=[]).parse_args([])

    assert apply_profile(options, []) is None


def test_a_profile_that_cannot_be_read_ends_the_command_line(capsys, tmp_path):
    """Exit code 2 and one line, before anything starts."""
    (tmp_path / "bad.toml").write_text("[target]\nurll = 'https://x'\n")
    with pytest.raises(SystemExit) as ended:
        get_parser(default_config_files=[]).parse_args(["--target", str(tmp_path / "bad.toml")])

    assert (ended.value.code, "Did you mean [target] url?" in capsys.readouterr().err) == (2, True)


def test_one_that_vanished_since_is_an_error(parsed, tmp_path):
    """Between the command line and the run a file can go."""
    options, _ = parsed()
    (tmp_path / "target.toml").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        apply_profile(options, [])


def test_given_is_what_was_given():
    """By dest, defaults left out."""
    assert {"heartbeat", "host"} == given_options(["--heartbeat", "3", "-H", "http://127.0.0.1:1"])


def test_what_may_be_given_again_is_given_once():
    """An option that collects its values is given when there is one, and not when there is none."""
    assert {"watch"} == given_options(["--watch", "pid:1", "--watch", "pid:2"])
    assert set() == given_options([])
