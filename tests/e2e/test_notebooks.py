"""The notebooks run from their first cell to the last, on the committed samples."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.plugin.locusts import ROOT, environment

NOTEBOOKS = Path(ROOT) / "notebooks"
DEADLINE_S = 180

# in a process of its own: Jupyter's client lives on threads, which Locust has patched in this one
_RUN = """
import json, sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=120, resources={"metadata": {"path": sys.argv[2]}}).execute()
print(json.dumps([len(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]))
"""


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs(path):
    """Every cell runs, and the last one shows something; nothing is written."""
    before = {file for file in NOTEBOOKS.rglob("*") if file.is_file()}

    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(path), str(NOTEBOOKS)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=DEADLINE_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])[-1] > 0
    assert {file for file in NOTEBOOKS.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_is_committed_without_outputs(path):
    """What a notebook printed belongs to who ran it."""
    notebook = nbformat.read(path, as_version=4)

    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
