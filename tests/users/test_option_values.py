"""What options may be: read while the command line is, and refused by what is wrong."""

import sys
from argparse import ArgumentTypeError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.directory import Population, generate, write_identities
from loadtest.users import option_values as values


@pytest.mark.parametrize(
    "read", [values.number(0, whole=True), values.number(0, above=True), values.rate], ids=["whole", "above 0", "rate"]
)
@given(text=st.text())
def test_no_text_breaks_a_number(read, text):
    """Whatever is given for a number, it is taken as a usable one or refused."""
    try:
        value = read(text)
    except ArgumentTypeError:
        return
    assert 0 <= value <= sys.float_info.max


@pytest.mark.parametrize(
    ("text", "says"), [("2", "2 is not above 2"), ("1", "1 is not above 2"), ("x", "'x' is not a whole number")]
)
def test_a_bound_is_told(text, says):
    """What it is not."""
    with pytest.raises(ArgumentTypeError, match=says):
        values.number(2, above=True, whole=True)(text)


@pytest.mark.parametrize("content", ["not json\n", '{"kind": "alien"}\n'])
def test_a_broken_identities_file_is_refused_with_its_line(tmp_path, content):
    """The file is read while the command line is: a mistake in it is one too."""
    path = tmp_path / "identities.jsonl"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ArgumentTypeError, match=f"{path}:1"):
        values.identities(str(path))


def test_a_good_identities_file_stays_a_name(tmp_path):
    """The option keeps the file's name, which every process can read again."""
    path = tmp_path / "identities.jsonl"
    write_identities(path, generate(Population(2, 1, 2)))

    assert str(path) == values.identities(str(path))


def test_a_broken_slo_file_is_refused(tmp_path):
    """Limits that cannot be read never let a run start."""
    path = tmp_path / "slo.toml"
    path.write_text("[[[")

    with pytest.raises(ArgumentTypeError, match=str(path)):
        values.slo(str(path))


def test_the_report_dir_need_not_exist(tmp_path):
    """Folders below one that can be written to are made later."""
    path = str(tmp_path / "a" / "b")

    assert path == values.report_dir(path)


@pytest.mark.parametrize(
    ("read", "text", "kept"),
    [
        (values.mix, "none", ""),
        (values.mix, "read=0.5", "read=0.5"),
        (values.faults, "none", ""),
        (values.window, "0", 0.0),
        (values.window, " 0 ", 0.0),
        (values.addresses, "192.0.2.1,2001:db8::1", "192.0.2.1,2001:db8::1"),
        (values.header, "api-access-token", "api-access-token"),
    ],
)
def test_what_is_kept(read, text, kept):
    """The text, or nothing where it says nothing."""
    assert kept == read(text)


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (values.mix, "sleep=1", "sleep"),
        (values.load_profile, "week", "week"),
        (values.scenario, "shy=1", "shy"),
        (values.slow_readers, "all", "all"),
        (values.addresses, "192.0.2.1,here", "'here' is no IP address"),
        (values.header, "a b", "no name of a header"),
        (values.target, "/nowhere.toml", "nowhere.toml"),
        (values.folder_of_run, "/nowhere", "nowhere"),
    ],
)
def test_what_is_refused(read, text, says):
    """By what is wrong."""
    with pytest.raises(ArgumentTypeError, match=says):
        read(text)
