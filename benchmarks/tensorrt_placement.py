"""Where pairs stand for TensorRT, and what they cost, beside NVIDIA's Model Optimizer.

    python benchmarks/tensorrt_placement.py [--modelopt PYTHON] [--rtx PYTHON] [--zoo DIR]
                                            [--only NAME...] [--trained DIR] [--nets NAME...]

Both are given the same float model, optimized by us, and the same samples. Of every input of every
node it is told which of the two reads it dequantized, along which axis, and whether the scales are
the same; each difference is named by a rule over the float graph (tensorrt_contest/reasons.py).
Then, on networks with trained weights (benchmarks/quantization.py lays them out), the noise of our
plain plan and of our recipe beside that of theirs by `max` and by `entropy`, all run by ONNX
Runtime with pairs left as written, and the plain plan in our own integer arithmetic too. With
--rtx every graph is also put before NVIDIA's parser and compiler. Ends with 1 where a difference
has no reason, scales of one method differ, our arithmetic is more than 0.3 dB from ONNX Runtime's,
or NVIDIA refuses a graph of ours.

--modelopt: an interpreter with `nvidia-modelopt[onnx]` and onnxruntime; no GPU is needed.
--rtx: one with `tensorrt_rtx`. The zoo's models are exported by benchmarks/zoo.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tensorrt_contest import given as take
from tensorrt_contest import placement, trained
from tensorrt_contest.vendor import Vendor

_CACHE = Path.home() / ".cache"
_ZOO = ("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0",
        "squeezenet1_1", "googlenet", "densenet121", "shufflenet_v2_x1_0", "unet", "yolo", "crnn",
        "convnext_tiny", "vit_small", "hf_vit", "hf_bert")  # fmt: skip
_TRAINED = ("digits", "p_net", "r_net", "o_net", "efficientnet_lite0", "residual", "mobile_v3",
            "vision_transformer", "basic_pitch")  # fmt: skip


def main() -> int:
    """Print a table of every model, then of every trained network; 1 where something is wrong."""
    asked = _parser().parse_args()
    vendor = Vendor(asked.modelopt, asked.rtx)
    print(vendor.versions(), flush=True)
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mcompile-tensorrt-") as scratch:
        for name in asked.only:
            model = asked.zoo / name / "opt.onnx"
            if model.exists():
                one = take.of_noise(model, name, Path(scratch) / name)
                faults += placement.visit(one, vendor, asked.rows)
            else:
                print(f"{name}: not in {asked.zoo}: python benchmarks/zoo.py --only {name}")
        faults += trained.visit([(asked.trained / n, Path(scratch) / n) for n in asked.nets],
                                vendor, (asked.samples, asked.judged))  # fmt: skip
    print("\n" + ("\n".join(["faults:", *faults]) if faults else "no difference without a reason"))
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--modelopt", default=sys.executable, metavar="PYTHON")
    ask.add_argument("--rtx", default="", metavar="PYTHON")
    ask.add_argument("--zoo", type=Path, default=_CACHE / "mcompile-zoo", metavar="DIR")
    ask.add_argument("--only", nargs="*", default=_ZOO, metavar="NAME", help="of the zoo")
    ask.add_argument("--trained", type=Path, default=_CACHE / "mcompile-quantization" / "trained",
                     metavar="DIR")  # fmt: skip
    ask.add_argument("--nets", nargs="*", default=_TRAINED, metavar="NAME", help="of the trained")
    ask.add_argument("--samples", type=int, default=64, help="to calibrate with")
    ask.add_argument("--judged", type=int, default=400, help="samples to judge by")
    ask.add_argument("--rows", action="store_true", help="every input, not only differences")
    return ask


if __name__ == "__main__":
    sys.exit(main())
