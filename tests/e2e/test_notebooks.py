"""The notebooks run from their first cell to the last, on the committed samples."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.plugin.locusts import ROOT

NOTEBOOKS = Path(ROOT) / "notebooks"
CELL_DEADLINE_S = 120


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # of the kernel's own libraries
def test_it_runs(path):
    """Every cell runs, and the last one shows something; nothing is written."""
    before = {file for file in NOTEBOOKS.rglob("*") if file.is_file()}
    notebook = nbformat.read(path, as_version=4)

    NotebookClient(notebook, timeout=CELL_DEADLINE_S, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[-1].outputs
    assert {file for file in NOTEBOOKS.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_is_committed_without_outputs(path):
    """What a notebook printed belongs to who ran it."""
    notebook = nbformat.read(path, as_version=4)

    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
