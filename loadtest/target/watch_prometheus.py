"""Watches a page of Prometheus metrics.

Which metrics: those named behind ``#`` in the URL, with ``*`` for anything, else the standard ones that every client
library has of its process (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics). Samples of
one name are summed over their labels; a counter is read as a rate a second; histograms and summaries by their ``_sum``
and ``_count``, as rates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urldefrag, urlsplit

import requests
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from loadtest.target.watch_source import TIMEOUT_S, Look, Rates, failed

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_NAMES: Final = 100
_STANDARD: Final = {
    "process_resident_memory_bytes": "rss_bytes",
    "process_cpu_seconds_total": "cpu_share",
    "process_open_fds": "fds",
    "process_threads": "threads",
}
_STARTED: Final = "process_start_time_seconds"
_OPENMETRICS: Final = "application/openmetrics-text"
_CLOCK_SLACK_S: Final = 2.0

Page = tuple[str, str, float]
"""Content type, text, and when it came."""


class PrometheusSource:
    """A page of metrics.

    Args:
        name: what its readings are told by.
        url: its address; behind ``#`` the names to read.
        token: sent as a bearer token.
        password: sent with the URL's user.
        ca_file: a CA to trust instead of the system's.
    """

    def __init__(
        self, name: str, url: str, token: str | None = None, password: str | None = None, ca_file: str | None = None
    ) -> None:
        self.name = name
        self._url, wanted = urldefrag(url)
        self._wanted = [pattern.strip() for pattern in wanted.split(",") if pattern.strip()]
        self._rates = Rates()
        self._started: float | None = None
        self._session = requests.Session()
        self._session.headers["Accept"] = "text/plain;version=0.0.4"
        self._session.verify = ca_file or True
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif password is not None:
            self._session.auth = (urlsplit(self._url).username or "", password)

    def fetch(self) -> Page:
        """Get the page.

        Raises:
            TransportError: it did not come, came with another status, or is too long.
        """
        try:
            with self._session.get(self._url, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer:
                if answer.status_code != 200:
                    raise failed(self.name, f"HTTP {answer.status_code}")
                body = bytearray()
                for chunk in answer.iter_content(65536):
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise failed(self.name, f"the page is longer than {MOST_BYTES // 2**20} MiB")
                kind = answer.headers.get("Content-Type", "")
        except requests.RequestException as error:
            raise failed(self.name, f"no answer ({type(error).__name__})") from error
        return kind, bytes(body).decode("utf-8", "replace"), time.monotonic()

    def digest(self, raw: Page) -> Look:
        """Read the metrics that are wanted.

        Raises:
            TransportError: the page is not one of metrics.
        """
        kind, text, at_s = raw
        families: Iterable[Metric] = (
            openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
            if kind.startswith(_OPENMETRICS)
            else text_string_to_metric_families(text)
        )
        values: dict[str, float] = {}
        events: list[tuple[str, str]] = []
        sums: dict[str, tuple[float, bool]] = {}
        try:
            for sample, total, rises in self._samples(families):
                if sample == _STARTED:
                    events += self._restarts(total)
                before = sums.get(sample, (0.0, rises))[0]
                sums[sample] = (before + total, rises)
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise failed(self.name, f"not a page of metrics ({type(error).__name__})") from error
        for sample, (total, rises) in sums.items():
            if not self._is_wanted(sample) or len(values) >= MOST_NAMES:
                continue
            what = _STANDARD.get(sample, sample)
            if rises:
                rate = self._rates.of(sample, total, at_s)
                if rate is not None:
                    values[what if sample in _STANDARD else f"{sample.removesuffix('_total')}_per_s"] = rate
            else:
                values[what] = total
        return Look(values, tuple(events))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _samples(self, families: Iterable[Metric]) -> Iterator[tuple[str, float, bool]]:
        """(name, value, whether it only rises) of every finite sample that can be read as one number."""
        for family in families:
            for sample in family.samples:
                if sample.name.endswith(("_bucket", "_created")) or "quantile" in sample.labels:
                    continue
                value = float(sample.value)
                if math.isfinite(value):
                    rises = family.type == "counter" or (
                        family.type in {"histogram", "summary"} and sample.name.endswith(("_sum", "_count"))
                    )
                    yield sample.name, value, rises

    def _is_wanted(self, sample: str) -> bool:
        if not self._wanted:
            return sample in _STANDARD
        return any(fnmatchcase(sample, pattern) for pattern in self._wanted)

    def _restarts(self, started: float) -> list[tuple[str, str]]:
        before, self._started = self._started, started
        if before is None or abs(started - before) <= _CLOCK_SLACK_S:
            return []
        return [("restart", f"{self.name} was restarted")]
