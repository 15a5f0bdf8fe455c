"""A page of metrics over real HTTP."""

import pytest

from loadtest.errors import TransportError
from loadtest.target.watch_prometheus import PrometheusSource
from tests.target.metrics_server import pages

TEXT = "text/plain; version=0.0.4"
PAGE = """
# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes {rss}
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu}
# TYPE process_start_time_seconds gauge
process_start_time_seconds {started}
# TYPE process_open_fds gauge
process_open_fds 12
# TYPE puma_backlog gauge
puma_backlog{{index="0"}} 3
puma_backlog{{index="1"}} 4
# TYPE sidekiq_jobs_total counter
sidekiq_jobs_total{{queue="critical"}} {cpu}
# TYPE latency_seconds histogram
latency_seconds_bucket{{le="+Inf"}} 7
latency_seconds_sum {cpu}
latency_seconds_count 7
"""


def page(rss=5e7, cpu=10.0, started=1000.0):
    """A page of metrics."""
    return 200, TEXT, PAGE.format(rss=rss, cpu=cpu, started=started)


@pytest.fixture
def server():
    """A server of pages."""
    with pages() as started:
        yield started


def look(source):
    """What a source shows now."""
    return source.digest(source.fetch())


def test_the_standard_metrics_of_a_process_are_read(server):
    """Without names, what every client library tells of its process; CPU is a share from the second look on."""
    server.pages["/metrics"] = page()
    source = PrometheusSource("web", f"{server.url}/metrics")

    first, second = look(source), look(source)

    assert first.values == {"rss_bytes": 5e7, "fds": 12.0}
    assert second.values == {"rss_bytes": 5e7, "fds": 12.0, "cpu_share": 0.0}


def test_named_metrics_are_summed_over_their_labels(server):
    """Names may have stars; counters and histograms are read as rates."""
    server.pages["/metrics"] = page()
    source = PrometheusSource("web", f"{server.url}/metrics#puma_*, sidekiq_jobs_total,latency_*")

    look(source)

    assert look(source).values == {
        "puma_backlog": 7.0,
        "sidekiq_jobs_per_s": 0.0,
        "latency_seconds_sum_per_s": 0.0,
        "latency_seconds_count_per_s": 0.0,
    }


def test_a_restart_is_told(server):
    """A start time that moved is a restart, and the first one is none."""
    source = PrometheusSource("web", f"{server.url}/metrics")
    events = []
    for started in (1000.0, 1000.5, 2000.0):
        server.pages["/metrics"] = page(started=started)
        events.append(look(source).events)

    assert events == [(), (), (("restart", "web was restarted"),)]


def test_openmetrics_are_read_too(server):
    """A page that says it is OpenMetrics is read as such."""
    body = "# TYPE process_open_fds gauge\nprocess_open_fds 9\n# EOF\n"
    server.pages["/metrics"] = (200, "application/openmetrics-text; version=1.0.0", body)

    assert look(PrometheusSource("web", f"{server.url}/metrics")).values == {"fds": 9.0}


def test_credentials_are_sent(server):
    """A token goes as a bearer token, a password with the URL's user."""
    server.pages["/metrics"] = page()
    look(PrometheusSource("web", f"{server.url}/metrics", token="hush"))
    look(PrometheusSource("web", f"{server.url.replace('//', '//me@')}/metrics", password="hush"))

    assert [authorization for _, authorization in server.seen] == ["Bearer hush", "Basic bWU6aHVzaA=="]


def test_no_redirect_is_followed(server):
    """A token goes to nobody else."""
    server.pages["/metrics"] = (302, TEXT, f"{server.url}/other")

    with pytest.raises(TransportError, match="HTTP 302"):
        PrometheusSource("web", f"{server.url}/metrics", token="hush").fetch()
    assert len(server.seen) == 1


def test_what_is_no_page_of_metrics_is_said_to_be_none(server):
    """HTML, and a server that is not there, are failures with a reason."""
    server.pages["/metrics"] = (200, "text/html", "<html>{ hello</html>")
    with pytest.raises(TransportError, match="not a page of metrics"):
        look(PrometheusSource("web", f"{server.url}/metrics"))
    with pytest.raises(TransportError, match="no answer"):
        PrometheusSource("web", "http://127.0.0.1:1/metrics").fetch()
