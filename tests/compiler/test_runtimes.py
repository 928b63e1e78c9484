"""Which runtimes a build is made for, and what happens to those that cannot hold it."""

from __future__ import annotations

import pytest

from mcompile import registry
from mcompile.errors import BackendMissing, LoweringError, SamplesError, TargetError, UsageError
from mcompile.journal import Journal
from mcompile.options import Options
from mcompile.runtimes import entered
from mcompile.types import Precision

INT8, FLOAT = Precision.INT8, Precision.FP32


def given(**more) -> Options:
    return Options(**{"target": "cpu-server", "backend": "auto", **more})


@pytest.fixture
def missing(monkeypatch):
    """Makes runtimes look as if they were not installed."""
    backend = registry.backend

    def hide(*names: str) -> None:
        def found(name: str, *folders):
            if name in names:
                raise BackendMissing(f"{name} is not here", fix=f"pip install '{name}'")
            return backend(name, *folders)

        monkeypatch.setattr(registry, "backend", found)

    return hide


def test_one_runtime_is_the_profiles_first_or_the_one_that_is_named() -> None:
    for name, wanted in (("", "onnxruntime"), ("openvino", "openvino")):
        found = entered("m", given(backend=name))
        assert [*found.requests] == [wanted]
        assert found.first.target.backend == found.first.backend.name == wanted
        assert not found.contested


def test_auto_enters_every_runtime_of_the_profile_each_with_its_own_rules() -> None:
    found = entered("m", given(precision="auto", calibration="c.npz"))
    assert [*found.requests] == ["onnxruntime", "openvino"]
    assert found.contested
    one, other = found.requests.values()
    assert Precision.INT8_DYNAMIC in one.precisions
    assert other.precisions == (INT8, FLOAT)
    assert found.together.precisions == (INT8, Precision.INT8_DYNAMIC, FLOAT)


def test_what_all_can_read_is_what_the_model_is_exported_to() -> None:
    found = entered("m", given())
    found.change(lambda r: r)
    assert found.together.capture.opset == 21


def test_a_runtime_that_is_not_installed_is_left_out_with_the_command(missing) -> None:
    missing("openvino")
    found = entered("m", given())
    assert [*found.requests] == ["onnxruntime"]
    [out] = found.out
    assert (out.backend, out.out, out.fix) == (
        "openvino", "openvino is not here", "pip install 'openvino'",
    )  # fmt: skip


def test_without_any_runtime_nothing_begins(missing) -> None:
    missing("openvino", "onnxruntime")
    with pytest.raises(BackendMissing, match="onnxruntime is not here"):
        entered("m", given())


def test_a_named_runtime_that_is_not_installed_is_an_error(missing) -> None:
    missing("openvino")
    with pytest.raises(BackendMissing):
        entered("m", given(backend="openvino"))


def test_a_runtime_that_may_not_be_given_the_precision_is_left_out() -> None:
    found = entered("m", given(precision="int8-dynamic"))
    assert [*found.requests] == ["onnxruntime"]
    assert "cpu-server may not be given int8-dynamic" in found.out[0].out


def test_a_runtime_that_falls_back_gives_way_to_one_that_does_not() -> None:
    found = entered("m", given(precision="bf16"))
    assert [*found.requests] == ["openvino"]
    assert found.out[0].backend == "onnxruntime"
    assert "bf16 falls back to fp32" in found.out[0].out


def test_where_all_fall_back_to_the_same_all_are_in() -> None:
    found = entered("m", given(precision="int16x8", calibration="c.npz"))
    assert [*found.requests] == ["onnxruntime", "openvino"]
    assert {r.precisions[0] for r in found.requests.values()} == {INT8}


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (given(precision="int8"), SamplesError),
        (given(target=""), UsageError),
        (given(plan="plan.json", precision="int8", calibration="c.npz"), UsageError),
        (given(precision="int16x8", strict=True), TargetError),
    ],
)
def test_what_no_runtime_can_mend_is_an_error(options, kind) -> None:
    with pytest.raises(kind):
        entered("m", options)


def failing(*names: str):
    def do(request, journal):
        with journal.stage("made") as entry:
            entry.summary = "something"
        if request.backend.name in names:
            raise LoweringError("there is no such kernel", where="node n", fix="another model")
        return request.backend.name.upper()

    return do


def test_a_runtime_that_cannot_hold_the_model_is_out_and_the_build_goes_on() -> None:
    found, journal = entered("m", given()), Journal()
    assert found.each(failing("onnxruntime"), journal) == {"openvino": "OPENVINO"}
    assert [*found.requests] == ["openvino"]
    assert found.out[0].out == "there is no such kernel (node n)"
    assert [s.summary for s in journal.stages] == [
        "onnxruntime: something", "openvino: something",
    ]  # fmt: skip
    assert found.each(failing(), journal) == {"openvino": "OPENVINO"}


def test_what_the_last_runtime_cannot_do_is_an_error() -> None:
    with pytest.raises(LoweringError):
        entered("m", given()).each(failing("onnxruntime", "openvino"), Journal())
    with pytest.raises(LoweringError):
        entered("m", given(backend="openvino")).each(failing("openvino"), Journal())


def test_stages_of_one_runtime_do_not_repeat_its_name() -> None:
    journal = Journal()
    entered("m", given(backend="")).each(failing(), journal)
    assert [s.summary for s in journal.stages] == ["something"]
