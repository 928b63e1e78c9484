import sys

import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.modules import build


def test_a_class_a_function_and_a_ready_module_all_build(nets):
    assert isinstance(build(f"{nets.__name__}:Tiny", {}), nets.Tiny)
    assert build(f"{nets.__name__}:tiny", {"classes": 7}).head.out_features == 7
    assert build(f"{nets.__name__}:ready", {}) is nets.ready


def test_random_weights_are_the_same_at_every_call_and_the_seed_is_left_alone(nets):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (build(f"{nets.__name__}:Tiny", {}) for _ in range(2))
    assert torch.equal(first.conv.weight, second.conv.weight)
    assert torch.equal(torch.rand(1), expected)


def test_the_working_directory_is_searched_last_and_only_for_the_call(tmp_path, monkeypatch):
    (tmp_path / "beside_the_model.py").write_text("import torch\nnet = torch.nn.Identity\n")
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert isinstance(build("beside_the_model:net", {}), torch.nn.Identity)
    assert sys.path == before
    sys.modules.pop("beside_the_model")


@pytest.mark.parametrize(
    ("name", "arguments", "what"),
    [
        ("Absent", {}, "has no Absent"),
        ("Tiny.absent", {}, "has no Tiny.absent"),
        ("broken", {}, "building the model failed: RuntimeError: no such weights"),
        ("nothing", {}, "nothing returned nothing, not an nn.Module"),
        ("number", {}, "number is int and cannot be called"),
        ("tiny", {"colour": 3}, "it does not take these arguments"),
    ],
)
def test_what_the_callable_does_wrong_is_said(nets, name, arguments, what):
    with pytest.raises(SourceError, match=what) as caught:
        build(f"{nets.__name__}:{name}", arguments)
    assert caught.value.where == f"{nets.__name__}:{name}"
    assert caught.value.fix


def test_a_missing_module_is_told_from_one_that_misses_another(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import not_installed_here\n")
    (tmp_path / "quits.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SourceError, match="there is no module no_such_package"):
        build("no_such_package.models:net", {})
    with pytest.raises(SourceError, match="needs_more needs not_installed_here"):
        build("needs_more:net", {})
    with pytest.raises(SourceError, match="quits cannot be imported"):
        build("quits:net", {})


@pytest.mark.parametrize("reference", ["torch.nn", ":net", "torch.nn:"])
def test_a_reference_is_a_module_and_a_name(reference):
    with pytest.raises(SourceError, match="is named MODULE:CALLABLE"):
        build(reference, {})
