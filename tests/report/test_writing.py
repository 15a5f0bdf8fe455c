"""The files of a report."""

import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest

import loadtest.analysis
from loadtest.analysis.summary import summarise
from loadtest.errors import UsageError
from loadtest.report.writing import run_data, write
from loadtest.store import open_run
from tests.report.synthetic import Story, data, write_run

SCHEMA = json.loads((Path(loadtest.analysis.__file__).parent / "summary.schema.json").read_text(encoding="utf-8"))


def _write(folder: Path, story: Story, **values: object) -> Path:
    made = data(story, **values)
    folder.mkdir(exist_ok=True)
    write(folder, made, summarise(made, None))
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_all_files_are_there(tmp_path: Path) -> None:
    """Summary, Markdown, JUnit XML, page, and each figure for both pages."""
    names = list(_files(_write(tmp_path / "run", Story())))

    actual = ([name for name in names if "/" not in name], len([name for name in names if name.endswith(".svg")]))

    assert (["junit.xml", "report.html", "summary.json", "summary.md"], 12) == actual


@pytest.mark.parametrize(
    "story",
    [Story(), Story(lost_share=0.05, leaked=1), Story(emissions=0, agents=0, contacts=0), Story(breached=(1, 2, 3, 4))],
)
def test_summary_json_keeps_its_schema(tmp_path: Path, story: Story) -> None:
    """Whatever happened, the file is strict JSON that the package's schema allows."""
    text = (_write(tmp_path / "run", story) / "summary.json").read_text(encoding="utf-8")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text, parse_constant=refuse))


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    """A report made again is the same, figures included."""
    first = _files(_write(tmp_path / "run", Story()))

    actual = _files(_write(tmp_path / "run", Story()))

    assert first == actual


def test_the_page_stays_small(tmp_path: Path) -> None:
    """It can be mailed: less than 2 MB."""
    actual = (_write(tmp_path / "run", Story(lost_share=0.01, breached=(1,))) / "report.html").stat().st_size

    assert actual < 2_000_000


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    """Files are put in place whole."""
    actual = [name for name in _files(_write(tmp_path / "run", Story(hold=5))) if Path(name).name.startswith(".")]

    assert [] == actual


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    """The error says where and what to do (a file stands where the figures' folder belongs, so root fails too)."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "figures").write_text("in the way")

    with pytest.raises(UsageError) as caught:
        _write(folder, Story(hold=3))

    actual = (caught.value.where, "Make the run folder writable" in caught.value.remedy)

    assert (str(folder / "figures"), True) == actual


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_a_usage_error(tmp_path: Path) -> None:
    """Missing permission is said in a sentence."""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            _write(folder, Story(hold=3))
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_stored_run_is_read_as_it_was_measured(tmp_path: Path) -> None:
    """The frames of the store and those of the made-up run give the same sections."""
    story = Story(lost_share=0.01)
    stored = summarise(run_data(open_run(write_run(tmp_path / "run", story))), None).as_dict()

    actual = {key: stored[key] for key in ("delivery", "rest", "presence", "cable", "contract")}

    direct = summarise(data(story), None).as_dict()
    assert {key: direct[key] for key in actual} == actual
