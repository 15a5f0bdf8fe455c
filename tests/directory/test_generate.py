"""The made-up installation: sizes, widths and spread hold for every population."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.directory import Agent, Audiences, Directory, Population, generate
from loadtest.errors import UsageError

populations = st.builds(
    lambda accounts, extra_agents, contacts, members: Population(accounts + extra_agents, contacts, members, accounts),
    accounts=st.integers(1, 6),
    extra_agents=st.integers(0, 60),
    contacts=st.integers(0, 60),
    members=st.integers(1, 80),
)


def agents_of(directory: Directory, account_id: int) -> list[Agent]:
    return [agent for agent in directory.agents if account_id in agent.account_ids]


@settings(deadline=None)
@given(populations)
def test_counts_are_what_was_asked_for(population: Population) -> None:
    """There are exactly as many agents and contacts as asked for, in exactly the accounts asked for."""
    directory = generate(population)

    expected = (population.agents, population.contacts, tuple(range(1, population.accounts + 1)))
    assert expected == (len(directory.agents), len(directory.contacts), directory.account_ids())


@settings(deadline=None)
@given(populations)
def test_every_inbox_is_exactly_as_wide_as_asked_for(population: Population) -> None:
    """Each inbox is seen by the members asked for, or by all agents of its account when there are fewer.

    One member is the exception where the account has agents beside its administrator: who sees all inboxes anyway.
    """
    members = max(2, population.members)
    directory = generate(population)
    audiences = Audiences(directory.agents)

    for account_id in directory.account_ids():
        staff = agents_of(directory, account_id)
        for inbox_id in {inbox_id for agent in staff for inbox_id in agent.inbox_ids}:
            assert min(members, len(staff)) == len(audiences.user_ids(account_id, inbox_id))


@settings(deadline=None)
@given(populations)
def test_every_agent_has_an_inbox(population: Population) -> None:
    """No agent but a lone administrator is without an inbox, so every agent's socket has something to receive."""
    directory = generate(population)

    assert [agent.user_id for agent in directory.agents if not agent.inbox_ids] == []


@settings(deadline=None)
@given(populations)
def test_each_account_has_one_administrator(population: Population) -> None:
    """Each account has exactly one administrator."""
    directory = generate(population)

    administrators = [agent.account_id for agent in directory.agents if agent.role == "administrator"]
    assert list(directory.account_ids()) == sorted(administrators)


@settings(deadline=None)
@given(populations)
def test_inboxes_belong_to_one_account(population: Population) -> None:
    """An inbox's members and contacts are all of one account."""
    directory = generate(population)

    pairs = {(inbox_id, agent.account_id) for agent in directory.agents for inbox_id in agent.inbox_ids}
    pairs |= {(contact.inbox_id, contact.account_id) for contact in directory.contacts}
    assert len(directory.inbox_ids()) == len(pairs)


@settings(deadline=None)
@given(populations, st.data())
def test_a_prefix_is_spread_over_the_accounts(population: Population, data: st.DataObject) -> None:
    """The first so many agents are dealt to the accounts evenly, as far as the accounts' sizes allow."""
    directory = generate(population)
    smallest = min(len(agents_of(directory, account_id)) for account_id in directory.account_ids())
    length = data.draw(st.integers(0, smallest * population.accounts))

    counts = Counter(agent.account_id for agent in directory.agents[:length])
    shares = [counts[account_id] for account_id in directory.account_ids()]
    assert max(shares) - min(shares) <= 1


@settings(deadline=None)
@given(populations, st.integers(0, 1000))
def test_the_same_arguments_give_the_same_directory(population: Population, seed: int) -> None:
    """Server and run compute the same identities from the same arguments."""
    assert generate(population, seed) == generate(population, seed)


@settings(deadline=None)
@given(populations)
def test_tokens_are_unique(population: Population) -> None:
    """No two identities share a token, and no token serves two purposes."""
    directory = generate(population)

    tokens = [token for agent in directory.agents for token in (agent.pubsub_token, agent.access_token)]
    tokens += [token for contact in directory.contacts for token in (contact.pubsub_token, contact.source_id)]
    assert len(tokens) == len(set(tokens))


@settings(deadline=None)
@given(populations)
def test_an_inbox_has_one_identifier(population: Population) -> None:
    """All contacts of an inbox name it alike, and no other inbox so."""
    directory = generate(population)

    pairs = {(contact.inbox_id, contact.inbox_identifier) for contact in directory.contacts}
    assert len({inbox_id for inbox_id, _ in pairs}) == len(pairs) == len({identifier for _, identifier in pairs})


def test_another_seed_gives_other_tokens() -> None:
    """Two seeds share no token."""
    population = Population(agents=5, contacts=5, members=3)
    tokens = [{agent.pubsub_token for agent in generate(population, seed).agents} for seed in (1, 2)]

    assert set() == tokens[0] & tokens[1]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"agents": -1, "contacts": 0, "members": 1}, "--agents"),
        ({"agents": 0, "contacts": -1, "members": 1}, "--contacts"),
        ({"agents": 1, "contacts": 1, "members": 0}, "--members"),
        ({"agents": 1, "contacts": 1, "members": 1, "accounts": 0}, "--accounts"),
        ({"agents": 1, "contacts": 1, "members": 1, "accounts": 2}, "--accounts"),
    ],
)
def test_an_impossible_population_names_its_option(arguments: dict[str, int], option: str) -> None:
    """A population that cannot be made is a usage error that names the option."""
    with pytest.raises(UsageError) as caught:
        Population(**arguments)

    assert option == caught.value.where
