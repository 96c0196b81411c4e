"""`make docs` builds the site, asks nobody else for anything, and refuses what leads nowhere."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import REPOSITORY

pytestmark = pytest.mark.slow


def make_docs(project: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "--old-file=.venv/.installed", "docs"]
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is the project, with pages of its own."""
    for name in ("Makefile", "mkdocs.yml", ".venv"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    shutil.copytree(REPOSITORY / "docs", tmp_path / "docs")
    return tmp_path


def test_the_site_loads_nothing_from_elsewhere(project: Path) -> None:
    done = make_docs(project)
    assert done.returncode == 0, done.stdout + done.stderr
    site = Path(done.stdout.strip()).parent
    assert (site / "runbooks/index.html").exists()
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r'<(?:script|img|iframe|link(?! rel="canonical"))[^>]* (?:src|href)="(https?:[^"]+)"', text)
        assert loaded == [], page
        assert 'class="mermaid"' not in text, page


@pytest.mark.parametrize(
    ("added", "said"),
    [("[x](nowhere.md)", "nowhere.md"), ("[x](deltaone.md#nowhere)", "#nowhere"), (None, "stray.md")],
    ids=["a broken link", "a broken anchor", "a page that the navigation lacks"],
)
def test_it_refuses(project: Path, added: str | None, said: str) -> None:
    if added is None:
        (project / "docs/stray.md").write_text("# Stray\n")
    else:
        with (project / "docs/concepts.md").open("a") as page:
            page.write(f"\n{added}\n")
    done = make_docs(project)
    assert done.returncode != 0
    assert said in done.stdout
