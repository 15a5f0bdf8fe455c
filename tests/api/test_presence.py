"""What REST says of presence."""

import pytest

from loadtest.api.presence import parse_active, parse_statuses


def test_statuses_are_by_user_id():
    """The list of agents holds more than is read."""
    body = b'[{"id":1,"name":"Ann","availability_status":"busy"},{"id":2,"availability_status":"offline"}]'

    assert parse_statuses(body) == {1: "busy", 2: "offline"}


def test_active_contacts_come_in_pages():
    """The meta part says how many there are on all of them."""
    assert parse_active(b'{"meta":{"count":31,"current_page":1},"payload":[{"id":7},{"id":9}]}') == ([7, 9], 31)


@pytest.mark.parametrize("parse", [parse_active, parse_statuses])
def test_anything_else_is_a_value_error(parse):
    """A page of an error is no list."""
    with pytest.raises(ValueError, match="Expected"):
        parse(b'"not found"')
