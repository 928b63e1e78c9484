"""The entries of the networks of our own, and of those whose long form a rule pays for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

from zoo import modules, paying
from zoo.entry import Entry, Feed, noise, picture, tokens

_PAY: tuple[tuple[str, Callable[[], nn.Module], tuple[Feed, ...], str], ...] = (
    ("long_gelu_tanh", partial(paying.LongMlp, "tanh"), noise(64, 192), "fuse_gelu"),
    ("long_gelu_fast", partial(paying.LongMlp, "fast"), noise(64, 192), "fuse_gelu"),
    ("long_gelu_erf", partial(paying.LongMlp, "erf"), noise(64, 192), "fuse_gelu"),
    ("long_layernorm", partial(paying.NormsOnly, True), noise(128, 256), "fuse_norm"),
    ("long_rmsnorm", partial(paying.NormsOnly, False), noise(128, 256), "fuse_norm"),
    ("llama_block", paying.Llama, tokens(48, 200), "RMSNorm"),
    ("layer_scale", paying.LayerScale, picture(64), "layer scale"),
    ("repvgg_branches", paying.Branches, picture(64), "merge_branches"),
    ("acnet_branches", paying.Asymmetric, picture(64), "merge_branches"),
    ("linear_pairs", paying.LinearPairs, picture(64), "merge_linear_convs"),
    ("hidden_batchnorm", paying.HiddenNorm, picture(64), "hidden constants"),
)


def own() -> Iterator[Entry]:
    """Those that pay, then the rest."""
    for name, make, feeds, rule in _PAY:
        yield Entry(name, "own", make, feeds, pays=rule)
    yield Entry("unet", "own", modules.Unet, picture(64))
    yield Entry("yolo", "own", modules.Yolo, picture(96), pays="SiLU")
    yield Entry("lstm", "own", partial(modules.Recurrent, nn.LSTM, False), noise(20, 48))
    yield Entry("bilstm", "own", partial(modules.Recurrent, nn.LSTM, True, 2), noise(20, 48))
    yield Entry("gru", "own", partial(modules.Recurrent, nn.GRU, False), noise(20, 48))
    yield Entry("bigru", "own", partial(modules.Recurrent, nn.GRU, True, 2), noise(20, 48))
    yield Entry("unrolled_lstm", "own", partial(modules.Unrolled, nn.LSTMCell), noise(12, 32))
    yield Entry("unrolled_gru", "own", partial(modules.Unrolled, nn.GRUCell), noise(12, 32))
    yield Entry("crnn", "own", modules.Crnn, (Feed((1, 1, 32, 96)),))
    yield Entry("pointnet", "own", modules.PointNet, noise(3, 256))
    rows = (Feed((1, 13), "noise"), Feed((1, 6), "token", 100))
    yield Entry("dlrm", "own", modules.Recommender, rows)
    yield Entry("generator", "own", _generator, noise(64, 1, 1))
    yield Entry("superresolution", "own", _superresolution, picture(48))
    yield Entry("style", "own", _style, picture(64))


def _generator() -> nn.Module:
    """DCGAN."""
    parts: list[nn.Module] = []
    for before, after in ((64, 128), (128, 64), (64, 32)):
        up = nn.ConvTranspose2d(before, after, 4, 1 if before == 64 and after == 128 else 2,
                                0 if after == 128 else 1, bias=False)  # fmt: skip
        parts += [up, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*parts, nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())


def _superresolution() -> nn.Module:
    """ESPCN, with PReLU."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2), nn.PReLU(32), nn.Conv2d(32, 32, 3, padding=1),
        nn.PReLU(32), nn.Conv2d(32, 12, 3, padding=1), nn.PixelShuffle(2),
    )  # fmt: skip


def _style() -> nn.Module:
    """Style transfer: reflected padding, instance norm, nearest upsampling."""
    return nn.Sequential(
        nn.ReflectionPad2d(4), nn.Conv2d(3, 16, 9), nn.InstanceNorm2d(16, affine=True), nn.ReLU(),
        nn.ReflectionPad2d(1), nn.Conv2d(16, 32, 3, 2), nn.InstanceNorm2d(32, affine=True),
        nn.ReLU(), nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(32, 16, 3),
        nn.InstanceNorm2d(16, affine=True), nn.ReLU(), nn.ReflectionPad2d(4), nn.Conv2d(16, 3, 9),
    )  # fmt: skip
