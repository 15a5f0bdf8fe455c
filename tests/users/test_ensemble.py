"""The same people play the same exchanges on however many processes."""

from hypothesis import given
from hypothesis import strategies as st

from loadtest.collect.people import People
from loadtest.directory import Population, generate
from loadtest.distributed import messages
from loadtest.plan import uniform
from loadtest.users.ensemble import Answerers, Ensemble, ensemble_of, sees

WHOLE = generate(Population(agents=9, contacts=7, members=4))
populations = st.builds(Population, st.integers(1, 20), st.integers(1, 20), st.integers(1, 6))


def dealt(whole, shares):
    """Everybody, over so many workers: their directories and places."""
    quotas = [
        (len(whole.agents[n::shares]), len(whole.contacts[n::shares]))  # as even as it goes
        for n in range(shares)
    ]
    hands = messages.deal(whole, quotas)
    return [(hand, ensemble_of(whole, hands, n)) for n, hand in enumerate(hands)]


@given(populations, st.integers(1, 5), st.integers(0, 3))
def test_every_exchange_has_one_process_and_one_pair_of_people(population, shares, seed):
    """Who asks and who may answer depends on the exchange alone."""
    whole = generate(population)
    alone = [(whole, Ensemble.alone(len(whole.contacts)))]

    def cast(crew):
        found = {}
        for slot in range(30):
            for hand, ensemble in crew:
                number = ensemble.contact_of(seed, slot)
                if number is not None:
                    contact = hand.contacts[number]
                    everybody = range(len(hand.agents))
                    draw = uniform(seed, "agent", slot)
                    agent = Answerers(People(hand), ensemble).choose(contact, everybody, draw)
                    found.setdefault(slot, []).append((contact.contact_id, agent.user_id))
        return found

    assert cast(alone) == cast(dealt(whole, shares))
    assert all(len(pairs) == 1 for pairs in cast(alone).values())
    assert 30 == len(cast(alone))


def test_only_who_is_connected_answers_here():
    """Of this process's own agents that is known; those of others are taken to be there."""
    (hand, ensemble), *_ = dealt(WHOLE, 3)
    contact = hand.contacts[0]
    own = {agent.user_id for agent in hand.agents}
    answerers = Answerers(People(hand), ensemble)
    chosen = {answerers.choose(contact, (), n / 50).user_id for n in range(50)}

    assert chosen
    assert not chosen & own


def test_nobody_there_is_nobody():
    """A contact whose inbox has no agent online gets no answer."""
    answerers = Answerers(People(WHOLE), Ensemble.alone(7))

    assert answerers.choose(WHOLE.contacts[0], (), 0.5) is None


def test_without_contacts_exchanges_are_counted_in_turn():
    """Each by one process, which drops it."""
    crew = [Ensemble(n, 3, (), 0) for n in range(3)]

    assert [[slot % 3] for slot in range(9)] == [
        [e.share for e in crew if e.contact_of(0, slot) is not None] for slot in range(9)
    ]


def test_colleagues_are_those_who_see_the_inboxes_here():
    """No more tokens travel than are needed."""
    for hand, ensemble in dealt(WHOLE, 3):
        assert all(any(sees(agent, contact) for contact in hand.contacts) for agent in ensemble.colleagues)
        assert not {a.user_id for a in ensemble.colleagues} & {a.user_id for a in hand.agents}


def test_an_agent_of_another_account_sees_nothing():
    """Nor does one of another inbox; an administrator sees all of its account."""
    two = generate(Population(agents=6, contacts=4, members=2, accounts=2))
    contact = two.contacts[0]
    seen = [agent for agent in two.agents if sees(agent, contact)]

    assert all(contact.account_id in agent.account_ids for agent in seen)
    assert {"administrator"} <= {agent.role for agent in seen}
    assert len(seen) < len(two.agents)
