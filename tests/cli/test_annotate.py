"""`loadtest annotate`: a moment on a run's time line."""

import pytest

from loadtest.cli import main
from loadtest.store import open_run
from tests.report.synthetic import Story, write_run


@pytest.fixture
def run(tmp_path):
    """A stored run."""
    return write_run(tmp_path / "run", Story(ramp=2, hold=3, drain=2))


def annotations(run):
    """Time and text of a run's annotations."""
    frame = open_run(run).note_frame()
    frame = frame[frame["kind"] == "annotation"]
    return list(zip(frame["at_s"], frame["text"], strict=True))


def test_a_moment_is_noted(run, capsys):
    """At the time given, in the words given, and shown by the report."""
    assert main(["annotate", str(run), "deploy  4.13", "--at", "5 s"]) == 0

    assert annotations(run) == [(5.0, "deploy 4.13")]
    assert "noted at 5 s of the run: deploy 4.13" in capsys.readouterr().out
    main(["report", str(run)])
    assert "deploy 4.13" in (run / "report.html").read_text(encoding="utf-8")


def test_without_a_time_it_is_now(run, capsys):
    """The note is of this moment, long after that run, which is said."""
    main(["annotate", str(run), "looked at it"])

    ((at_s, text),) = annotations(run)
    assert at_s > 0
    assert text == "looked at it"
    assert "which had ended" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "says"), [(["  "], "nothing to note"), (["x", "--at", "soon"], "no time")])
def test_mistakes_are_wrong_usage(run, arguments, says, capsys):
    """No text, and no time."""
    assert main(["annotate", str(run), *arguments]) == 2
    assert says in capsys.readouterr().err
