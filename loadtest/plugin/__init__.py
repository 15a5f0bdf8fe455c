"""The Locust plugin: options, embedded target, collectors, report and exit code. A locustfile imports this once.

Listeners are registered here, at import: Locust calls ``quitting`` listeners in reverse order of registration, and ours
must run after the master has its workers' last reports.
"""

from typing import Any

import locust

from loadtest.plugin import forks, listeners

forks.register()

_events: Any = locust.events
_events.init_command_line_parser.add_listener(listeners.on_parser)
_events.init.add_listener(listeners.on_init)
_events.test_start.add_listener(listeners.on_test_start)
_events.spawning_complete.add_listener(listeners.on_spawning_complete)
_events.test_stopping.add_listener(listeners.on_test_stopping)
_events.test_stop.add_listener(listeners.on_test_stop)
_events.quitting.add_listener(listeners.on_quitting)
_events.quit.add_listener(listeners.on_quit)
