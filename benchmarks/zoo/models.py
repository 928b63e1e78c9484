"""Every architecture of the zoo, those that a rule is known to pay for first."""

from __future__ import annotations

from zoo.entry import Entry


def entries() -> list[Entry]:
    """All of them; imports torchvision, timm and transformers."""
    from zoo.language import language
    from zoo.own import own
    from zoo.vision import vision

    return [*own(), *language(), *vision()]
