"""Who is simulated, and which plans are refused before anything starts."""

from argparse import Namespace

import pytest
from locust import events
from locust.argument_parser import get_parser

from loadtest.errors import UsageError
from loadtest.plugin import preparation
from loadtest.users import AgentUser, ContactUser


class _Agent(AgentUser):
    abstract = True


class _Contact(ContactUser):
    abstract = True


BOTH = [_Agent, _Contact]


@pytest.fixture
def options():
    """The options of a locustfile whose own defaults are 50 agents and 5 contacts."""

    def defaults(parser, **_):
        parser.set_defaults(agents=50, contacts=5)

    events.init_command_line_parser.add_listener(defaults)
    yield get_parser(default_config_files=[]).parse_args([])
    events.init_command_line_parser.remove_listener(defaults)


def test_another_host_on_the_page_is_refused(options):
    """Nobody has looked at it, and no brake was held against it; an emptied one is the old one."""
    environment = Namespace(host="https://other.example/", parsed_options=options)
    with pytest.raises(UsageError, match=r"to go to https://other\.example, and this process has looked at http://a:1"):
        preparation.hold_to("http://a:1", environment, 5)
    assert (environment.host, options.host) == ("http://a:1", "http://a:1")

    environment.host = ""
    preparation.hold_to("http://a:1", environment, 5)
    assert environment.host == "http://a:1"


def test_a_rate_on_the_page_is_held_against_the_brake(options):
    """The form's rate may be another one than that of the command line."""
    options.max_emit_rate, options.emit_rate = 2.0, 20.0
    with pytest.raises(UsageError, match="20 messages a second planned, 2 allowed"):
        preparation.hold_to("http://a:1", Namespace(host="http://a:1/", parsed_options=options), 5)


@pytest.mark.parametrize(
    ("users", "expected"), [(None, (50, 5)), (55, (50, 5)), (110, (100, 10)), (11, (10, 1)), (2, (1, 1)), (1, (1, 0))]
)
def test_users_alone_are_split_by_the_locustfiles_ratio(options, users, expected):
    """``-u`` without a population keeps the proportion of the locustfile."""
    options.num_users = users

    assert preparation.planned_population(options, BOTH) == expected


def test_a_kind_without_a_user_class_is_not_simulated(options):
    """A locustfile with contacts only simulates contacts only."""
    assert preparation.planned_population(options, [_Contact]) == (0, 5)


def test_users_and_population_must_agree(options):
    """``-u`` that contradicts a given population is refused with both numbers."""
    options.agents, options.num_users = 7, 100

    with pytest.raises(UsageError, match="100 users, but 7 agents and 5 contacts"):
        preparation.planned_population(options, BOTH)


def test_nobody_is_nobody(options):
    """A run without users is refused."""
    options.agents = options.contacts = 0

    with pytest.raises(UsageError, match="no users"):
        preparation.planned_population(options, BOTH)


@pytest.mark.parametrize(("limit", "value"), [("max_users", 54), ("max_emit_rate", 9.5)])
def test_brakes_refuse_a_plan_beyond_them(options, limit, value):
    """A plan that exceeds what was allowed does not start."""
    setattr(options, limit, value)

    with pytest.raises(UsageError, match="allowed"):
        preparation.apply_brakes(options, 55)


@pytest.mark.parametrize(("users", "rate"), [(None, 5.0), (60, None), (None, None)])
def test_a_load_without_bounds_of_its_own_needs_brakes_off_loopback(options, users, rate):
    """Storms and searches for a limit are told what a target may be asked to bear at most."""
    options.require_brakes, options.max_users, options.max_emit_rate = True, users, rate
    options.emit_rate = 1.0

    with pytest.raises(UsageError, match="no bound of its own") as caught:
        preparation.apply_brakes(options, 55, "https://chat.example.com")
    for host in (None, "http://127.0.0.1:3000"):
        assert preparation.apply_brakes(options, 55, host) is None

    assert ("--max-users" in caught.value.remedy, "--max-emit-rate" in caught.value.remedy) == (not users, not rate)


@pytest.mark.parametrize("host", ["http://chat.example.com", "ws://192.0.2.7:3000"])
def test_tokens_do_not_leave_this_machine_in_plain_text(options, host):
    """http:// off loopback needs to be asked for."""
    with pytest.raises(UsageError, match="unencrypted"):
        preparation.check_host(host, options)


@pytest.mark.parametrize("host", ["http://127.0.0.1:3000", "http://localhost", "http://[::1]:9", "https://example.com"])
def test_loopback_and_tls_are_fine(options, host):
    """Nobody but this machine reads loopback, and TLS is encrypted."""
    assert preparation.check_host(host, options) is None


@pytest.mark.parametrize(("option", "value"), [("faults", "loss=1%"), ("truth", "truth.jsonl")])
def test_a_target_of_somebody_elses_does_no_wrong_on_command(options, option, value):
    """Faults and their truth are the embedded server's; with a host they are refused with what to do instead."""
    setattr(options, option, value)

    with pytest.raises(UsageError, match=f"--{option}") as caught:
        preparation.check_host("http://127.0.0.1:3000", options)

    assert "loadtest serve" in caught.value.remedy


def test_faults_and_their_truth_go_to_the_embedded_server(options):
    """The server is told what was asked for, and the run's seed decides."""
    options.faults, options.truth, options.seed = "loss=2%", "truth.jsonl", 7
    settings = preparation.server_settings(options, 1, 1)

    assert (settings.faults, settings.truth_path, settings.seed) == ("loss=2%", "truth.jsonl", 7)


def test_a_target_needs_identities(options):
    """Without identities nobody can subscribe, and the error says how to get an example."""
    with pytest.raises(UsageError, match="identities") as caught:
        preparation.identities_for(options, 1, 1)

    assert "loadtest serve --identities" in caught.value.remedy


@pytest.mark.parametrize(("rate", "timeout_s", "expected"), [(0, 10, 32), (10, 10, 300), (1000, 10, 2048)])
def test_the_pool_holds_what_littles_law_asks(rate, timeout_s, expected):
    """The pool is at least rate x timeout for messages and their typing, within bounds."""
    assert preparation.pool_size(rate, timeout_s) == expected


@pytest.mark.parametrize(("elsewhere", "checked"), [(False, [(1000 + 2 * 300, 2)]), (True, [])])
def test_the_machine_is_asked_for_what_the_run_needs(options, monkeypatch, elsewhere, checked):
    """Files of this process's share of the users, and ports of all of them, unless they leave from other machines."""
    files, ports = [], []
    monkeypatch.setattr(preparation.host_limits, "raise_file_limit", lambda *told: files.append(told))
    monkeypatch.setattr(preparation.host_limits, "check_ports", lambda *told: ports.append(told))
    options.emit_rate, options.rest_timeout, options.rest_pool = 10.0, 10.0, 0
    options.processes, options.source_address = 2, "127.0.0.1,127.0.0.2"
    preparation.check_machine(options, 1000, elsewhere=elsewhere)

    assert ([(500 + 300, 2)], checked) == (files, ports)


def test_a_run_waits_for_its_users_as_long_as_they_take(options):
    """To be started at their rate, to be answered, and a little more; and at its end for deliveries and calls."""
    options.deadline, options.rest_timeout = 4.0, 6.0
    settings = preparation.fleet_settings(options, "abc123")
    patience = preparation.patience(options, settings, 300)

    assert patience.confirm_s == settings.confirm_timeout_s + 300 / settings.connect_rate + 5.0
    assert patience.drain_s == 15.0


def test_a_pool_that_was_asked_for_is_taken(options):
    """``--rest-pool`` says how many connections there are, however many the rate asks for."""
    options.rest_pool = 1

    assert preparation.fleet_settings(options, "abc123").rest_connections == 1


def test_settings_travel_as_plain_types(options):
    """Settings survive the way to a worker."""
    settings = preparation.fleet_settings(options, "abc123")

    assert type(settings).from_plain(settings.to_plain()) == settings
    assert isinstance(options, Namespace)
