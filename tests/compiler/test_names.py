"""Names lead to callables, or to words about what is wrong with them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mcompile.errors import SourceError, UsageError
from mcompile.names import is_name, nearest, resolve


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
        ("sqrt", "sqrt is not of the form MODULE:CALLABLE", "package.nets:make"),
        ("no_such_module:f", "cannot import no_such_module", "install the package"),
        ("math:sqr", "math has no sqr", "sqrt"),
        ("math:sqrt.nope", "math has no sqrt.nope", ""),
        ("math:pi", "math:pi is not callable", "function or a class"),
    ],
)
def test_a_name_that_leads_nowhere_says_where_it_ends(name: str, what: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(name)
    assert caught.value.what.startswith(what)
    assert fix in caught.value.fix


@pytest.mark.parametrize("body", ["def f(:", "raise RuntimeError('no licence')", "1 / 0"])
def test_a_module_that_fails_on_import_is_the_callers_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    name = f"broken_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=f"cannot import {name}"):
        resolve(f"{name}:f")


def test_the_caller_chooses_the_kind_of_error() -> None:
    with pytest.raises(SourceError):
        resolve("math:sqr", SourceError)


def test_the_nearest_names_come_first_then_the_callers_words_then_all() -> None:
    known = ["latency_p50_ms", "latency_p99_ms", "size_mb", "_hidden"]
    assert nearest("latency_p95_ms", known) == "latency_p99_ms or latency_p50_ms"
    assert nearest("zzz", known, "look it up") == "look it up"
    assert nearest("zzz", known) == "latency_p50_ms, latency_p99_ms, size_mb"
    assert "_hidden" not in nearest("_hidden", known)
