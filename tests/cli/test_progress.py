"""Progress: a line that is written over on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import io

from loadtest.cli.progress import ProgressLine


class Terminal(io.StringIO):
    """What was written to a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_elsewhere_a_stage_is_a_line() -> None:
    """Written when the next begins; one without steps is none."""
    out = io.StringIO()
    progress = ProgressLine(out)
    progress.stage("users", 2)
    progress.step()
    progress.say("something happened")
    progress.step()
    progress.stage("nothing", 0)
    progress.stage("pages", 0)
    progress.step(15)
    progress.close()
    progress.close()

    assert ["something happened", "users 2/2", "pages 15"] == [line.strip() for line in out.getvalue().splitlines()]


def test_on_a_terminal_the_line_is_written_over() -> None:
    """With a bar and what is left; what is read in between stays on lines of its own."""
    now_s = 0.0
    out = Terminal()
    progress = ProgressLine(out, lambda: now_s)
    progress.stage("users", 4)
    now_s = 2.0
    progress.step(2)
    shown = out.getvalue()
    progress.say("something happened")
    progress.close()

    assert "[###############...............] 2/4, 2 s left" in shown
    assert "\n" not in shown
    assert ["something happened", "users 2/4"] == [
        line.rpartition("\r")[2].strip() for line in out.getvalue().split("\n")[:-1]
    ]


def test_a_terminal_is_not_flooded() -> None:
    """Steps that follow one another closely are drawn together."""
    out = Terminal()
    progress = ProgressLine(out, lambda: 0.0)
    progress.stage("users", 1000)
    for _ in range(1000):
        progress.step()

    assert out.getvalue().count("users") == 1
