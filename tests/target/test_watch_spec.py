"""What can be watched, as it is written on the command line."""

import pytest

from loadtest.errors import UsageError
from loadtest.target.watch_spec import WatchSpec, parse_watch, parse_watches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pid:4711", WatchSpec("pid-4711", "pid", "4711")),
        ("web=pid:4711", WatchSpec("web", "pid", "4711")),
        ("prometheus:http://h:9/metrics#a,b_*", WatchSpec("prometheus", "prometheus", "http://h:9/metrics#a,b_*")),
        ("redis:redis://user@h:6379/1", WatchSpec("redis", "redis", "redis://user@h:6379/1")),
        ("depth=command:wc -l 'a b'", WatchSpec("depth", "command", "wc -l 'a b'")),
        ("command:env X=1 true", WatchSpec("command", "command", "env X=1 true")),
        ("chatwoot", WatchSpec("chatwoot", "chatwoot", "")),
        ("chatwoot:unix:///run/redis.sock", WatchSpec("chatwoot", "chatwoot", "unix:///run/redis.sock")),
    ],
)
def test_sources_are_read(text, expected):
    """Name, kind and argument of each kind."""
    assert expected == parse_watch(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pidd:1", "Did you mean pid"),
        ("nothing", "Write .NAME=.pid:N"),
        ("pid:", "pid of what"),
        ("pid:web", "no process id"),
        ("prometheus:ftp://h/metrics", "no http"),
        ("prometheus:http://h:port/metrics", "no address"),
        ("redis:http://h", "no address of Redis"),
        ("command:'", "Close the quotes"),
        ("command: ", "no command"),
    ],
)
def test_errors_say_how_to_write_it(text, says):
    """What cannot be watched is refused with how it is written."""
    with pytest.raises(UsageError, match=says):
        parse_watch(text)


@pytest.mark.parametrize(
    "text", ["redis:redis://:hush@h:6379", "prometheus:https://me:hush@h/metrics", "chatwoot:redis://:hush@h"]
)
def test_a_password_is_refused_and_not_repeated(text):
    """A password in an argument is refused, and the refusal does not show it."""
    with pytest.raises(UsageError, match="environment") as refused:
        parse_watch(text)

    assert "hush" not in str(refused.value)


def test_credentials_come_from_the_environment():
    """The variable's name is the source's, in capitals."""
    spec = parse_watch("my-cache=redis:redis://h")

    assert spec.secret("PASSWORD", {"LOADTEST_WATCH_MY_CACHE_PASSWORD": "hush"}) == "hush"
    assert spec.secret("TOKEN", {}) is None


def test_sources_of_one_kind_get_numbers():
    """Unnamed sources of one kind are told apart; a name given twice is refused."""
    specs = parse_watches(["redis:redis://a", "redis:redis://b", "x=pid:1"])

    assert [spec.name for spec in specs] == ["redis", "redis-2", "x"]
    with pytest.raises(UsageError, match="name of its own"):
        parse_watches(["x=pid:1", "x=pid:2"])
