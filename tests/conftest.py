"""What all tests share: the patching order, hypothesis' profiles, and the rule about peers.

``import locust`` stands before any other import because it patches sockets, ssl and threads: where a test imported
requests, urllib3 or aiohttp first, they would be left half patched (RecursionError in ssl, and a warning that
``-W error`` makes fatal).

Seeds: pytest-randomly prints the one it gave ``random`` and numpy (``--randomly-seed=N`` repeats it);
hypothesis prints, with a failure, the example and the decorator that replays it.
"""

import locust  # noqa: F401 - for its patching

# isort: split
import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# Examples are made while other work shares the cores: how long one takes says nothing about the code.
_SLOW_MACHINE = [HealthCheck.too_slow]
settings.register_profile("dev", deadline=None, max_examples=100, print_blob=True, suppress_health_check=_SLOW_MACHINE)
settings.register_profile("ci", parent=settings.get_profile("dev"), max_examples=300, database=None)
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
settings.load_profile(_PROFILE)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs with Ctrl-C ignored, and what ignores it hands that on to the runs it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

REQUIRE_PEERS = "LOADTEST_REQUIRE_PEERS"
"""Set to 1 where every peer is installed (CI): a test that was skipped for want of one then fails."""

_skipped_modules: list[str] = []


def _peers_required() -> bool:
    return os.environ.get(REQUIRE_PEERS) == "1"


def pytest_report_header() -> str:
    """Say how thorough hypothesis is and whether peers may be missing."""
    peers = "required" if _peers_required() else f"optional ({REQUIRE_PEERS}=1 requires them)"
    return f"hypothesis profile: {_PROFILE} ({settings().max_examples} examples), peers: {peers}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a peer's test into a failure where peers are required."""
    report = yield
    is_skip = report.skipped and not hasattr(report, "wasxfail")
    if is_skip and _peers_required() and item.get_closest_marker("peer") is not None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs a peer that is missing, and {REQUIRE_PEERS}=1 requires it. {reason}"
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember modules that skipped themselves as a whole: nobody can tell which of their tests need a peer."""
    if report.skipped:
        _skipped_modules.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session for such a module where peers are required."""
    if _peers_required() and _skipped_modules and session.exitstatus in (pytest.ExitCode.OK, 5):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which modules failed the session that way."""
    if _peers_required():
        for nodeid in _skipped_modules:
            terminalreporter.write_line(f"FAILED {nodeid}: skipped as a whole, and {REQUIRE_PEERS}=1 allows no skip")
