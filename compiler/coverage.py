"""How much of an artifact an accelerator takes from the processor: one row of a report each."""

from __future__ import annotations

from dataclasses import dataclass

from mcompile.types import Provenance


@dataclass(frozen=True)
class Coverage:
    """What of an artifact's operators a delegate takes; the processor runs the others.

    `taken` of all `ops`, in `parts` pieces of the graph; `fallen` says which are left and why.
    `macs_percent` is the share of the multiply-accumulates, None where there are none. It is
    measured where the runtime told it here, else stated by the documents that `source` names.
    """

    delegate: str
    ops: int
    taken: int
    parts: int
    fallen: tuple[str, ...] = ()
    macs_percent: float | None = None
    provenance: Provenance = Provenance.STATED
    source: str = ""
