"""A folder that shows what a rule did wrong, on as few nodes as show it.

Each phase of rules is held against the model as it came; a rewrite after which the two differ is
undone, and the build goes on without it. Beside the report (`reproduce/` in a build's folder, and
`OUT.reproduce/` beside the OUT.onnx of `mcompile optimize`) stands then one folder for each:

    before.onnx   the nodes that show it, cut out of the model with the weights they read
    after.onnx    what the rule made of them; missing where it crashed
    inputs.npz    what these nodes were given when it was noticed, one array an input
    outputs.npz   `expected.NAME` is what before.onnx makes of that, `got.NAME` what after.onnx does
    README.txt    what happened, and the command that shows it again
    before.toml   a model card, so that the command runs on inputs.npz too

How to use it: run the command in README.txt, inside of that folder,

    mcompile optimize before.onnx -o again.onnx -v

and look for the line that begins with `undone`: the rule is undone again, at the same node. Compare
before.onnx and after.onnx to see why. To build without the rule, give `--skip RULE`. Sent with a
bug report, the folder is all that is needed; it holds weights and activations of the model.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcompile import graph
from mcompile.types import Array, Feeds, Program

FOLDER = "reproduce"
"""The folder, beside the report, that holds one folder for each."""


@dataclass(frozen=True)
class Reproducer:
    """What goes into the folder.

    `skip` names rules that would change the nodes before the rule does; `seen` is whether the
    command was tried and showed it. `whole` is how many nodes the model had.
    """

    rule: str
    node: str
    error: str
    before: Program
    after: Program | None
    inputs: Feeds
    expected: Feeds
    got: Feeds
    skip: tuple[str, ...] = ()
    whole: int = 0
    seen: bool = False

    @property
    def samples(self) -> tuple[Feeds, ...]:
        """The inputs, as samples of the sub-model: none where one is not a number."""
        floats = [a for a in self.inputs.values() if a.dtype.kind == "f"]
        finite = all(np.isfinite(a).all() for a in floats)
        return (self.inputs,) if self.inputs and finite else ()

    @property
    def command(self) -> str:
        """What shows it again."""
        words = ["mcompile optimize before.onnx -o again.onnx -v"]
        return " ".join((*words, *(f"--skip {rule}" for rule in self.skip)))


def write(made: Reproducer, folder: Path) -> None:
    """Write the files of one reproducer; equal ones make equal bytes."""
    folder.mkdir(parents=True)
    graph.save(made.before, folder / "before.onnx")
    if made.after is not None:
        graph.save(made.after, folder / "after.onnx")
    _arrays(folder / "inputs.npz", {name: a[None] for name, a in made.inputs.items()})
    pairs = {"expected": made.expected, "got": made.got}
    told = {f"{side}.{n}": a for side, feeds in pairs.items() for n, a in feeds.items()}
    _arrays(folder / "outputs.npz", told)
    if made.samples:
        # A model card: the command then runs on these inputs too.
        (folder / "before.toml").write_text('calibration = "inputs.npz"\n', encoding="utf-8")
    (folder / "README.txt").write_text(_read_me(made), encoding="utf-8")


def _read_me(made: Reproducer) -> str:
    nodes = made.before.graph.graph.num_nodes()
    after = "what the rule made of them" if made.after is not None else "missing: the rule crashed"
    return f"""{made.rule} was undone at {made.node}: {made.error}

before.onnx   the nodes that show it: {nodes} of {made.whole}
after.onnx    {after}
inputs.npz    what they were given; the first axis counts samples, of which there is one
outputs.npz   expected.NAME from before.onnx, got.NAME from after.onnx

{_again(made)}
To build without the rule: --skip {made.rule}
"""


def _again(made: Reproducer) -> str:
    if not made.seen:
        return "It shows in the build alone: hold after.onnx against before.onnx on inputs.npz."
    return f"""To see it again, in this folder:

    {made.command}

It prints `undone   {made.rule}  at {made.node}`."""


def _arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """An `.npz` whose bytes depend on the arrays alone, under any names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            plain = np.asarray(data, dtype=np.str_ if data.dtype == object else None, order="C")
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, plain, allow_pickle=False)
