"""Wrong usage, wrong targets and failing starts: one paragraph that says what, where and what to do."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from loadtest.directory import Population
from loadtest.refserver.child import start_child
from loadtest.refserver.settings import ServerSettings
from tests.plugin.locusts import Running, command, environment, forked

AT_ONCE = 3
POPULATION = Population(agents=6, contacts=3, members=3)
SIZE = ("--agents", POPULATION.agents, "--contacts", POPULATION.contacts, "-t", "4s", "--deadline", 2)


@dataclass(frozen=True)
class Case:
    """What is given, and what is to come of it.

    Attributes:
        options: after ``SIZE``; ``{url}``, ``{ids}``, ``{here}``, ``{web}`` and ``{run}`` are filled in.
        code: the exit code.
        says: parts of what is said, where a missing one would leave a reader without what, where or what to do.
        popen: how the process is started.
    """

    options: str
    code: int
    says: tuple[str, ...]
    popen: dict[str, Any] = field(default_factory=dict)


def ignore_sigint():
    """As a shell does for a job begun in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


TARGET = "--host {url} --identities {ids}"
BACKGROUND = {"preexec_fn": ignore_sigint}

CASES = {
    "nobody listens": Case(
        "--host http://127.0.0.1:9 --identities {ids}", 4, ("ws://127.0.0.1:9/cable", "refused", "check host and port")
    ),
    "another scheme": Case("--host ftp://127.0.0.1 --identities {ids}", 2, ("--host", "ftp://", "https://")),
    "no scheme": Case(
        "--host chat.example.com --identities {ids}", 2, ("--host", "chat.example.com", "Give a URL such as")
    ),
    "404 on the upgrade": Case(f"{TARGET} --cable-path /nope", 4, ("{cable}/nope", "404", "--cable-path")),
    "a page that is no cable": Case("--host {web} --identities {ids}", 4, ("/cable", "200", "--host")),
    "plain http off this machine": Case(
        "--host http://192.0.2.1:3000 --identities {ids}", 2, ("--host http://192.0.2.1", "unencrypted", "https://")
    ),
    "plain HTTP in capitals": Case(
        "--host HTTP://192.0.2.1:3000 --identities {ids}", 2, ("unencrypted", "--allow-plaintext")
    ),
    "a target without identities": Case("--host {url}", 2, ("--host", "identities", "--identities FILE")),
    "identities without a target": Case("--identities {ids}", 2, ("--identities", "Give --host")),
    "a malformed identities file": Case(
        "--host {url} --identities {here}/malformed.jsonl", 2, ("malformed.jsonl:3", "not JSON", "one JSON object")
    ),
    "identities that everybody may read": Case(
        "--host {url} --identities {here}/open.jsonl", 2, ("open.jsonl", "0644", "chmod o-rwx {here}/open.jsonl")
    ),
    "no identities file": Case(
        "--host {url} --identities {here}/none.jsonl", 2, ("none.jsonl", "No such file", "Give")
    ),
    "too few identities": Case(f"{TARGET} --agents 60", 2, ("60 agents wanted, 6 in the file", "{ids}", "--agents 6")),
    "a report folder below a file": Case("--report-dir {ids}/reports", 2, ("--report-dir", "{ids}", "choose another")),
    "a report folder nobody can make": Case(
        "--report-dir /proc/reports", 2, ("--report-dir /proc/reports", "cannot be made", "Choose another")
    ),
    "a run folder that exists": Case("--run-id taken", 2, ("taken", "exists", "another --run-id")),
    "an unknown key in the SLO": Case("--slo {here}/slo.toml", 2, ("slo.toml:2", "p99ms", "Did you mean p99_ms?")),
    "an unknown option": Case("--emitrate 3", 2, ("--emitrate", "--emit-rate")),
    "a negative number": Case("--contacts -3", 2, ("--contacts", "-3 is not 0 or more")),
    "users that contradict": Case("--users 7", 2, ("7 users, but 6 agents and 3 contacts", "--users alone")),
    "too many accounts": Case("--accounts 50", 2, ("--accounts", "50 accounts for 6 agents", "fewer accounts")),
    "more users than allowed": Case("--max-users 3", 2, ("9 users planned, 3 allowed", "--max-users")),
    "tokens that nobody knows": Case(
        "--host {url} --identities {here}/strangers.jsonl -t 10m",
        4,
        ("No subscription was confirmed", "check pubsub_token", "INVALID", "unconfirmed"),
    ),
    "nothing to measure": Case(
        "--agents 2 --contacts 1 --emit-rate 0 --canary 0 --heartbeat 100000 -t 4s",
        4,
        ("INVALID", "nothing was measured", "check --emit-rate"),
    ),
    "a server that cannot start": Case(
        "", 4, ("embedded server", "a stub", "--host"), {"env": environment(PYTHONPATH="{here}/broken{path}")}
    ),
    "a server that cannot start, forked": Case(
        "--processes 2",
        4,
        ("embedded server", "a stub", "--host"),
        {"env": environment(PYTHONPATH="{here}/broken{path}")},
    ),
    "a server that never gets ready, forked in the background": Case(
        "--processes 2",
        4,
        ("embedded server", "not ready in time", "--host"),
        {"env": environment(PYTHONPATH="{here}/stuck{path}"), **BACKGROUND},
    ),
    "bad usage, forked in the background": Case(
        f"{TARGET} --agents 60 --processes 2", 2, ("60 agents wanted, 6 in the file",), BACKGROUND
    ),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder of wrong files, and of packages that break the embedded server."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "taken").mkdir()
    (folder / "slo.toml").write_text('[fanout."message.created".agent]\np99ms = { max = 1 }\n')
    for name, text in (("broken", "raise ImportError('a stub')"), ("stuck", "import time; time.sleep(600)")):
        (folder / name / "aiohttp").mkdir(parents=True)
        (folder / name / "aiohttp" / "__init__.py").write_text(text + "\n")
    (folder / "web").mkdir()
    (folder / "web" / "cable").write_text("a page")
    return folder


@pytest.fixture(scope="module")
def server(here):
    """A reference server; its identities lie in ``ids.jsonl``, in two variants that it would not know as well."""
    ids = here / "ids.jsonl"
    child = start_child(ServerSettings(population=POPULATION, identities_path=str(ids)))
    lines = ids.read_text().splitlines()
    (here / "malformed.jsonl").write_text("\n".join([*lines[:2], '{"type": }', *lines[2:]]))
    people = [json.loads(line) for line in lines]
    for person in people:
        if "pubsub_token" in person:
            person["pubsub_token"] = "nobody" + person["pubsub_token"][6:]
    (here / "strangers.jsonl").write_text("\n".join(json.dumps(person) for person in people))
    (here / "open.jsonl").write_text("\n".join(lines))
    for name, mode in (("malformed", 0o600), ("strangers", 0o600), ("open", 0o644)):
        (here / f"{name}.jsonl").chmod(mode)
    yield child
    child.stop()


@pytest.fixture(scope="module")
def web(here):
    """Base URL of a web server that has a page where the cable would be."""
    script = (
        "import functools, http.server as h, sys\n"
        "s = h.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(h.SimpleHTTPRequestHandler, directory='web'))\n"
        "print(s.server_port, flush=True)\n"
        "s.serve_forever()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


@pytest.fixture(scope="module")
def filled(here, server, web):
    """Fills in what a case's texts leave open."""
    inherited = os.environ.get("PYTHONPATH")
    values = {
        "here": str(here),
        "ids": str(here / "ids.jsonl"),
        "url": server.url,
        "cable": server.url.replace("http:", "ws:"),
        "web": web,
        "path": os.pathsep + inherited if inherited else "",
    }

    def fill(text):
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    return fill


@pytest.fixture(scope="module")
def outcomes(filled, here):
    """What came of every case, some at a time: the ended process, and what it left behind."""

    def run(item):
        name, case = item
        folder = here / name.replace(" ", "-").replace(",", "")
        given = [filled(option) for option in case.options.split()]
        shared, own = str(here / "ids.jsonl"), here / f"{folder.name}-ids.jsonl"
        if shared in given and "{ids}" not in case.says:  # a run locks its file, and these are under way together
            own.write_bytes((here / "ids.jsonl").read_bytes())
            own.chmod(0o600)
            given = [str(own) if option == shared else option for option in given]
        if "--processes" in given:
            given += map(str, forked(2))
        popen = dict(case.popen)
        if "env" in popen:
            popen["env"] = {key: filled(value) for key, value in popen["env"].items()}
        with Running(command("agents.py", folder, *SIZE, *given), folder, **popen) as running:
            return name, (running.wait(), running.survivors())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(run, CASES.items()))


@pytest.fixture(params=sorted(CASES))
def name(request):
    """Each of the cases in turn."""
    return request.param


def test_what_is_wrong_is_said_with_what_to_do(name, outcomes, filled):
    """The reader learns what is wrong, where, and what to do about it."""
    ran = outcomes[name][0]
    said = " ".join((ran.err + ran.out).split()).lower()
    missing = [part for part in map(filled, CASES[name].says) if part.lower() not in said]

    assert not missing, said


def test_the_exit_code_is_its_kinds(name, outcomes):
    """2 for wrong usage, 4 for a run that could not measure."""
    ran = outcomes[name][0]

    assert CASES[name].code == ran.code, ran.err


def test_no_traceback(name, outcomes):
    """Nothing of the program's inside is shown."""
    ran = outcomes[name][0]

    assert "Traceback" not in ran.out + ran.err


def test_it_is_said_in_one_paragraph(name, outcomes):
    """One line on standard error carries it, besides Locust's own log."""
    ran = outcomes[name][0]
    said = [line for line in ran.err.splitlines() if line.startswith("loadtest: ") or ": error: " in line]
    said = [line for line in said if "about to load" not in line]  # which is no error
    in_report = not said and "verdict" in ran.out

    assert len(said) == 1 or in_report, ran.err


def test_nothing_is_left_behind(name, outcomes):
    """No server and no worker outlives the run."""
    survivors = outcomes[name][1]

    assert not survivors


def test_only_what_began_leaves_a_folder(name, outcomes, here):
    """What was refused before the test has made no run folder; what was stored is never overwritten."""
    ran = outcomes[name][0]
    began = bool(ran.out.strip())

    assert began == (ran.folder / "run.sqlite").exists()
    assert not list((here / "taken").iterdir())
