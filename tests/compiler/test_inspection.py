"""A model in figures, and what each target would say of it, without a build."""

from __future__ import annotations

import pytest

from mcompile import graph, registry, targets
from mcompile.backend import Backend
from mcompile.card import with_card
from mcompile.errors import SourceError, TargetError
from mcompile.frontend import parse_input
from mcompile.inspection import card, inspect
from mcompile.options import Options

from .conftest import program

# A tap of a 3x3 kernel that falls on the padding is no work: 3 * 16 - 2 are left on each side.
CONVOLUTIONS = 46 * 46 * (8 * 3 + 8 * 8) + 16 * 16 * 16 * 8
PARAMETERS = (8 * 27 + 8) + (8 * 72 + 8) + (16 * 8 + 16) + (160 + 10)


@pytest.fixture
def net(tmp_path):
    graph.save(program(), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def test_work_and_weights_are_counted(net) -> None:
    found = inspect(net, Options())
    value = {m.name: m.value for m in found.figures}
    assert value["macs_g"] == pytest.approx((CONVOLUTIONS + 160) / 1e9)
    assert value["params_m"] == pytest.approx(PARAMETERS / 1e6)
    assert value["weights_mb"] == pytest.approx(PARAMETERS * 4 / 1e6)
    # s = a + b: three maps of 8 x 16 x 16 floats live at once, or two and the next.
    assert value["activation_peak_mb"] >= 2 * 8 * 16 * 16 * 4 / 1e6
    assert found.nodes == sum(found.ops.values()) == 9
    assert found.ops["Conv"] == 3
    assert found.opset == 17


def test_every_target_has_an_outlook_and_none_is_built_for(net) -> None:
    found, here = inspect(net, Options()), registry.backends()
    assert [o.target for o in found.outlook] == list(targets.names())
    for outlook in found.outlook:
        profile = targets.load(outlook.target)
        assert outlook.precision is profile.precision
        assert outlook.available == isinstance(here[profile.backend], Backend)
        if outlook.latency_p50_ms is not None:
            assert outlook.latency_p50_ms.provenance.value == "predicted"
            assert outlook.latency_p50_ms.low is not None
    assert sorted(p.name for p in net.parent.iterdir()) == ["net.onnx"]


def test_one_target_can_be_asked_alone(net) -> None:
    [outlook] = inspect(net, Options(target="cpu-server")).outlook
    assert outlook.target == "cpu-server"
    with pytest.raises(TargetError):
        inspect(net, Options(target="cpu-servr"))


def test_a_target_refuses_what_its_opset_cannot_say(net, tmp_path) -> None:
    assert inspect(net, Options(target="jetson-nano")).outlook[0].refuses == ()
    newer = graph.parse(
        '<ir_version: 8, opset_import: ["": 18]>'
        " g (int32[4] x) => (int32[4] y) { y = BitwiseNot(x) }"
    )
    graph.save(newer, tmp_path / "newer.onnx")
    [outlook] = inspect(tmp_path / "newer.onnx", Options(target="jetson-nano")).outlook
    assert any("BitwiseNot" in reason for reason in outlook.refuses)


def test_a_target_refuses_a_model_beyond_its_budgets(net, tmp_path) -> None:
    (tmp_path / "small.toml").write_text(
        'extends = "cpu-server"\ntitle = "small"\n[budgets]\nparams_m = 0.0001\n'
    )
    [outlook] = inspect(net, Options(target=str(tmp_path / "small.toml"))).outlook
    assert [r.partition(":")[0] for r in outlook.refuses] == ["params_m"]


def test_a_target_refuses_weights_larger_than_its_memory(net, tmp_path) -> None:
    (tmp_path / "tiny.toml").write_text(
        'extends = "cpu-server"\ntitle = "tiny"\n[device]\nmemory_mb = 0.001\n'
        '[sources]\n"device.memory_mb" = "definition"\n'
    )
    [outlook] = inspect(net, Options(target=str(tmp_path / "tiny.toml"))).outlook
    assert any("of weights" in r for r in outlook.refuses)


def test_what_is_no_model_is_refused_as_in_a_build(tmp_path) -> None:
    with pytest.raises(SourceError):
        inspect(tmp_path / "none.onnx", Options())


def test_the_first_card_is_one_that_can_be_read(net) -> None:
    found = inspect(net, Options())
    (net.parent / "net.toml").write_text(card(found))
    options, told = with_card(net, Options())
    assert set(told) == {"inputs"}
    [port] = found.inputs
    assert parse_input(options.inputs[0]) == port
