"""Ours for LiteRT against litert-torch with ai-edge-quantizer, and against onnx2tf.

    python benchmarks/litert.py --litert-torch PYTHON --onnx2tf PYTHON
                                [--cache DIR] [--only NAME...] [--seconds S]
    python benchmarks/litert.py --summary [--cache DIR]
    python benchmarks/litert.py --ops NAME... [--cache DIR]

Each network, trained (benchmarks/trained) or of random weights (benchmarks/litert_contest/nets.py),
is laid out once. `mcompile build`, litert-torch and onnx2tf make the float file of it; for INT8
`mcompile build`, ai-edge-quantizer's static recipe on litert-torch's float file, and onnx2tf, from
the same samples. Each file is made in a process of its own, after its tool's imports; the CPU
seconds and the memory are those of the conversion alone (ours: of lowering), failures are told.
Then all are run in LiteRT with XNNPACK: on the evaluation data, held against the untouched float
model, and in turn for their latency on one thread and on two. Ports are float in all of them.

litert-torch reads no ONNX: it is given the network's module, and of a trained one its graph
replayed in torch. The environments of the others need, beside them: --litert-torch: onnx,
onnxruntime, torchvision, timm; --onnx2tf: what onnx2tf asks for. Without the one or the other only
the rest is compared. --ops prints the operators of all files of a network. Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litert_contest.course import Course
    from quantization_contest.shop import Shop
    from zoo.results import Results

NETS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "squeezenet1_1",
        "shufflenet_v2_x1_0", "efficientnet_b0", "resnet18", "resnet50", "densenet121",
        "deit_tiny_patch16_224", "swin_t", "mobilenetv4_conv_small", "mobilevit_xxs")  # fmt: skip
TRAINED = ("p_net", "r_net", "o_net", "digits", "residual", "mobile_v3", "vision_transformer",
           "efficientnet_lite0", "basic_pitch")  # fmt: skip
_CACHE = Path.home() / ".cache" / "mcompile-quantization"


def main() -> int:
    """Visit every network and print the summary, or do one kind of work for another run of this."""
    given = _parser().parse_args()
    if given.child:
        from litert_contest import shop

        shop.work(given.child)
        return 0
    from litert_contest import summary
    from zoo.results import Results

    given.cache.mkdir(parents=True, exist_ok=True)
    file = given.cache / "litert.jsonl"
    results = Results([file], file)
    if given.ops:
        _print_ops(given)
        return 0
    if not given.summary:
        _run(given, results)
    told = summary.show(results)
    (given.cache / "litert.md").write_text(told)
    print(told)
    return 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = (*TRAINED, *NETS)
    ask.add_argument("--cache", type=Path, default=_CACHE, help="networks, files and results")
    ask.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME",
                     help="of: " + " ".join(names))  # fmt: skip
    ask.add_argument("--litert-torch", default="", metavar="PYTHON")
    ask.add_argument("--onnx2tf", default="", metavar="PYTHON")
    ask.add_argument("--samples", type=int, default=64, help="to calibrate with")
    ask.add_argument("--seconds", type=float, default=2.0, help="of timing a file; 0 for none")
    ask.add_argument("--again", action="store_true", help="even what is known already")
    ask.add_argument("--summary", action="store_true", help="of what is known")
    ask.add_argument("--ops", nargs="+", default=[], metavar="NAME", help="of the files made")
    ask.add_argument("--child", default="", help=argparse.SUPPRESS)
    return ask


def _run(given: argparse.Namespace, results: Results) -> None:
    from litert_contest import shop, summary
    from litert_contest.course import Course, Effort
    from quantization_contest.course import Laid
    from quantization_contest.shop import Shop

    words = shop.words(Path(__file__).resolve(), given.litert_torch, given.onnx2tf)
    servers = Shop(words, given.cache / "tools.log")
    try:
        packages = {where: _versions(servers, where) for where in words}
        told = {where: json.dumps(found) for where, found in packages.items() if found}
        results.add(kind="machine", **summary.machine(), versions=packages)
        versions = told | {shop.OURS: shop.sources()}
        effort = Effort(given.samples, given.seconds, given.again)
        course = Course(servers, results, effort, versions)
        _visit(course, given, Laid)
    finally:
        servers.close()


def _visit(course: Course, given: argparse.Namespace, laid: type) -> None:
    for name in given.only:
        trained = name in TRAINED
        place = given.cache / ("trained" if trained else "nets") / name
        course.visit(laid(place, given.cache / "litert" / name), trained)


def _versions(servers: Shop, where: str) -> dict[str, str]:
    found = servers.ask(where, f"versions/{where}", {})
    return {k: v for k, v in found.items() if isinstance(v, str) and k != "error"}


def _print_ops(given: argparse.Namespace) -> None:
    from litert_contest.counting import rows

    for name in given.ops:
        for path in sorted((given.cache / "litert" / name).glob("*.tflite")):
            print(f"## {name}, {path.stem}", *rows(path), "", sep="\n")


if __name__ == "__main__":
    sys.exit(main())
