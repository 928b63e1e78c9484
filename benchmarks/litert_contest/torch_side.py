"""litert-torch makes the float file of a torch module; ai-edge-quantizer makes INT8 of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from litert_contest.cost import spent

_SIGNATURE = "serving_default"


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """The float file, from the network's own module or from its ONNX graph replayed in torch."""
    import litert_torch
    import torch

    torch.set_num_threads(1)
    module = _module(job)
    with np.load(job["evaluation"]) as held:
        rows = [held[n][0] for n in job["inputs"]]
    ranked = zip(rows, job["ranks"], strict=True)
    inputs = tuple(torch.from_numpy(r[None] if r.ndim < n else r) for r, n in ranked)
    with spent() as told:
        litert_torch.convert(module.eval(), inputs).export(job["out"])
    return told


def _module(job: dict[str, Any]) -> Any:
    if job["trained"]:
        from litert_contest.replay import Replay

        return Replay(Path(job["model"]))
    from litert_contest.nets import module

    return module(job["name"])[0]


def quantize(job: dict[str, Any]) -> dict[str, Any]:
    """Static INT8 by its recipe, with ports that stay float, from the same samples as ours."""
    from ai_edge_quantizer import qtyping, quantizer, recipe

    rules = recipe.static_wi8_ai8()
    for port in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        rules.append({"regex": ".*", "operation": port.value, "op_config": {},
                      "algorithm_key": "no_quantize"})  # fmt: skip
    with np.load(job["calibration"]) as held:
        columns = [held[n] for n in job["inputs"]]
    feeds = [
        {f"args_{k}": c[i] if c.ndim == n else c[i : i + 1]
         for k, (c, n) in enumerate(zip(columns, [r + 1 for r in job["ranks"]], strict=True))}
        for i in range(len(columns[0]))
    ]  # fmt: skip
    with spent() as told:
        tool = quantizer.Quantizer(job["float"], rules)
        found = tool.calibrate({_SIGNATURE: feeds}, num_threads=1)
        tool.quantize(found).export_model(job["out"], overwrite=True)
    return told
