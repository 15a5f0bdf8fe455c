"""What the master tells a worker of its part in a run, and how the worker reads it.

The embedded server's identities follow from a few numbers, so that only those travel. Others are sent, with their
tokens, over Locust's channel, which is not encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loadtest.directory import Directory, Population, generate
from loadtest.distributed import messages
from loadtest.users.ensemble import Ensemble, ensemble_of

Message = dict[str, Any]


def of_population(
    common: Message, population: Population, share: int, quotas: list[tuple[int, int]]
) -> Iterable[Message]:
    """The setup of a worker that makes up the embedded server's identities itself.

    Args:
        common: what every worker is told: host, settings, source of the identities.
        population: who there is.
        share: the worker's number.
        quotas: agents and contacts of every worker.
    """
    p = population
    numbers = {"population": [p.agents, p.contacts, p.members, p.accounts], "quotas": quotas}
    return messages.setup_parts({**common, **numbers, "share": share, "shares": len(quotas)})


def of_directory(common: Message, whole: Directory, share: int, quotas: list[tuple[int, int]]) -> Iterable[Message]:
    """The setup of a worker that is sent its identities; arguments as for :func:`of_population`."""
    hands = messages.deal(whole, quotas)
    ensemble = ensemble_of(whole, hands, share)
    return messages.setup_parts(
        {**common, "share": share, "shares": len(quotas), "contacts": ensemble.contacts},
        agents=hands[share].agents,
        contacts=hands[share].contacts,
        colleagues=ensemble.colleagues,
        places=ensemble.places,
        strangers=ensemble.strangers,
    )


def of_late(common: Message, unused: Directory, share: int) -> Iterable[Message]:
    """The setup of a worker that came during the test: it simulates others, and has no part in the plan."""
    plain = {**common, "share": share, "shares": share + 1, "contacts": 1}
    return messages.setup_parts(plain, agents=unused.agents, contacts=unused.contacts)


def read(setup: Message, seed: int) -> tuple[Directory, Ensemble]:
    """Whom a worker simulates, and its place in the fleet.

    Args:
        setup: what :func:`loadtest.distributed.messages.join_setup` made.
        seed: of the run.
    """
    share = setup["share"]
    if "population" in setup:
        whole = generate(Population(*setup["population"]), seed)
        hands = messages.deal(whole, setup["quotas"])
        return hands[share], ensemble_of(whole, hands, share)
    rows = setup["rows"]
    places, colleagues = rows.get("places", ()), messages.agents_of(rows.get("colleagues", ()))
    strangers = tuple((account_id, role, its_id) for account_id, role, its_id in rows.get("strangers", ()))
    ensemble = Ensemble(share, setup["shares"], tuple(places), setup["contacts"], colleagues, strangers)
    return messages.directory_of(rows, setup["source"]), ensemble
