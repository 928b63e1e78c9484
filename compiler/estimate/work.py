"""What a program asks of a machine, counted."""

from __future__ import annotations

from dataclasses import dataclass

from mcompile.types import Measured, Provenance


@dataclass(frozen=True)
class NodeWork:
    """One node's arithmetic and traffic for one run; None where a shape or op is not known.

    1 MAC = 2 FLOPs, and FLOPs hold the elementwise work too. `weight_bytes` are the bytes of
    constants that a run reads, `integer` says that they are integers.
    """

    name: str
    op: str
    macs: int | None
    flops: int | None
    weight_bytes: int
    read_bytes: int | None
    written_bytes: int | None
    integer: bool = False

    @property
    def known(self) -> bool:
        """Whether everything about the node could be counted."""
        return None not in (self.macs, self.flops, self.read_bytes, self.written_bytes)

    @property
    def moved_bytes(self) -> int:
        """Bytes read and written, weights included, as far as known."""
        return self.weight_bytes + (self.read_bytes or 0) + (self.written_bytes or 0)


@dataclass(frozen=True)
class Work:
    """The work of one run. `params` and `weight_bytes` count a shared constant once."""

    nodes: tuple[NodeWork, ...]
    params: int
    weight_bytes: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the nodes that could be counted."""
        return sum(n.macs or 0 for n in self.nodes)

    @property
    def flops(self) -> int:
        """Floating (or integer) operations of the nodes that could be counted."""
        return sum(n.flops or 0 for n in self.nodes)

    @property
    def moved_bytes(self) -> int:
        """Bytes read and written in one run, as far as known."""
        return sum(n.moved_bytes for n in self.nodes)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of the nodes that could not be counted."""
        return tuple(n.name for n in self.nodes if not n.known)

    def figures(self) -> tuple[Measured, ...]:
        """`macs_g`, `flops_g`, `params_m`, `weights_mb`, `moved_mb`, as the graph states them.

        With nodes that could not be counted, the first two and the last are lower bounds only.
        """
        return (
            self._open("macs_g", self.macs / 1e9, "G"),
            self._open("flops_g", self.flops / 1e9, "G"),
            Measured("params_m", self.params / 1e6, "M", Provenance.STATED, note="graph constants"),
            Measured("weights_mb", self.weight_bytes / 1e6, "MB", Provenance.STATED),
            self._open("moved_mb", self.moved_bytes / 1e6, "MB"),
        )

    def _open(self, name: str, value: float, unit: str) -> Measured:
        if not self.unknown:
            return Measured(name, value, unit, Provenance.STATED, note="counted on the graph")
        some = ", ".join(self.unknown[:3])
        note = f"at least: {len(self.unknown)} nodes could not be counted ({some})"
        return Measured(name, value, unit, Provenance.PREDICTED, low=value, note=note)
