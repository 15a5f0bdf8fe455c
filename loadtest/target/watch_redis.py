"""Watches a Redis: memory, clients, channels, keys; and what Chatwoot keeps there: Sidekiq's queues, cable's channels.

Sidekiq's layout in Redis is upstream's (https://github.com/sidekiq/sidekiq, lib/sidekiq/api.rb): a list ``queue:NAME``
of jobs whose oldest is last, each JSON with ``enqueued_at`` (seconds; since Sidekiq 8 whole milliseconds).
Chatwoot's broadcasts go through the queue ``critical``, receipts through ``deferred``; its Action Cable publishes to
channels ``chatwoot_<environment>_action_cable:...``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Final

import redis
import requests

from loadtest.target.watch_source import TIMEOUT_S, Look, failed

QUEUES: Final = ("critical", "deferred")
_ACCOUNT_CHANNELS: Final = "*_action_cable:account_*"
_MILLISECONDS_FROM: Final = 1e11
_INFO: Final = {
    "used_memory": "redis_memory_bytes",
    "used_memory_rss": "redis_rss_bytes",
    "connected_clients": "redis_clients",
    "blocked_clients": "redis_blocked_clients",
    "pubsub_channels": "redis_pubsub_channels",
    "pubsub_patterns": "redis_pubsub_patterns",
    "instantaneous_ops_per_sec": "redis_ops_per_s",
    "client_recent_max_output_buffer": "redis_output_buffer_max_bytes",
}


class RedisSource:
    """A Redis.

    Args:
        name: what its readings are told by.
        url: its address.
        password: its password; None for none, or for the one in the URL (from the environment).
        ca_file: a CA to trust, for ``rediss``.

    Attributes:
        client: what speaks to it.
    """

    def __init__(self, name: str, url: str, password: str | None = None, ca_file: str | None = None) -> None:
        self.name = name
        more: dict[str, Any] = {} if password is None else {"password": password}
        if ca_file is not None and url.startswith("rediss"):
            more["ssl_ca_certs"] = ca_file
        self.client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, decode_responses=True, **more
        )
        self._run_id: str | None = None

    def fetch(self) -> dict[str, Any]:
        """Ask for its figures.

        Raises:
            TransportError: it does not answer, or refuses.
        """
        try:
            info: dict[str, Any] = self.client.info()
        except redis.RedisError as error:
            raise failed(self.name, f"Redis does not answer ({type(error).__name__})") from error
        return info

    def digest(self, raw: dict[str, Any]) -> Look:
        """Read the figures."""
        values = {what: float(raw[key]) for key, what in _INFO.items() if key in raw}
        values["redis_keys"] = float(
            sum(space["keys"] for key, space in raw.items() if key.startswith("db") and isinstance(space, dict))
        )
        before, self._run_id = self._run_id, str(raw.get("run_id", ""))
        restarted = before is not None and before != self._run_id
        return Look(values, (("restart", f"Redis ({self.name}) was restarted"),) if restarted else ())

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look at an installation of Chatwoot brought, before it is read."""

    redis: dict[str, Any] | None
    queues: dict[str, tuple[int, str | None]]
    others: int
    retries: int
    subscribers: int
    values: dict[str, float]


class ChatwootSource:
    """An installation of Chatwoot: its health endpoints and, where its Redis can be reached, its queues and channels.

    Args:
        name: what its readings are told by.
        host: its address; None to leave its health endpoints alone.
        redis_url: its Redis; None where it cannot be reached.
        password: that Redis's password.
        ca_file: a CA to trust instead of the system's.
    """

    def __init__(
        self,
        name: str,
        host: str | None,
        redis_url: str | None,
        password: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        self.name = name
        self._host = None if host is None else host.rstrip("/")
        self._plain = None if redis_url is None else RedisSource(name, redis_url, password, ca_file)
        self._session = requests.Session()
        self._session.verify = ca_file or True

    def fetch(self) -> _Seen:
        """Ask the health endpoints and Redis.

        An endpoint that does not answer is a reading; a Redis that does not is a failure.

        Raises:
            TransportError: Redis does not answer.
        """
        values = {} if self._host is None else self._health(self._host)
        if self._plain is None:
            return _Seen(None, {}, 0, 0, 0, values)
        info = self._plain.fetch()
        client = self._plain.client
        try:
            names = {str(name) for name in client.smembers("queues")}
            pipe = client.pipeline(transaction=False)
            for queue in (*QUEUES, *sorted(names - set(QUEUES))):
                pipe.llen(f"queue:{queue}")
            for queue in QUEUES:
                pipe.lindex(f"queue:{queue}", -1)
            pipe.zcard("retry")
            found: list[Any] = pipe.execute()
            channels = client.pubsub_channels(_ACCOUNT_CHANNELS)
            heard = client.pubsub_numsub(*channels) if channels else []
        except redis.RedisError as error:
            raise failed(self.name, f"Redis does not answer ({type(error).__name__})") from error
        retries, oldest = found.pop(), [found.pop() for _ in QUEUES][::-1]
        depths = found[: len(QUEUES)]
        queues = {queue: (depth, job) for queue, depth, job in zip(QUEUES, depths, oldest, strict=True)}
        subscribers = sum(int(count) for _, count in heard)
        return _Seen(info, queues, sum(found[len(QUEUES) :]), retries, subscribers, values)

    def digest(self, raw: _Seen) -> Look:
        """Read depth and latency of the queues, and the rest."""
        values = dict(raw.values)
        if self._plain is None or raw.redis is None:
            return Look(values)
        plain = self._plain.digest(raw.redis)
        values |= plain.values
        now_s = time.time()
        for queue, (depth, job) in raw.queues.items():
            values[f"{queue}_queue_depth"] = float(depth)
            values[f"{queue}_queue_latency_s"] = latency_s(job, now_s)
        values["other_queues_depth"] = float(raw.others)
        values["queue_retries"] = float(raw.retries)
        values["cable_account_subscribers"] = float(raw.subscribers)
        return Look(values, plain.events)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        if self._plain is not None:
            self._plain.close()

    def _health(self, host: str) -> dict[str, float]:
        values: dict[str, float] = {}
        began_s = time.monotonic()
        health = self._get(f"{host}/health")
        values["health_up"] = float(health is not None)
        values["health_ms"] = 1000 * (time.monotonic() - began_s)
        services = self._get(f"{host}/api")
        if isinstance(services, dict):
            for key in ("queue_services", "data_services"):
                if key in services:
                    values[f"{key}_up"] = float(services[key] == "ok")
        return values

    def _get(self, url: str) -> Any:
        """What an endpoint answers, as JSON where it is any; None where it does not answer with 200."""
        try:
            answer = self._session.get(url, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException:
            return None
        if answer.status_code != 200:
            return None
        try:
            return answer.json()
        except ValueError:
            return ""


def latency_s(job: str | None, now_s: float) -> float:
    """How long the oldest job of a queue has waited; 0 for an empty queue, or a job that does not say."""
    try:
        enqueued = float(json.loads(job)["enqueued_at"]) if job is not None else now_s
    except (ValueError, KeyError, TypeError):
        return 0.0
    if enqueued > _MILLISECONDS_FROM:
        enqueued /= 1000
    return max(now_s - enqueued, 0.0)
