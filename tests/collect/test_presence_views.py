"""What a presence.update says, as bits; against a plain reading of the same frames."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.collect.presence_views import Reader, Roster, glance

ROSTER = Roster([(0, 11), (1, 12), (2, 13)], [(3, 11), (4, 22)])


def frame(users, contacts=None, account_id=1):
    """A frame's data."""
    told = {"account_id": account_id, "users": users}
    return json.dumps(told if contacts is None else {**told, "contacts": contacts}).encode()


def test_users_and_contacts_of_the_same_id_are_two_people():
    """User 11 and contact 11 have places of their own."""
    told = Reader(ROSTER).read(frame({"11": "online"}, {"11": "online", "22": "online"}))

    assert (told.online, told.others) == (0b11001, 2)


def test_statuses_are_apart_and_strangers_are_passed_over():
    """Busy counts as shown, offline as listed; whoever is not simulated here has no bit."""
    told = Reader(ROSTER).read(frame({"11": "busy", "12": "offline", "99": "online"}, {}))

    assert (told.busy, told.offline, told.shown) == (0b001, 0b010, 0b001)


def test_a_frame_of_the_same_bytes_is_the_same_object():
    """Views share what they were told alike."""
    reader = Reader(ROSTER)

    assert reader.read(frame({"11": "online"}, {})) is reader.read(frame({"11": "online"}, {}))


def test_a_contacts_frame_says_nothing_of_contacts():
    """What agents were told of contacts before does not leak into what a contact is told."""
    reader = Reader(ROSTER)
    reader.read(frame({"11": "online"}, {"22": "online"}))

    assert reader.read(frame({"12": "online"})).shown == 0b010


_STATUSES = st.sampled_from(("online", "busy", "offline"))
_USERS = st.dictionaries(st.sampled_from(("11", "12", "13", "77")), _STATUSES)
_CONTACTS = st.none() | st.dictionaries(st.sampled_from(("11", "22", "77")), _STATUSES)


@given(st.lists(st.tuples(_USERS, _CONTACTS), max_size=12))
def test_differences_come_to_what_a_plain_reading_says(frames):
    """However the frames follow one another, each says exactly what stands in it."""
    reader = Reader(ROSTER)
    for users, contacts in frames:
        told = reader.read(frame(users, contacts))
        plain = {"online": 0, "busy": 0, "offline": 0}
        for names, places in ((users, ROSTER.users), (contacts or {}, ROSTER.contacts)):
            for name, status in names.items():
                plain[status] |= (1 << places[name]) if name in places else 0

        assert plain == {"online": told.online, "busy": told.busy, "offline": told.offline}


@given(st.sets(st.integers(0, 4)))
def test_places_and_bits_are_each_others_inverse(places):
    """A set of places survives as bits, and as a mask."""
    bits = sum(1 << place for place in places)
    mask = np.array([place in places for place in range(5)])

    assert ROSTER.places(bits).tolist() == sorted(places)
    assert ROSTER.bits(mask) == bits


@pytest.mark.parametrize(
    ("data", "others"), [(frame({"11": "online"}), 0), (frame({}, {}), 0), (frame({}, {"5": "online"}), 1)]
)
def test_a_glance_tells_the_account_and_whether_contacts_are_in_it(data, others):
    """Of an observer who is not followed only safety is read."""
    told = glance(data)

    assert (told.account_id, told.others, told.shown) == (1, others, 0)


@pytest.mark.parametrize("read", [Reader(ROSTER).read, glance])
def test_what_is_no_presence_is_an_error(read):
    """The receiver hands it to the contract's checker."""
    with pytest.raises(msgspec.MsgspecError):
        read(b'"nobody"')
