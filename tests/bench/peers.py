"""The clients that are measured, and what each needs to be here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.processes import NATIVE, PeerError, compiled

ROOT = Path(__file__).parent.parent.parent
OURS = "onechat-loadtest"
ALL_STAMPS = "onechat-loadtest, stamps on all"
DRAIN = "C epoll drain"
NODE = "Node ws + JSON.parse"
ASYNCIO = "websockets asyncio"
SYNC = "websockets sync (gevent)"
PLAIN = "websocket-client (gevent)"
WSACCEL = "websocket-client + wsaccel"


@dataclass(frozen=True)
class Peer:
    """A client that can be started.

    Attributes:
        name: as tables show it.
        command: without the port and the number of sockets, which ``{port}`` and ``{sockets}`` stand for.
        environment: added to ours.
        missing: why it cannot be started; empty where it can.
    """

    name: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    def line(self, port: int, sockets: int) -> list[str]:
        """The command line."""
        return [part.format(port=port, sockets=sockets) for part in self.command]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.bench.{name}", *arguments)


def all_peers(folder: Path, *, fetch: bool = True) -> list[Peer]:
    """Every peer, those that are missing here with their reason; ours come first.

    Args:
        folder: where programs are compiled and packages fetched to.
        fetch: whether packages may be fetched.
    """
    on_path = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ours = ("{port}", "{sockets}")
    peers = [
        Peer(OURS, _module("client_ours", *ours, "0.1", "plain"), on_path),
        Peer(ALL_STAMPS, _module("client_ours", *ours, "1.0", "latency"), on_path),
    ]
    try:
        peers.append(Peer(DRAIN, (str(compiled("drain.c", folder)), *ours)))
    except PeerError as error:
        peers.append(Peer(DRAIN, missing=str(error)))
    peers += [
        *([_node(folder)] if fetch else []),
        Peer(ASYNCIO, _module("client_websockets", "asyncio", *ours), on_path),
        Peer(SYNC, _module("client_websockets", "sync", *ours), on_path),
    ]
    return peers + (_websocket_clients(folder, on_path) if fetch else [])


def _node(folder: Path) -> Peer:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return Peer(NODE, missing="node or npm is missing (Debian: apt-get install nodejs npm)")
    package = folder / "node_modules" / "ws"
    if not package.exists():
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error", "ws@8"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            return Peer(NODE, missing=f"npm install ws: {done.stderr.strip().splitlines()[-1:]}")
    return Peer(NODE, (node, str(NATIVE / "client.mjs"), str(package), "{port}", "{sockets}"))


def _websocket_clients(folder: Path, on_path: Mapping[str, str]) -> list[Peer]:
    if importlib.util.find_spec("websocket") is None:
        missing = "websocket-client is missing (it comes with Locust)"
        return [Peer(WSACCEL, missing=missing), Peer(PLAIN, missing=missing)]
    command = _module("client_websocket_client", "{port}", "{sockets}")
    if importlib.util.find_spec("wsaccel") is not None:
        return [Peer(WSACCEL, command, on_path), Peer(PLAIN, missing="wsaccel is installed here: remove it to compare")]
    packages = folder / "packages"
    if not packages.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages), "wsaccel"]
        done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            reason = f"pip install wsaccel: {done.stderr.strip().splitlines()[-1:]}"
            return [Peer(WSACCEL, missing=reason), Peer(PLAIN, command, on_path)]
    faster = {"PYTHONPATH": os.pathsep.join([str(packages), on_path["PYTHONPATH"]])}
    return [Peer(WSACCEL, command, faster), Peer(PLAIN, command, on_path)]
