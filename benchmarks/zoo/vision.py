"""The entries of torchvision and timm."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import timm
import torchvision
from torch import nn

from zoo.entry import Detector, Entry, Feed, Heads, Plain, picture

_CLASSIFIERS = {
    "resnet18": 96, "resnet50": 96, "resnext50_32x4d": 64, "mobilenet_v2": 128,
    "mobilenet_v3_small": 128, "mobilenet_v3_large": 128, "efficientnet_b0": 128,
    "shufflenet_v2_x1_0": 128, "squeezenet1_1": 128, "densenet121": 64, "googlenet": 96,
    "inception_v3": 128, "mnasnet1_0": 128, "regnet_y_400mf": 96, "regnet_x_400mf": 96,
    "convnext_tiny": 64, "swin_t": 64, "swin_v2_t": 64,
}  # fmt: skip
_SILU = {"efficientnet_b0", "efficientnet_v2_s"}
_SEGMENTERS = {
    "lraspp_mobilenet_v3_large": 128,
    "deeplabv3_mobilenet_v3_large": 128,
    "fcn_resnet50": 64,
}
_DETECTORS = {
    "ssdlite320_mobilenet_v3_large": 320,
    "fasterrcnn_mobilenet_v3_large_320_fpn": 128,
    "retinanet_resnet50_fpn": 128,
    "fcos_resnet50_fpn": 128,
}
_TIMM: dict[str, tuple[int, dict[str, Any]]] = {
    "repvgg_a0": (96, {}), "mobileone_s0": (96, {}), "tf_efficientnetv2_b0": (96, {}),
    "efficientvit_b0": (128, {}), "levit_128s": (224, {}),
    "cait_xxs24_224": (96, {"img_size": 96, "depth": 4}),
    "deit_tiny_patch16_224": (96, {"img_size": 96, "depth": 4}),
    "beit_base_patch16_224": (96, {"img_size": 96, "depth": 3, "embed_dim": 192, "num_heads": 3}),
    "convnext_atto": (96, {}), "convnextv2_atto": (96, {}),
    "coat_lite_mini": (64, {"img_size": 64}), "poolformer_s12": (64, {}),
    "mixer_s32_224": (96, {"img_size": 96, "num_blocks": 4}),
    "resmlp_12_224": (96, {"img_size": 96, "num_blocks": 4}),
    "gmlp_ti16_224": (96, {"img_size": 96, "num_blocks": 6}),
    "edgenext_xx_small": (96, {}), "fastvit_t8": (96, {}), "ghostnet_100": (96, {}),
    "hrnet_w18_small": (64, {}), "lcnet_050": (128, {}), "mobilevit_xxs": (128, {}),
    "mobilevitv2_050": (128, {}), "mobilenetv4_conv_small": (128, {}),
    "pvt_v2_b0": (96, {"img_size": 96}), "repghostnet_050": (96, {}), "res2net50_26w_4s": (64, {}),
    "rexnet_100": (96, {}), "tiny_vit_5m_224": (128, {"img_size": 128}),
    "twins_svt_small": (64, {"img_size": 64}), "visformer_tiny": (96, {"img_size": 96}),
    "xcit_nano_12_p16_224": (96, {"img_size": 96}),
    "eva02_tiny_patch14_224": (84, {"img_size": 84, "depth": 4}), "starnet_s1": (96, {}),
    "repvit_m0_9": (96, {}), "cspdarknet53": (64, {}), "dla34": (64, {}), "hgnetv2_b0": (96, {}),
    "ese_vovnet19b_dw": (64, {}), "focalnet_tiny_srf": (64, {"depths": (1, 1, 2, 1)}),
    "davit_tiny": (64, {"depths": (1, 1, 2, 1)}), "mambaout_femto": (96, {}),
    "sequencer2d_s": (64, {"img_size": 64, "layers": (1, 1, 2, 1)}),
    "nfnet_l0": (64, {}), "skresnet18": (64, {}), "halonet26t": (128, {}),
    "volo_d1_224": (96, {"img_size": 96, "layers": (1, 1, 2, 1)}),
}  # fmt: skip


def vision() -> Iterator[Entry]:
    """Classifiers, segmenters and detectors of torchvision, then timm."""
    models = torchvision.models
    for name, side in _CLASSIFIERS.items():
        make = partial(getattr(models, name), weights=None, **_aside(name))
        yield Entry(name, "torchvision", make, picture(side), pays="SiLU" * (name in _SILU))
    yield Entry("vit_small", "torchvision", _vit, picture(64))
    yield Entry("vgg11_bn", "torchvision", _vgg, picture(64))
    for name, side in _SEGMENTERS.items():
        yield Entry(name, "torchvision", partial(_segmenter, name), picture(side))
    yield Entry("r3d_tiny", "torchvision", _video, _frames())
    for name, side in _DETECTORS.items():
        make = partial(_detector, name, side)
        yield Entry(name, "torchvision", make, picture(side), dynamic=False)
        if "rcnn" not in name:
            yield Entry(f"{name}_heads", "torchvision", partial(_heads, name, side), picture(side))
    for name, (side, given) in _TIMM.items():
        make = partial(timm.create_model, name, pretrained=False, **given)
        yield Entry(f"timm_{name}", "timm", make, picture(side))


def _aside(name: str) -> dict[str, Any]:
    if name in ("googlenet", "inception_v3"):
        return {"aux_logits": False, "init_weights": False}
    return {}


def _vit() -> nn.Module:
    return torchvision.models.VisionTransformer(64, 16, 4, 4, 192, 768)


def _vgg() -> nn.Module:
    model = torchvision.models.vgg11_bn(weights=None)
    return nn.Sequential(model.features, nn.Flatten(), nn.Linear(512 * 4, 100))


def _segmenter(name: str) -> nn.Module:
    make = getattr(torchvision.models.segmentation, name)
    return Plain(make(weights=None, weights_backbone=None, num_classes=8))


def _video() -> nn.Module:
    video = torchvision.models.video.resnet
    return video.VideoResNet(
        video.BasicBlock, [video.Conv3DSimple] * 4, [1, 1, 1, 1], video.BasicStem
    )


def _frames() -> tuple[Feed, ...]:
    return (Feed((1, 3, 8, 48, 48)),)


def _detector(name: str, side: int) -> nn.Module:
    """Small, and so that random scores pass the thresholds."""
    low = {"box_score_thresh": 0.0} if "rcnn" in name else {"score_thresh": 0.0}
    few = {"box_detections_per_img": 20} if "rcnn" in name else {"detections_per_img": 20}
    size = {} if name.startswith("ssd") else {"min_size": side, "max_size": side}
    make = getattr(torchvision.models.detection, name)
    model = make(weights=None, weights_backbone=None, num_classes=8, **low, **few, **size)
    return Detector(model)


def _heads(name: str, side: int) -> nn.Module:
    return Heads(_detector(name, side).inner)
