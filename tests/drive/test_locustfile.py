"""The locustfile that comes with the package."""

import pytest

from loadtest.drive.locustfile import write_locustfile
from loadtest.errors import UsageError


def test_it_is_a_locustfile_of_both_roles(tmp_path):
    """It compiles, and has a user of each role."""
    text = write_locustfile(tmp_path / "new").read_text(encoding="utf-8")
    compile(text, "users.py", "exec")

    assert "class Agent(AgentUser)" in text
    assert "class Contact(ContactUser)" in text


def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path):
    """Where a file stands in the way, the error names it."""
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="file"):
        write_locustfile(tmp_path / "file" / "folder")
