"""Settings travel to workers as plain values."""

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st
from locust.rpc.protocol import Message

from loadtest.users import FleetSettings

seconds = st.floats(0, 1e6) | st.integers(0, 10**6)
settings = st.builds(
    FleetSettings,
    run_tag=st.text("abcdefghij0123456789", min_size=6, max_size=6),
    seed=st.integers(0, 2**63),
    emit_rate=seconds,
    stay_s=seconds,
    ca_file=st.none() | st.text(),
    origin=st.none() | st.text(),
    subprotocols=st.none() | st.lists(st.text()).map(tuple),
    headers=st.lists(st.tuples(st.text(), st.text())).map(tuple),
    source_addresses=st.lists(st.text()).map(tuple),
    agent_expiry_s=st.none() | seconds,
    reconnect=st.sampled_from(["official", "chatwoot", "immediate", "none"]),
)


@given(settings)
def test_settings_survive_the_way_to_a_worker(given_):
    """Through Locust's own serialisation a worker gets what the master has."""
    message = Message("cable_setup", {"settings": given_.to_plain()}, "master").serialize()
    arrived = Message.unserialize(message).data["settings"]

    assert given_ == FleetSettings.from_plain(arrived)


def test_headers_are_not_shown():
    """They may hold secrets."""
    assert "s3cret" not in repr(FleetSettings("abc123", headers=(("Authorization", "s3cret"),)))


def test_every_option_but_the_tag_has_a_default():
    """Tests and other tools give only what they mean."""
    plain = FleetSettings("abc123").to_plain()

    assert {field.name for field in fields(FleetSettings)} == set(plain)
