"""`MODULE:CALLABLE` is called for each pass, and its failures are told as the user's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples import open_samples
from mcompile.samples.call import Call
from mcompile.types import Port

X = Port("x", "float32", (1, 2))


@pytest.fixture(autouse=True)
def _path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def module(tmp_path: Path) -> str:
    """A module beside the model card, of a name that no other test imports."""
    name = f"samples_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(
        "import numpy as np\n"
        "calls = []\n"
        "rows = 3\n"
        "def photos():\n"
        "    calls.append(1)\n"
        "    for n in range(rows):\n"
        "        yield {'x': np.full(2, n, np.float32), 'labels': n}\n"
        "def fails():\n"
        "    raise OSError('no camera')\n"
        "def argued(path):\n"
        "    return []\n"
        "class Set:\n"
        "    @staticmethod\n"
        "    def photos():\n"
        "        return np.ones((4, 2))\n"
    )
    return name


def test_each_pass_calls_anew(tmp_path: Path, module: str) -> None:
    samples = open_samples(f"{module}:photos", [X], base=tmp_path)
    for _ in range(2):
        assert [s.feeds["x"].tolist() for s in samples] == [[[0, 0]], [[1, 1]], [[2, 2]]]
    assert samples.source == f"{module}:photos"


def test_a_dotted_callable_may_give_a_whole_array(tmp_path: Path, module: str) -> None:
    assert len(list(open_samples(f"{module}:Set.photos", [X], base=tmp_path))) == 4


def test_a_mistyped_callable_leads_to_the_nearest(tmp_path: Path, module: str) -> None:
    with pytest.raises(SamplesError, match="has no phtoos") as caught:
        open_samples(f"{module}:phtoos", [X], base=tmp_path)
    assert caught.value.fix == "photos"


def test_a_missing_module_is_named() -> None:
    with pytest.raises(SamplesError, match="there is no module nowhere_to_be_found") as caught:
        open_samples("nowhere_to_be_found:photos", [X])
    assert "install its package" in caught.value.fix


@pytest.mark.parametrize("line", ["import nowhere_to_be_found", "1 / 0", "def ("])
def test_a_module_that_fails_is_wrapped_with_its_cause(tmp_path: Path, line: str) -> None:
    name = f"broken_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(f"{line}\n")
    with pytest.raises(
        SamplesError, match=r"needs nowhere_to_be_found|cannot be imported"
    ) as caught:
        open_samples(f"{name}:photos", [X], base=tmp_path)
    assert caught.value.__cause__ is not None


def test_what_cannot_be_called_is_refused(tmp_path: Path, module: str) -> None:
    with pytest.raises(SamplesError, match="rows is int and cannot be called"):
        open_samples(f"{module}:rows", [X], base=tmp_path)


@pytest.mark.parametrize(
    ("name", "what"), [("fails", "OSError: no camera"), ("argued", "TypeError")]
)
def test_a_call_that_fails_is_wrapped(tmp_path: Path, module: str, name: str, what: str) -> None:
    with pytest.raises(SamplesError, match=what) as caught:
        list(open_samples(f"{module}:{name}", [X], base=tmp_path))
    assert isinstance(caught.value.__cause__, OSError | TypeError)


def test_a_callable_from_python_is_called_for_each_pass() -> None:
    def photos() -> Iterator[Any]:
        return (np.full(2, n, np.float32) for n in range(3))

    samples = open_samples(photos, [X])
    assert [len(list(samples)) for _ in range(2)] == [3, 3]
    assert samples.source == "photos()"


@pytest.mark.parametrize("text", ["photos", "a b:c", "C:\\photos", "a:", ":b", "a:b:c", "1:2"])
def test_other_text_is_no_callable(text: str) -> None:
    assert not Call.takes(text)
