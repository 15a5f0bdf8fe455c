"""Progress that nobody watches."""

from __future__ import annotations

from loadtest.target.progress import Progress, Silence


def test_silence_shows_nothing(capsys) -> None:
    """It can be told everything."""
    progress: Progress = Silence()
    progress.stage("users", 2)
    progress.step()
    progress.say("something")

    assert ("", "") == tuple(capsys.readouterr())
