"""``loadtest asyncapi``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.cli import main
from loadtest.contract.asyncapi import asyncapi_document


def test_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file the document goes to standard output."""
    code = main(["asyncapi"])

    assert (0, asyncapi_document("seed")) == (code, json.loads(capsys.readouterr().out))


def test_the_document_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a file it goes there, and nothing is printed."""
    file = tmp_path / "onechat.json"

    main(["asyncapi", "--dialect", "current", "-o", str(file)])

    assert ("", asyncapi_document("current")) == (capsys.readouterr().out, json.loads(file.read_text()))


def test_a_file_that_cannot_be_written_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that does not exist ends with exit code 2 and says what to do."""
    code = main(["asyncapi", "-o", str(tmp_path / "none" / "x.json")])

    assert 2 == code
    assert "Choose another file" in capsys.readouterr().err
