"""What a run says before it begins, and plans that would only measure a rate limit."""

from dataclasses import replace

import pytest
from locust.argument_parser import get_parser

import loadtest.plugin  # noqa: F401 - registers the options with Locust's parser
from loadtest.directory import Directory, Population, generate
from loadtest.errors import UsageError
from loadtest.plugin.intentions import check_rate_limits, intentions, requests_a_minute
from loadtest.target.profile import read_profile

DIRECTORY = generate(Population(agents=10, contacts=40, members=5))


def options(*argv, headless=True):
    """A command line's options."""
    first = ["--headless"] if headless else []
    return get_parser(default_config_files=[]).parse_args([*first, "--spawn-rate", "1", *argv])


@pytest.fixture
def profile(tmp_path):
    """Makes a profile with limits of the target."""

    def make(limits):
        (tmp_path / "target.toml").write_text(f'[target]\nurl = "https://chat.example.com"\n[limits]\n{limits}\n')
        return read_profile(tmp_path / "target.toml")

    return make


@pytest.mark.parametrize(
    ("argv", "users", "expected"),
    [
        (("--emit-rate", "2"), 10, 360),
        (("--emit-rate", "2", "--typing", "0"), 10, 120),
        (("--emit-rate", "2", "--typing", "0", "--mix", "status=0.5,read=1"), 10, 240),
        (("--emit-rate", "0", "--spawn-rate", "25"), 50, 1500),
        (("--emit-rate", "0", "--spawn-rate", "25"), 5, 300),
    ],
)
def test_requests_are_counted(argv, users, expected):
    """Messages with the typing around them and the acts between, or the arrivals where those are more."""
    assert requests_a_minute(options(*argv), users) == expected


def test_a_plan_beyond_the_rate_limit_is_refused(profile):
    """The target would answer 429; several addresses have several allowances."""
    known = profile("requests_per_minute = 300")
    with pytest.raises(UsageError, match="HTTP 429") as caught:
        check_rate_limits(options("--emit-rate", "2"), 10, 5, known)
    check_rate_limits(options("--emit-rate", "2", "--source-address", "127.0.0.1,127.0.0.2"), 10, 5, known)

    assert ("360", "--emit-rate") == (caught.value.what[6:9], caught.value.remedy[6:17])


def test_a_plan_beyond_a_conversations_limit_is_refused(profile):
    """The target would answer 422; more contacts spread the messages."""
    known = profile("conversation_messages_per_minute = 200")
    with pytest.raises(UsageError, match="HTTP 422") as caught:
        check_rate_limits(options("--emit-rate", "40"), 50, 10, known)
    check_rate_limits(options("--emit-rate", "40"), 50, 12, known)

    assert "--contacts 12" in caught.value.remedy


def test_what_is_not_known_refuses_nothing(profile):
    """Without limits in the profile, or without a profile, any plan goes."""
    assert check_rate_limits(options("--emit-rate", "1000"), 50, 1, profile("")) is None
    assert check_rate_limits(options("--emit-rate", "1000"), 50, 1, None) is None


def test_everything_that_will_be_done_is_said():
    """Who, how many, how fast, what is created, and how it ends."""
    told = intentions(
        options("--emit-rate", "2", "--run-time", "5m", "--mix", "read=0.5"), "https://x", DIRECTORY, guarded=True
    )

    for part in (
        "https://x",
        "10 agents and 40 contacts of account 1",
        "50, up to 1 a second",
        "2 messages a second and the typing around them; people also do: read",
        "40 conversations, about 600 messages",
        "after 300 s",
        "the abort guard",
    ):
        assert part in told


def test_what_will_not_be_done_is_not_said():
    """Contacts that have a conversation open none; a run without an end says so; the guard may be off."""
    contacts = tuple(replace(contact, conversation_ids=(1,)) for contact in DIRECTORY.contacts)
    told = intentions(
        options("--emit-rate", "0", "--typing", "0"), "https://x", Directory(DIRECTORY.agents, contacts), guarded=False
    )

    assert "creates   nothing" in told
    assert "when it is stopped" in told
    assert "the abort guard is off" in told


def test_with_the_web_page_its_form_says_how_long():
    """The command line's run time is only what the form shows at first; --autostart has no form."""
    argv = ("--emit-rate", "2", "--run-time", "5m")
    page, started = (
        intentions(options(*argv, *more, headless=False), "https://x", DIRECTORY, guarded=True)
        for more in ((), ("--autostart",))
    )

    assert "ends      as the web page's form says, or by Ctrl-C" in page
    assert "messages for as long as it goes on" in page
    assert "ends      after 300 s" in started
