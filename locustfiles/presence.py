"""Presence: who is shown as there, and who really is; people come, go, and some go without a word.

locust -f locustfiles/presence.py --headless                             two minutes on the embedded server
locust -f locustfiles/presence.py --headless -t 60s                      a minute on the embedded server
locust -f locustfiles/presence.py --headless --agent-expiry 20           the documented beat on today's expiry
locust -f locustfiles/presence.py --headless --presence-scenario tabs=5  many tabs with one token
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.users import AgentUser, ContactUser


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """Many who only beat, few who write; the command line overrides all of it."""
    parser.set_defaults(
        agents=30,
        contacts=60,
        members=5,
        emit_rate=2.0,
        presence_scenario="churn=60/45,silent=30%",
        presence_oracle=5.0,
        run_time="120s",
        spawn_rate=40,
    )


class Agent(AgentUser):
    """Sees who else is there, and which contacts."""


class Contact(ContactUser):
    """Sees which agents are there."""
