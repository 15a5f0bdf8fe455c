"""``loadtest options`` lists what a run adds to Locust's command line."""

import subprocess
import sys

from loadtest.users.options import add_options


class _Recorder:
    """Takes the options as a parser would."""

    def __init__(self):
        self.flags = []

    def add_argument_group(self, *_):
        return self

    def add_argument(self, flag, **_):
        self.flags.append(flag)
        return self


def test_every_option_is_listed_with_its_environment_variable():
    """No option of the group is missing from the list."""
    recorder = _Recorder()
    add_options(recorder)
    done = subprocess.run([sys.executable, "-m", "loadtest", "options"], check=True, capture_output=True, text=True)
    missing = [
        flag
        for flag in recorder.flags
        if flag not in done.stdout or f"LOADTEST_{flag[2:].upper().replace('-', '_')}" not in done.stdout
    ]

    assert (len(recorder.flags) > 20, missing, done.stderr) == (True, [], "")
