"""No secret leaves a run: neither tokens, nor what a gate in front asks for, nor the password of the address.

The main job runs with canaries for all of them, on a server that makes trouble, with everything that Locust can write
and its web page open; then every artefact, every stream, every page and every command line is searched for each
secret: as it is, percent-encoded, and in base64 wherever in a text it may begin.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.directory import Population, read_identities
from loadtest.refserver import ServerSettings, start_child
from tests.plugin.locusts import Running, command, environment, forked

POPULATION = Population(agents=8, contacts=4, members=4)
TROUBLE = "cut=30%@4s/3s,leak=5%,presence-leak=50%,dup=5%,loss=2%"
PASSWORD = "pa/ss wörd+%&canary"
GATE = "Bearer gate/canary+secret==&x"
REDIS_PASSWORD = "redis-canary-password"
METRICS_TOKEN = "metrics-canary-token"
SILENT_BYTES = 12
"""A shorter piece of a secret than this could be found by chance."""


def forms(secret: str) -> Iterator[bytes]:
    """How a secret could stand somewhere."""
    plain = secret.encode()
    yield plain
    yield urllib.parse.quote(secret, safe="").encode()
    yield urllib.parse.quote_plus(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    for before in range(3):  # base64 knows three alignments; what depends on the neighbours is left out
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + plain)
            core = whole[-(-before * 4 // 3) + (before > 0) : len(whole) - 4].rstrip(b"=")
            if len(core) >= SILENT_BYTES:
                yield core


def test_forms_are_found_wherever_they_stand() -> None:
    """The search itself: a secret inside a text is found in each encoding, at each alignment."""
    secret = "0123456789abcdef/+ 42"
    for before in range(4):
        text = f"{'x' * before}{secret}yy"
        for encoded in (
            text.encode(),
            urllib.parse.quote(text, safe="").encode(),
            base64.b64encode(text.encode()),
            base64.urlsafe_b64encode(text.encode()),
        ):
            assert any(form in encoded for form in forms(secret)), (before, encoded)


class Searched:
    """Everything a run leaves and shows, by where it was found."""

    def __init__(self) -> None:
        self.places: dict[str, bytes] = {}

    def pages(self, port: int) -> None:
        """What Locust's web page shows and offers."""
        for path in ("/", "/stats/requests", "/stats/requests/csv", "/stats/report", "/exceptions", "/tasks", "/logs"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                self.places[f"page {path}"] = answer.read()

    def command_lines(self, pids: list[int]) -> None:
        """What everybody on the machine can read of the processes."""
        for pid in pids:
            self.places[f"arguments of {pid}"] = Path(f"/proc/{pid}/cmdline").read_bytes()

    def files(self, folder: Path, without: set[Path]) -> None:
        """Every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file() and path not in without:
                self.places[str(path)] = path.read_bytes()

    def leaks(self, secrets: dict[str, str]) -> list[str]:
        """Which secret was found where."""
        return [
            f"{name} in {place}"
            for place, content in self.places.items()
            for name, secret in secrets.items()
            if any(form in content for form in forms(secret))
        ]


@pytest.fixture
def port() -> int:
    """A port for the web page that nobody listens on."""
    return int(forked(1)[-1])


def test_no_secret_leaves_a_run(tmp_path: Path, port: int) -> None:
    """Store, summary, report, figures, logs, Locust's own files, streams, arguments and pages are clean."""
    ids, profile, folder = tmp_path / "ids.jsonl", tmp_path / "target.toml", tmp_path / "out" / "run"
    folder.parent.mkdir()
    server = start_child(ServerSettings(population=POPULATION, identities_path=str(ids), faults=TROUBLE))
    directory = read_identities(ids)
    secrets = {f"pubsub_token of agent {a.user_id}": a.pubsub_token for a in directory.agents}
    secrets |= {f"access_token of agent {a.user_id}": a.access_token for a in directory.agents}
    secrets |= {f"pubsub_token of contact {c.contact_id}": c.pubsub_token for c in directory.contacts}
    secrets |= {"password of the address": PASSWORD, "header of the gate": GATE}
    secrets |= {"password of a Redis": REDIS_PASSWORD, "token of a page of metrics": METRICS_TOKEN}
    host = server.url.replace("http://", f"http://me:{urllib.parse.quote(PASSWORD, safe='')}@")
    lines = ("[target]", f'url = "{server.url}"', "[people]", f'identities = "{ids}"', "[headers]")
    profile.write_text("\n".join([*lines, 'X-Gate-Token = { env = "GATE" }']))
    argv = command(
        "agents.py",
        folder,
        *("--target", profile, "--agents", 8, "--contacts", 4, "--deadline", 2, "--spawn-rate", 50, "-t", "8s"),
        *("--autostart", "--autoquit", 1, "--web-port", port, "--web-host", "127.0.0.1", "--reconnect", "immediate"),
        *("--watch", "prometheus:http://127.0.0.1:1/metrics", "--watch", "redis:redis://127.0.0.1:1"),
        *("--watch", "chatwoot"),
        *("--csv", folder.parent / "locust", "--html", folder.parent / "locust.html"),
        *("--logfile", folder.parent / "locust.log", "--loglevel", "DEBUG", "--json-file", folder.parent / "locust"),
        *forked(2),
    )
    argv.remove("--headless")
    searched = Searched()
    # A password on a command line would be there by the user's own hand, so it is given where it is not seen.
    watched = {
        "LOADTEST_WATCH_PROMETHEUS_TOKEN": METRICS_TOKEN,
        "LOADTEST_WATCH_REDIS_PASSWORD": REDIS_PASSWORD,
        "LOADTEST_WATCH_REDIS_URL": f"redis://:{REDIS_PASSWORD}@127.0.0.1:1",
    }
    env = environment(LOCUST_HOST=host, GATE=GATE, **watched)
    try:
        with Running(argv, folder, env=env) as running:
            running.until_delivering()
            searched.pages(port)
            searched.command_lines([running.pid, *(child.pid for child in running.family() if child.is_running())])
            ran = running.wait()
    finally:
        server.stop()
    searched.files(folder.parent, without=set())

    assert ran.sums()["delivered"] > 0, ran.err
    assert 3 == ran.err.count("loadtest: not watched: "), ran.err
    assert {"run.sqlite", "summary.json", "report.html", "summary.md"} <= {path.name for path in folder.iterdir()}
    assert {"locust.html", "locust.log", "locust_stats.csv", "run.err", "run.out"} <= {
        path.name for path in folder.parent.iterdir()
    }
    assert sum(place.startswith("arguments of") for place in searched.places) == 3
    assert sum(place.startswith("page ") for place in searched.places) == 7
    assert [] == searched.leaks(secrets)


def test_no_secret_is_in_what_is_said_of_a_failure(tmp_path: Path) -> None:
    """A target that cannot be reached, or knows nobody, is told without its password and without a token."""
    ids, folder = tmp_path / "ids.jsonl", tmp_path / "out" / "run"
    folder.parent.mkdir()
    start_child(ServerSettings(population=POPULATION, identities_path=str(ids))).stop()
    directory = read_identities(ids)
    secrets = {f"token of agent {a.user_id}": a.pubsub_token for a in directory.agents} | {"password": PASSWORD}
    host = f"http://me:{urllib.parse.quote(PASSWORD, safe='')}@127.0.0.1:1"
    argv = command("agents.py", folder, "--identities", ids, "--agents", 8, "--contacts", 4, "--loglevel", "DEBUG")
    searched = Searched()
    with Running(argv, folder, env=environment(LOCUST_HOST=host)) as running:
        ran = running.wait()
    searched.files(folder.parent, without=set())

    assert (4, True) == (ran.code, "refused" in ran.err)
    assert [] == searched.leaks(secrets)
    assert not [p for p in psutil.Process().children() if p.pid == running.pid and p.is_running()]
