"""Speech and music networks: silero-vad and basic-pitch, on sound made here with fixed seeds."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trained.bench import Data, Trained

_RATE, _WINDOW, _CONTEXT = 16_000, 512, 64
_PITCH_RATE, _PITCH_LENGTH = 22_050, 43_844
_SENTENCES = (
    "the quick brown fox jumps over the lazy dog",
    "a model that is right on one machine may be wrong on another",
    "seven silver ships sailed south through the strait",
    "please measure twice before you cut once",
)


def networks() -> list[Trained]:
    """silero-vad needs the program espeak-ng, which speaks its data; basic-pitch nothing."""
    found = [Trained("basic_pitch", "Apache-2.0", _basic_pitch, _chords)]
    if shutil.which("espeak-ng"):
        found.append(Trained("silero_vad", "MIT", _silero, _speech))
    return found


def _basic_pitch(path: Path) -> None:
    place = resources.files("basic_pitch") / "saved_models" / "icassp_2022" / "nmp.onnx"
    path.write_bytes(place.read_bytes())


def _silero(path: Path) -> None:
    place = resources.files("silero_vad") / "data" / "silero_vad_16k_op15.onnx"
    path.write_bytes(place.read_bytes())


def _chords() -> tuple[Data, Data]:
    """Two seconds of decaying harmonic tones each: notes, loudness and timbre drawn at random."""
    sounds = [_chord(np.random.default_rng(seed)) for seed in range(24)]
    data = np.stack(sounds)[..., None].astype(np.float32)
    name = "serving_default_input_2:0"
    return Data({name: data[:12]}), Data({name: data[12:]})


def _chord(rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(_PITCH_LENGTH) / _PITCH_RATE
    sound = 0.002 * rng.standard_normal(_PITCH_LENGTH)
    for _ in range(rng.integers(2, 8)):
        start, pitch = rng.uniform(0, 1.5), 440 * 2 ** (rng.integers(-24, 24) / 12)
        since = np.clip(time - start, 0, None)
        loud = np.exp(-since * rng.uniform(1, 6)) * (time >= start) * rng.uniform(0.05, 0.3)
        fall = rng.uniform(0.3, 0.8)
        sound += loud * sum(fall**k * np.sin(2 * np.pi * pitch * (k + 1) * time) for k in range(8))
    return sound


def _speech() -> tuple[Data, Data]:
    """Windows of speech and of pauses with noise, each with the state the network had there."""
    halves = []
    for part in (_SENTENCES[:2], _SENTENCES[2:]):
        rng = np.random.default_rng(len(halves))
        spoken = np.concatenate([_said(s, 50 + 25 * k) for k, s in enumerate(part)])
        quiet = np.zeros(_RATE // 2)
        sound = np.concatenate([quiet, spoken, quiet])
        sound = sound + 0.003 * rng.standard_normal(len(sound))
        halves.append(_windows(sound.astype(np.float32)))
    return halves[0], halves[1]


def _said(sentence: str, pitch: int) -> NDArray[np.float64]:
    command = ["espeak-ng", "--stdout", "-p", str(pitch), sentence]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate, data = file.getframerate(), np.frombuffer(file.readframes(1 << 24), np.int16) / 32768
    count = int(len(data) * _RATE / rate)
    return np.interp(np.arange(count) * rate / _RATE, np.arange(len(data)), data)


def _windows(sound: NDArray[np.float32]) -> Data:
    import onnxruntime as ort

    place = resources.files("silero_vad") / "data" / "silero_vad_16k_op15.onnx"
    session = ort.InferenceSession(place.read_bytes(), providers=["CPUExecutionProvider"])
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(_RATE, np.int64)
    context = np.zeros(_CONTEXT, np.float32)
    rows: list[NDArray[np.float32]] = []
    states: list[NDArray[np.float32]] = []
    for start in range(0, len(sound) - _WINDOW, _WINDOW):
        window = sound[start : start + _WINDOW]
        row = np.concatenate([context, window])
        rows.append(row)
        states.append(state)
        _, state = session.run(None, {"input": row[None], "state": state, "sr": rate})
        context = window[-_CONTEXT:]
    rates = np.full(len(rows), _RATE, np.int64)
    return Data({"input": np.stack(rows), "state": np.stack(states), "sr": rates})
