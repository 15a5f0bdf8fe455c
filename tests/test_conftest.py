"""The rule about peers, tried on a session of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED_PEER = """
import pytest

@pytest.mark.peer
@pytest.mark.skip(reason="puma is not installed")
def test_peer():
    pass
"""

SKIPPED_MODULE = """
import pytest

pytest.skip("puma is not installed", allow_module_level=True)
"""

SKIPPED_OTHER = """
import pytest

@pytest.mark.skip(reason="nothing to do with a peer")
def test_other():
    pass
"""


def run(folder: Path, text: str, required: str) -> int:
    """Run one test file under a copy of our conftest, and return pytest's exit code."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "conftest.py")
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    peer: needs a peer\n")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider"]
    environment = {**os.environ, "LOADTEST_REQUIRE_PEERS": required}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode


@pytest.mark.parametrize(
    ("text", "required", "expected"),
    [
        pytest.param(SKIPPED_PEER, "1", pytest.ExitCode.TESTS_FAILED, id="peer, required"),
        pytest.param(SKIPPED_PEER, "0", pytest.ExitCode.OK, id="peer, optional"),
        pytest.param(SKIPPED_MODULE, "1", pytest.ExitCode.TESTS_FAILED, id="module, required"),
        pytest.param(SKIPPED_OTHER, "1", pytest.ExitCode.OK, id="no peer, required"),
    ],
)
def test_a_skipped_peer_fails_the_session_where_peers_are_required(
    tmp_path: Path, text: str, required: str, expected: pytest.ExitCode
) -> None:
    """LOADTEST_REQUIRE_PEERS=1 allows no test of a peer to be skipped, alone or with its module."""
    actual = run(tmp_path, text, required)

    assert expected == actual
