import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.checkpoints import fill, state_dict
from mcompile.frontend.options import CaptureOptions


def weights(nets):
    return nets.Tiny().state_dict()


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "ema"])
def test_weights_are_found_where_training_scripts_put_them(nets, key):
    own = weights(nets)
    assert list(state_dict({"epoch": 3, key: own}, "m.pt")) == list(own)
    assert list(state_dict({key: {"state_dict": own}, "lr": 0.1}, "m.pt")) == list(own)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_the_prefix_of_a_wrapper_is_dropped(nets, prefix):
    own = weights(nets)
    assert list(state_dict({prefix + k: v for k, v in own.items()}, "m.pt")) == list(own)


def test_a_prefix_that_only_some_keys_bear_is_kept():
    held = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert list(state_dict(held, "m.pt")) == ["module.a", "b"]


def test_the_weights_end_up_in_the_module(nets):
    own = weights(nets)
    made = fill({"model": own}, CaptureOptions(arch=f"{nets.__name__}:Tiny"), "m.pt")
    assert all(torch.equal(v, own[k]) for k, v in made.state_dict().items())


def test_weights_without_their_code_are_refused(nets):
    with pytest.raises(SourceError, match="weights alone") as caught:
        fill(weights(nets), CaptureOptions(), "m.pt")
    assert "--arch MODULE:CALLABLE" in caught.value.fix
    assert "conv.weight" in caught.value.where


@pytest.mark.parametrize("value", [{}, [1, 2], {"epoch": 3}, torch.ones(2)])
def test_a_file_without_weights_is_refused(value):
    with pytest.raises(SourceError, match="this file holds no weights"):
        state_dict(value, "m.pt")


def test_keys_that_do_not_fit_are_listed(nets):
    own = dict(weights(nets))
    own["extra"] = own.pop("head.bias")
    with pytest.raises(SourceError, match="the weights do not fit the model") as caught:
        fill(own, CaptureOptions(arch=f"{nets.__name__}:Tiny"), "m.pt")
    assert "1 missing: head.bias" in caught.value.where
    assert "1 unexpected: extra" in caught.value.where


def test_shapes_that_do_not_fit_are_listed(nets):
    options = CaptureOptions(arch=f"{nets.__name__}:tiny", arch_args={"classes": 5})
    with pytest.raises(SourceError, match="do not fit") as caught:
        fill(weights(nets), options, "m.pt")
    assert "head.weight (2, 4) for (5, 4)" in caught.value.where


def test_many_faults_are_counted_and_a_few_shown(nets):
    held = {f"layer{i}": torch.ones(1) for i in range(9)}
    with pytest.raises(SourceError) as caught:
        fill(held, CaptureOptions(arch=f"{nets.__name__}:Tiny"), "m.pt")
    assert "9 unexpected: layer0, layer1, layer2, layer3 and 5 more" in caught.value.where
