"""Sources made of what was asked for."""

import os

from loadtest.target.watch import open_source, open_sources
from loadtest.target.watch_process import CommandSource, ProcessSource
from loadtest.target.watch_prometheus import PrometheusSource
from loadtest.target.watch_redis import ChatwootSource, RedisSource
from loadtest.target.watch_spec import parse_watch


def test_each_kind_has_its_source():
    """A specification becomes the source of its kind, with its name."""
    texts = (
        "a=pid:1",
        "b=prometheus:http://127.0.0.1:1/m",
        "c=redis:redis://127.0.0.1:1",
        "d=command:true",
        "e=chatwoot",
    )

    sources = [open_source(parse_watch(text), "http://127.0.0.1:1") for text in texts]

    expected = [ProcessSource, PrometheusSource, RedisSource, CommandSource, ChatwootSource]
    assert expected == [type(source) for source in sources]
    assert [source.name for source in sources] == ["a", "b", "c", "d", "e"]
    for source in sources:
        source.close()


def test_credentials_reach_the_source():
    """A password of the environment is the client's, and Chatwoot's Redis may be named there whole."""
    environ = {"LOADTEST_WATCH_C_PASSWORD": "hush", "LOADTEST_WATCH_REDIS_URL": "redis://:hush@127.0.0.1:1/3"}

    cache = open_source(parse_watch("c=redis:redis://127.0.0.1:1"), environ=environ)
    chatwoot = open_source(parse_watch("chatwoot"), environ=environ)

    assert cache.client.connection_pool.connection_kwargs["password"] == "hush"
    assert chatwoot._plain.client.connection_pool.connection_kwargs["db"] == 3


def test_the_embedded_server_is_watched_unasked():
    """Its process is read under no name, as the target."""
    (source,) = open_sources([], "http://127.0.0.1:1", embedded_pid=os.getpid())

    assert source.name == ""
    assert source.digest(None).values["rss_bytes"] > 0
    assert open_sources([], "http://127.0.0.1:1") == []
