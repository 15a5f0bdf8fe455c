"""Loss and reordering on servers that nobody here wrote, which do lose and reorder by themselves.

django-actioncable over Channels' in-memory layer drops what exceeds 100 messages of a burst. What the toolkit reports
lost is held, receiver by receiver, against a plain client on the same bursts. Action Cable sends every message as a job
of its own on two pools of threads, so it overtakes but loses nothing.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import pandas as pd
import pytest

from loadtest.directory import Agent, Population, generate, write_identities
from loadtest.store import open_run
from tests.e2e.child import Child
from tests.e2e.plain_listener import name_of
from tests.e2e.rails_server import RailsServer
from tests.plugin.locusts import Ran, locust

pytestmark = pytest.mark.peer

TALK = ("--mix", "none", "--typing", 0, "--think-time", 0.2, "--session", 0, "--heartbeat", 600, "--spawn-rate", 50)
PEOPLE = generate(Population(agents=2, contacts=4, members=1, accounts=2))
"""Each message has one agent and one contact to reach, so that a lost delivery names its receiver."""


@dataclass
class Burst:
    """A run on the lossy server, beside a plain client.

    Attributes:
        ran: the run.
        heard: receiver -> mark and conversation of each message that the plain client was sent.
    """

    ran: Ran
    heard: dict[str, list[tuple[str, int]]]

    @property
    def closings(self) -> pd.DataFrame:
        """The ledger's rows of messages."""
        frame = open_run(self.ran.folder).closing_frame()
        return frame[frame["event"] == "message.created"]


@pytest.fixture(scope="module")
def burst(tmp_path_factory: pytest.TempPathFactory) -> Burst:
    """Nine seconds of 160 messages a second, which the server's queue sends in bursts of about 480."""
    missing = [name for name in ("actioncable", "channels", "uvicorn") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing (pip install -e '.[test]')")
    folder = tmp_path_factory.mktemp("lossy")
    identities = folder / "identities.jsonl"
    write_identities(identities, PEOPLE)
    python = [sys.executable, "-m"]
    with Child([*python, "tests.e2e.channels_app", str(identities)], re.compile(r"Listening on (http://\S+)")) as app:
        url = app.wait_ready()[1]
        cable_url = url.replace("http", "ws", 1) + "/cable"
        with Child([*python, "tests.e2e.plain_listener", cable_url, str(identities)], re.compile("listening")) as plain:
            plain.wait_ready()
            ran = locust(
                "mixed.py",
                folder / "run",
                *("--host", url, "--identities", identities, "--agents", 2, "--contacts", 4),
                *TALK,
                *("--emit-rate", 160, "--deadline", 5, "--run-time", "9s"),
            )
            plain.close_stdin()
            plain.wait()
            heard = json.loads(plain.log.splitlines()[-1])
    return Burst(ran, {who: [tuple(one) for one in marks] for who, marks in heard.items()})


def account_of(receiver: str) -> int:
    """The account whose messages a receiver gets."""
    (who,) = (who for who in (*PEOPLE.agents, *PEOPLE.contacts) if name_of(who) == receiver)
    return who.account_ids[0] if isinstance(who, Agent) else who.account_id


def sent_to(burst: Burst, receiver: str) -> set[str]:
    """The marks of all messages that a receiver was there for."""
    rows, role = burst.closings, receiver.partition(":")[0]
    rows = rows[(rows["role"] == role) & (rows["delivered"] + rows["late"] + rows["lost"] == 1)]
    if role == "agent":
        return set(rows[rows["account_id"] == account_of(receiver)]["mark"])
    conversations = {conversation for _, conversation in burst.heard[receiver]}
    return set(rows[rows["conversation_id"].isin(conversations)]["mark"])


def test_the_run_sent_bursts_that_the_layer_cannot_hold(burst: Burst) -> None:
    """Both roles lose messages, and both get some: otherwise nothing would be proven."""
    sums = burst.closings.groupby("role")[["delivered", "lost"]].sum()

    assert {"agent", "contact"} == set(sums.index), burst.ran.err
    assert sums.to_numpy().min() > 20


@pytest.mark.parametrize("receiver", [name_of(who) for who in (*PEOPLE.agents, *PEOPLE.contacts)])
def test_what_is_reported_lost_is_what_a_plain_client_missed(burst: Burst, receiver: str) -> None:
    """For each receiver the ledger's lost messages are those that a plain client beside it was never sent."""
    sent = sent_to(burst, receiver)
    rows = burst.closings
    of_role = rows[(rows["role"] == receiver.partition(":")[0]) & rows["mark"].isin(sent)]
    reported = set(of_role[of_role["lost"] == 1]["mark"])
    missed = sent - {mark for mark, _ in burst.heard[receiver]}

    assert missed
    assert missed == reported


def test_nothing_else_is_reported(burst: Burst) -> None:
    """The lossy server doubles, reorders and leaks nothing, and no delivery is left undetermined."""
    rows = burst.closings
    named = ["duplicated", "reordered", "leaked", "undetermined"]

    assert dict.fromkeys(named, 0) == rows[named].sum().to_dict()
    assert (rows["expected"] == rows[["delivered", "late", "lost", "cut_by_peer"]].sum(axis=1)).all()


@pytest.fixture(scope="module")
def on_rails(rails: RailsServer, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Action Cable at 80 messages a second, eleven receivers each: its threads are busy, and overtake each other."""
    return locust(
        "mixed.py",
        tmp_path_factory.mktemp("reordering") / "run",
        *("--host", rails.base_url, "--identities", rails.identities, "--agents", 50, "--contacts", 50),
        *TALK,
        *("--emit-rate", 80, "--deadline", 8, "--run-time", "9s"),
    )


def test_action_cable_reorders_and_loses_nothing(on_rails: Ran) -> None:
    """Its reordering is reported; nothing is called lost, doubled or leaked."""
    row = on_rails.sums()

    assert row["emitted"] > 200, on_rails.err
    assert row["reordered"] > 0
    assert (0, 0, 0) == (row["lost"], row["duplicated"], row["leaked"])
