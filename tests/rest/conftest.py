"""HTTP servers in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import Certificates, make_certificates


@dataclass(frozen=True)
class HttpServer:
    """The ports of ``http_server.py``."""

    http: int
    https: int
    other_name: int
    raw: int


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server(certificates: Certificates) -> Iterator[HttpServer]:
    """The servers, started once."""
    script = Path(__file__).with_name("http_server.py")
    command = [sys.executable, str(script), certificates.server, certificates.key, certificates.other_name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield HttpServer(**json.loads(process.stdout.readline()))
        process.stdin.close()
