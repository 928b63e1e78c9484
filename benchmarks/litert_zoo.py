"""What of a zoo of architectures LiteRT's backend holds, in float and on integers.

    python benchmarks/litert_zoo.py [--cache DIR] [--results FILE] [--only NAME...] [--again]
                                    [--form FORM...] [--exporter PYTHON] [--free]
    python benchmarks/litert_zoo.py --summary FILE

Networks of benchmarks/zoo, random weights, are exported once into a cache by the interpreter that
--exporter names (torch, torchvision, timm and transformers live there). Each is optimized for
LiteRT with a batch of one, or a free one where --free is said, and lowered in three forms: in
float, held against the untouched program; on integers, planned on a handful of seeded samples, held
against the float program and against the same plan in ONNX Runtime; and on integers throughout,
ports included, where no float operator is to be left. Each in a process of its own: a kernel that
aborts is a row. Told are the operators of each file, those that move data, those left in float, the
pieces that XNNPACK took, and the CPU seconds of the lowering alone. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from zoo.results import Results, Row
from zoo.workshop import Workshop, serve

_CACHE = Path.home() / ".cache" / "mcompile-zoo"
_LIMIT = 600.0
"""Seconds after which a network is given up."""
_LEAST_DB = 60.0
"""Signal to noise of a float file that computes what the program does."""
_FORMS = ("float", "int8", "throughout")
_NETWORKS = """
    resnet18 resnet50 resnext50_32x4d mobilenet_v2 mobilenet_v3_small efficientnet_b0
    shufflenet_v2_x1_0 squeezenet1_1 densenet121 googlenet inception_v3 mnasnet1_0
    regnet_y_400mf regnet_x_400mf vgg11_bn unet yolo superresolution style generator
    repvgg_branches layer_scale timm_ghostnet_100 timm_lcnet_050 timm_mobilenetv4_conv_small
    timm_repvgg_a0 timm_mobileone_s0 timm_rexnet_100 timm_res2net50_26w_4s timm_hrnet_w18_small
    timm_cspdarknet53 timm_dla34 timm_ese_vovnet19b_dw timm_hgnetv2_b0 timm_repvit_m0_9
    timm_starnet_s1 timm_skresnet18 timm_nfnet_l0 timm_tf_efficientnetv2_b0 timm_repghostnet_050
    timm_poolformer_s12 timm_convnext_atto timm_convnextv2_atto convnext_tiny
    lraspp_mobilenet_v3_large deeplabv3_mobilenet_v3_large ssdlite320_mobilenet_v3_large_heads
    retinanet_resnet50_fpn_heads fcos_resnet50_fpn_heads vit_small swin_t swin_v2_t
    timm_deit_tiny_patch16_224 timm_mobilevit_xxs timm_mobilevitv2_050 timm_edgenext_xx_small
    timm_fastvit_t8 timm_efficientvit_b0 timm_levit_128s timm_visformer_tiny
    timm_xcit_nano_12_p16_224 timm_cait_xxs24_224 timm_beit_base_patch16_224 timm_davit_tiny
    timm_eva02_tiny_patch14_224 hf_bert hf_bert_masked hf_roberta hf_distilbert hf_albert
    hf_electra hf_deberta_v2 hf_mpnet hf_gpt2 hf_opt hf_gpt_neox hf_bloom hf_llama hf_qwen2
    hf_gemma hf_t5_encoder hf_bart_encoder hf_clip_text hf_vit hf_dinov2 hf_swin hf_convnext
    hf_segformer hf_mobilevit hf_yolos hf_whisper_encoder hf_wav2vec2 lstm bilstm gru bigru
    unrolled_lstm unrolled_gru crnn pointnet dlrm llama_block
""".split()  # noqa: SIM905


def main() -> int:
    """Export what is missing, visit every network, and print the table."""
    given = _parser().parse_args()
    if given.serve:
        serve({"lower": _lowered}[given.serve], _LIMIT)
        return 0
    file = given.summary or given.results or given.cache / "litert.jsonl"
    results = Results([file], file)
    if not given.summary:
        _run(given, results)
    _show(results)
    return 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--cache", type=Path, default=_CACHE, help="where the exports are kept")
    ask.add_argument("--results", type=Path, help="CACHE/litert.jsonl unless given")
    ask.add_argument("--only", nargs="+", default=_NETWORKS, metavar="NAME")
    ask.add_argument("--form", nargs="+", default=_FORMS, choices=_FORMS, metavar="FORM")
    ask.add_argument("--again", action="store_true", help="even what is known already")
    ask.add_argument("--exporter", default=sys.executable, help="the interpreter that has torch")
    ask.add_argument("--free", action="store_true", help="leave the batch size to the caller")
    ask.add_argument("--summary", type=Path, metavar="FILE", help="of these results alone")
    ask.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    ask.add_argument("--serve", default="", help=argparse.SUPPRESS)
    return ask


def _run(given: argparse.Namespace, results: Results) -> None:
    missing = [n for n in given.only if not (given.cache / n / "meta.json").exists()]
    if missing:
        script = Path(__file__).with_name("zoo.py")
        words = [given.exporter, str(script), "--export", "--cache", str(given.cache)]
        subprocess.run([*words, "--only", *missing], check=True)
    shop = Workshop(Path(__file__).resolve(), given.core, given.cache / "litert.log")
    try:
        for name in given.only:
            _visit(given, name, results, shop)
    finally:
        shop.close()


def _visit(given: argparse.Namespace, name: str, results: Results, shop: Workshop) -> None:
    meta = json.loads((given.cache / name / "meta.json").read_text())
    for form in given.form:
        if "error" in meta or (results.get("litert", name, form) and not given.again):
            continue
        job = {"folder": str(given.cache / name), "form": form, "free": given.free}
        told = shop.ask("lower", job)
        row: Row = {"error": told.get("error", "")} | told.get("value", {})
        about = {"family": meta["family"], "wall": told.get("wall")}
        print(_line(results.add(kind="litert", model=name, variant=form, **about, **row)),
              flush=True)  # fmt: skip


def _lowered(job: dict[str, Any]) -> Row:
    """One network in one form; imports what that needs, and no more."""
    from mcompile.backends.litert import Litert
    from mcompile.oracle import Oracle
    from mcompile.profile import Device, Runtime, Target
    from mcompile.types import Precision

    folder = Path(job["folder"])
    program, source, samples = _program(folder, job["free"])
    backend, name = Litert(), Precision.FP32 if job["form"] == "float" else Precision.INT8
    ports = Runtime(ports="int8" if job["form"] == "throughout" else "")
    target = Target("desk", "this machine", "litert", name, Device(arch="x86_64"), ports)
    planned = program
    if name is Precision.INT8:
        planned = _planned(program, samples, backend, target)
    with tempfile.TemporaryDirectory() as into:
        began = time.process_time()
        artifact = backend.lower(planned, target, Path(into))
        cpu = time.process_time() - began
        data = (Path(into) / artifact.files[0].path).read_bytes()
        with backend.open(artifact, Path(into), 1) as runner:
            found = runner.run(samples[0])
    wanted = Oracle(source).run(samples[0])
    row: Row = {"cpu": cpu, "mb": len(data) / 1e6, "db": _db(wanted, found)} | _counted(data)
    if planned is not program:
        row["plan_db"] = _db(wanted, Oracle(planned).run(samples[0]))
    return row


def _program(folder: Path, free: bool) -> tuple[Any, Any, list[dict[str, Any]]]:
    """The program optimized for LiteRT, the same as it was read, and inputs of a batch of one."""
    from mcompile.backends.litert import Litert
    from mcompile.frontend import capture
    from mcompile.optimizer import at_opset, optimize
    from mcompile.specialize import specialized

    source = capture(folder / "opt.onnx")
    names = {d for port in source.inputs for d in port.shape if isinstance(d, str)}
    bound = specialized(source, dict.fromkeys(names, 1)) if names and not free else source
    raised = at_opset(bound, floor=Litert.opset)[0]
    return optimize(raised, runtime="litert")[0], bound, list(_feeds(folder))


def _feeds(folder: Path) -> Iterator[dict[str, Any]]:
    """The first batch of one, then the rows of the second."""
    first, second = (dict(np.load(folder / f"feeds{k}.npz")) for k in (0, 1))
    yield first
    for row in range(len(next(iter(second.values())))):
        yield {name: data[row : row + 1] for name, data in second.items()}


def _planned(program: Any, samples: Sequence[dict[str, Any]], backend: Any, target: Any) -> Any:
    from mcompile.quantize import insert, observe, plan
    from mcompile.quantize.extremes import extremes
    from mcompile.types import Sample, Samples

    data = Samples("seeded", lambda: iter([Sample(f) for f in samples]))
    ready = backend.spelled(program, target, lambda p: extremes(p, data))
    scheme = backend.scheme_on(target)
    return insert(ready, plan(ready, observe(ready, data), scheme), scheme)


def _db(wanted: dict[str, Any], found: dict[str, Any]) -> float:
    """Signal to noise over all float outputs; 0 where a whole number differs."""
    signal = noise = 0.0
    for name, data in wanted.items():
        if data.dtype.kind != "f":
            signal, noise = (signal, noise) if np.array_equal(data, found[name]) else (1.0, 1.0)
            continue
        whole = data.astype(np.float64)
        signal += float((whole**2).sum())
        noise += float(((whole - found[name]) ** 2).sum())
    return float(10 * np.log10(signal / max(noise, 1e-30))) if signal else 0.0


def _counted(data: bytes) -> Row:
    from mcompile.backends.litert.listing import listed
    from mcompile.backends.litert.taken import xnnpack

    ops = listed(data)
    kinds = Counter(op.kind for op in ops)
    told = xnnpack(data, ops)
    return {
        "ops": len(ops), "kinds": dict(kinds), "custom": kinds["CUSTOM"],
        "floats": dict(Counter(op.kind for op in ops if op.is_float)), "pieces": told.parts,
        "fallen": list(told.fallen),
    }  # fmt: skip


def _line(row: Row) -> str:
    name = f"{row['model']:32} {row['variant']:10}"
    if row["error"]:
        return f"{name} {row['error'][:200]}"
    kinds = row["kinds"]
    text = f"{name} {row['db']:6.1f} dB {row['ops']:5} ops"
    for label, kind in (("T", "TRANSPOSE"), ("R", "RESHAPE"), ("Q", "QUANTIZE")):
        text += f" {label}{kinds.get(kind, 0):<4}"
    text += f" {row['pieces']:3} pieces {row['cpu']:5.2f} s"
    if row["variant"] == "float":
        text += f"  left: {', '.join(row['fallen']) or 'none'}"
    else:
        left = " ".join(f"{k}:{n}" for k, n in row["floats"].items())
        text += f"  plan {row['plan_db']:5.1f} dB  float: {left or 'none'}"
    return text


def _show(results: Results) -> None:
    rows = list(results.all("litert"))
    for row in rows:
        print(_line(row))
    for form in _FORMS:
        mine = [r for r in rows if r["variant"] == form]
        held = [r for r in mine if not r["error"] and not r["custom"]]
        right = [r for r in held if r["db"] >= _LEAST_DB] if form == "float" else held
        whole = [r for r in held if not r["floats"]]
        told = f"{form}: {len(held)} of {len(mine)} lowered without a custom operator"
        if form == "float":
            told += f", {len(right)} of them within {_LEAST_DB:.0f} dB"
        else:
            told += f", {len(whole)} without a float operator"
        print(told)


if __name__ == "__main__":
    sys.exit(main())
