"""Names lead to callables, or to words about what is wrong with them."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from mcompile.errors import SourceError, UsageError
from mcompile.names import is_name, resolve


@pytest.mark.parametrize("text", ["math:sqrt", "os.path:join", "a:B.c", "_a:_b"])
def test_a_name_is_module_colon_callable(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["sqrt", "a:", ":b", "a/b:c", "C:\\x", "a:b:c", "a b:c", 3, None])
def test_anything_else_is_no_name(text: object) -> None:
    assert not is_name(text)


def test_a_name_resolves_to_the_object_itself() -> None:
    assert resolve("math:sqrt") is math.sqrt
    assert resolve("pathlib:Path.cwd") == Path.cwd


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("sqrt", "code is named MODULE:CALLABLE", "for example"),
        ("no_such_module:f", "there is no module no_such_module", "PYTHONPATH"),
        ("math.nothing:f", "there is no module math.nothing", "PYTHONPATH"),
        ("math:sqr", "math has no sqr", "sqrt"),
        ("math:sqrt.nope", "math has no sqrt.nope", ""),
        ("math:pi", "pi is float and cannot be called", "function or a class"),
    ],
)
def test_a_name_that_leads_nowhere_says_where_it_ends(name: str, what: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(name)
    assert caught.value.what.startswith(what)
    assert caught.value.where == name
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    "body", ["def f(:", "raise RuntimeError('no licence')", "1 / 0", "raise SystemExit(3)"]
)
def test_a_module_that_fails_on_import_is_the_callers_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    name = f"broken_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=f"{name} cannot be imported"):
        resolve(f"{name}:f")


def test_the_caller_chooses_the_kind_of_error() -> None:
    with pytest.raises(SourceError):
        resolve("math:sqr", SourceError)


def test_a_module_that_lacks_another_names_that_one(tmp_path: Path) -> None:
    (tmp_path / "needy_module.py").write_text("import no_such_package")
    with pytest.raises(UsageError, match="needy_module needs no_such_package"):
        resolve("needy_module:f", UsageError, tmp_path)


def test_a_place_is_searched_last_and_only_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "placed_module.py").write_text("def f(): return 3")
    (tmp_path / "math.py").write_text("def sqrt(x): return 'mine'")
    before = list(sys.path)
    assert resolve("placed_module:f", UsageError, tmp_path)() == 3
    assert resolve("math:sqrt", UsageError, tmp_path) is math.sqrt
    assert sys.path == before
    with pytest.raises(UsageError, match="there is no module other_module"):
        resolve("other_module:f", UsageError, tmp_path)
