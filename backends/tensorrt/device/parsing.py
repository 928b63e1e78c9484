"""The model read by TensorRT's own parser, whose refusals name the node."""

from typing import Any, List, Tuple

from mcompile.backends.tensorrt.device.faults import CONTRACT, REFUSED, KitError
from mcompile.backends.tensorrt.device.nodes import nodes


def parse(trt: Any, network: Any, path: str, log: Any) -> Any:
    """Fill `network` from the ONNX file and return the parser, which owns its weights.

    Raises `KitError` that names operator and node where TensorRT refuses the graph.
    """
    if hasattr(trt, "init_libnvinfer_plugins"):
        trt.init_libnvinfer_plugins(log, "")
    parser = trt.OnnxParser(network, log)
    if parser.parse_from_file(path):
        return parser
    told = [parser.get_error(number) for number in range(parser.num_errors)]
    if not told:
        raise KitError(CONTRACT, "TensorRT cannot read the model", path, "copy the kit again")
    op, name = place(told[0], _nodes(path))
    words = [error.desc().strip() for error in told[:1]] + log.errors[:1]
    raise KitError(
        REFUSED,
        f"TensorRT {trt.__version__} refuses {op or 'a node'}: {words[0]}",
        f"{path}, node {name or 'without a name'}",
        "a newer TensorRT, or build the kit again: mcompile says what its target can hold, "
        "and an operator can be written in others before the export",
    )


def place(error: Any, known: List[Tuple[str, str]]) -> Tuple[str, str]:
    """Operator and name of the node that an error of the parser is about.

    From TensorRT 10 on the error says them; before, it has the node's number in the file.
    """
    if hasattr(error, "node_operator"):
        return str(error.node_operator()), str(error.node_name())
    number = int(error.node())
    if 0 <= number < len(known):
        op, name = known[number]
        return op, name or f"number {number}"
    return "", f"number {number}"


def _nodes(path: str) -> List[Tuple[str, str]]:
    try:
        return nodes(path)
    except (OSError, ValueError):
        return []
