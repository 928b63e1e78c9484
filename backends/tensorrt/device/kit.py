"""The kit: what `kit.json` says, and that its files are the ones that were written."""

import json
import os
from typing import Any, Dict, List, Optional

from mcompile.backends.tensorrt.device.faults import CONTRACT, KitError
from mcompile.backends.tensorrt.device.files import sha256

KIT_SCHEMA = 1
AGAIN = "copy the whole folder engine-kit again"
Shapes = Dict[str, Dict[str, List[int]]]


class Kit:
    """The facts of `kit.json`, and the folder it lies in. Raises KeyError where one is missing."""

    def __init__(self, folder: str, facts: Dict[str, Any]) -> None:
        self.folder = folder
        self.name: str = facts["name"]
        self.target: str = facts["target"]
        self.precision: str = facts["precision"]
        self.model: str = facts["model"]
        self.sha256: str = facts["sha256"]
        self.files: Dict[str, str] = facts["files"]
        self.float_model: Optional[str] = facts["float_model"]
        self.calibration: Optional[str] = facts["calibration"]
        self.compute_capability: str = facts["compute_capability"]
        self.tensorrt: str = facts["tensorrt"]
        self.disk_mb = float(facts["disk_mb"])
        self.workspace_mb = float(facts["workspace_mb"])
        self.memory_needed_mb = float(facts["memory_needed_mb"])
        self.inputs: List[Dict[str, Any]] = facts["inputs"]
        self.outputs: List[Dict[str, Any]] = facts["outputs"]
        self.profiles: Shapes = facts["profiles"]
        self.integer_layers = int(facts["integer_layers"])
        self.golden: str = facts["golden"]
        self.tolerance = float(facts["tolerance"])
        self.runs = int(facts["runs"])
        self.warmup = int(facts["warmup"])
        self.dla_cores = int(facts["dla_cores"])

    def path(self, name: str) -> str:
        """Where a file of the kit lies."""
        return os.path.join(self.folder, *name.split("/"))


def read_kit(folder: str) -> Kit:
    """The kit in `folder`; an error where `kit.json` is missing, damaged or of another schema."""
    path = os.path.join(folder, "kit.json")
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        if facts["schema"] != KIT_SCHEMA:
            told = f"kit.json is of schema {facts['schema']}, and this script reads {KIT_SCHEMA}"
            raise KitError(CONTRACT, told, path, AGAIN)
        return Kit(folder, facts)
    except OSError as error:
        raise KitError(CONTRACT, "kit.json cannot be read", path, AGAIN) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KitError(CONTRACT, f"kit.json is damaged: {error!r}", path, AGAIN) from error


def verify_files(kit: Kit) -> None:
    """Nothing where each file has its checksum; an error that names the first that has not."""
    for name in sorted(kit.files):
        path = kit.path(name)
        if not os.path.isfile(path):
            raise KitError(CONTRACT, f"{name} is missing", kit.folder, AGAIN)
        if sha256(path) != kit.files[name]:
            raise KitError(CONTRACT, f"{name} is damaged: its checksum differs", path, AGAIN)
    if not os.path.isfile(kit.path(kit.golden)):
        raise KitError(CONTRACT, f"{kit.golden} is missing", kit.folder, AGAIN)
