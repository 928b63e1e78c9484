"""The nodes of an ONNX file, read from its bytes: TensorRT before 10 tells only their numbers.

The file is a protocol buffer: fields are a key (number * 8 + wire type) and a value. Only four
fields matter: ModelProto.graph 7, GraphProto.node 1, NodeProto.name 3 and NodeProto.op_type 4.
"""

from typing import Any, Iterator, List, Tuple


def nodes(path: str) -> List[Tuple[str, str]]:
    """Operator and name of each node of the main graph, in the file's order.

    Raises ValueError where the file is no ONNX model.
    """
    with open(path, "rb") as file:
        data = memoryview(file.read())
    try:
        graphs = [value for number, value in _fields(data) if number == 7]
        return [_node(v) for graph in graphs for number, v in _fields(graph) if number == 1]
    except IndexError as error:
        raise ValueError("the file is cut short") from error


def _node(data: Any) -> Tuple[str, str]:
    told = {number: value for number, value in _fields(data) if number in (3, 4)}
    name, op = (bytes(told.get(number, b"")).decode("utf-8", "replace") for number in (3, 4))
    return op, name


def _fields(data: Any) -> Iterator[Tuple[int, Any]]:
    """Number and bytes of each field; of numbers only that they are there."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        wire, value = key & 7, data[:0]
        if wire == 0:
            _, place = _varint(data, place)
        elif wire == 2:
            size, place = _varint(data, place)
            value, place = data[place : place + size], place + size
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        yield key >> 3, value


def _varint(data: Any, place: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        shift, place = shift + 7, place + 1
        if byte < 128:
            return value, place
