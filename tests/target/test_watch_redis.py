"""Redis and Chatwoot's queues in it: a real redis-server, and the health endpoints over real HTTP."""

import json
import shutil

import pytest
import redis

from loadtest.errors import TransportError
from loadtest.target.watch_redis import ChatwootSource, RedisSource, latency_s
from tests.e2e.rails_server import redis_server
from tests.target.metrics_server import pages


@pytest.fixture(scope="module")
def server():
    """A running Redis."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    with redis_server() as url:
        yield url


@pytest.fixture
def client(server):
    """A client of it, which leaves nothing behind."""
    with redis.Redis.from_url(server, decode_responses=True) as connected:
        yield connected
        connected.flushall()


def look(source):
    """What a source shows now."""
    found = source.digest(source.fetch())
    source.close()
    return found


@pytest.mark.peer
def test_redis_shows_what_it_holds(server, client):
    """Memory, clients, keys."""
    client.set("a", "1")

    values = look(RedisSource("cache", server)).values

    assert values["redis_memory_bytes"] > 100_000
    assert values["redis_clients"] >= 1
    assert values["redis_keys"] == 1
    assert values["redis_pubsub_channels"] == 0


@pytest.mark.peer
def test_a_password_is_used(server, client):
    """A Redis that wants a password is read with one from outside the URL, and refused without."""
    client.config_set("requirepass", "hush")
    try:
        assert look(RedisSource("cache", server, "hush")).values["redis_keys"] == 0
        with pytest.raises(TransportError, match="does not answer"):
            look(RedisSource("cache", server))
    finally:
        client.config_set("requirepass", "")


@pytest.mark.peer
def test_chatwoots_queues_and_channels_are_read(server, client):
    """Depth and latency of the critical and deferred queues, other queues, retries, subscribers of accounts."""
    client.sadd("queues", "critical", "low")
    client.rpush("queue:critical", *(json.dumps({"enqueued_at": at}) for at in (2_000_000_000, 1_000_000_000)))
    client.rpush("queue:low", "{}", "{}", "{}")
    client.zadd("retry", {"job": 1.0})
    with client.pubsub() as listener:
        listener.subscribe("chatwoot_production_action_cable:account_1", "something else")
        assert listener.get_message(timeout=30)["type"] == "subscribe"

        values = look(ChatwootSource("chatwoot", None, server)).values

    assert values["critical_queue_depth"] == 2
    assert values["critical_queue_latency_s"] > 700_000_000
    assert (values["deferred_queue_depth"], values["deferred_queue_latency_s"]) == (0, 0)
    assert (values["other_queues_depth"], values["queue_retries"]) == (3, 1)
    assert values["cable_account_subscribers"] == 1
    assert values["redis_memory_bytes"] > 0


def test_health_endpoints_are_readings():
    """What answers is up, what does not is down, and neither is a failure of the watch."""
    with pages() as host:
        host.pages["/health"] = (200, "application/json", '{"status":"woot"}')
        host.pages["/api"] = (200, "application/json", '{"queue_services":"ok","data_services":"failing"}')
        up = look(ChatwootSource("chatwoot", host.url, None)).values
        host.pages.clear()
        down = look(ChatwootSource("chatwoot", host.url, None)).values

    assert up.pop("health_ms") > 0
    assert up == {"health_up": 1.0, "queue_services_up": 1.0, "data_services_up": 0.0}
    assert down["health_up"] == 0.0


def test_a_redis_that_is_not_there_is_a_failure():
    """Nobody listens: a failure with a reason."""
    with pytest.raises(TransportError, match="ConnectionError"):
        RedisSource("cache", "redis://127.0.0.1:1").fetch()


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (None, 0.0),
        ('{"enqueued_at": 900.5}', 99.5),
        ('{"enqueued_at": 1500}', 0.0),
        ("{}", 0.0),
        ("no json", 0.0),
    ],
)
def test_latency_is_the_oldest_jobs_age(job, expected):
    """An empty queue, and a job that does not say when it came, have none."""
    assert expected == latency_s(job, 1000.0)


def test_latency_in_milliseconds():
    """Since Sidekiq 8 jobs tell whole milliseconds."""
    assert latency_s('{"enqueued_at": 1795392000000}', 1_795_392_004.0) == 4.0


def test_a_restart_is_told():
    """Another run id is a restart."""
    source = RedisSource("cache", "redis://127.0.0.1:1")

    events = [source.digest({"run_id": run_id}).events for run_id in ("a", "a", "b")]

    assert events == [(), (), (("restart", "Redis (cache) was restarted"),)]
