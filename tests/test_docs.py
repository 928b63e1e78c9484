"""Every command in the documentation runs, and ends as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcompile import cli, graph

from .compiler.conftest import program, write_data

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
QUICK = ["--runs", "3", "--seconds", "1", "--threads", "1", "--budget", "latency_p99_ms=none"]


def commands(page: Path) -> list[tuple[list[str], int]]:
    """Words and expected exit code of each `$ mcompile ...` line."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        for line in block.splitlines():
            if line.startswith("$ mcompile "):
                text, _, code = line.partition(" # exit ")
                found.append((text.split()[2:], int(code or 0)))
    return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documentation speaks of."""
    write_data(tmp_path)
    graph.save(program(), tmp_path / "model.onnx")
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "mine.toml").write_text('extends = "cpu-server"\ntitle = "mine"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.name)
def test_the_commands_of_a_page_run(page: Path, desk: Path) -> None:
    for words, code in commands(page):
        builds = words[0].endswith(".onnx")
        done = cli.run([*words, *(QUICK if builds else []), "-q"])
        assert done == code, " ".join(words)


def test_the_python_of_getting_started_runs(desk: Path) -> None:
    text = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    quick = 'seconds=1.0, runs=3, evaluation="evaluation.npz"'
    scope: dict[str, object] = {}
    exec(code.replace('evaluation="evaluation.npz"', quick), scope)
    assert scope["report"].ok  # type: ignore[attr-defined]


def test_local_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_repository_names_no_registry() -> None:
    for path in (ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / ".ci" / "run", *PAGES):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"index-url|find-links|pypi\.org|pytorch\.org", text), path.name
