"""Small networks of our own: the shapes that model libraries do not bring along."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Unet(nn.Module):
    """Two levels down and up again, with skips, BatchNorm and transposed convolutions."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.first = _double(3, width)
        self.second = _double(width, 2 * width)
        self.third = _double(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.back2 = _double(4 * width, 2 * width)
        self.back1 = _double(2 * width, width)
        self.head = nn.Conv2d(width, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A map of four classes."""
        one = self.first(x)
        two = self.second(nn.functional.max_pool2d(one, 2))
        three = self.third(nn.functional.max_pool2d(two, 2))
        two = self.back2(torch.cat([two, self.up2(three)], 1))
        return self.head(self.back1(torch.cat([one, self.up1(two)], 1)))


def _double(before: int, after: int) -> nn.Sequential:
    halves = [
        (nn.Conv2d(b, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        for b in (before, after)
    ]
    return nn.Sequential(*(part for half in halves for part in half))


class Yolo(nn.Module):
    """A YOLO-style detector: SiLU, C2f blocks, SPPF, and a head that decodes boxes on a grid."""

    def __init__(self, width: int = 16, classes: int = 8, bins: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(_silu(3, width, 2), _silu(width, 2 * width, 2))
        self.mid = _C2f(2 * width)
        self.down = nn.Sequential(_silu(2 * width, 4 * width, 2), _C2f(4 * width))
        self.pool = _Sppf(4 * width)
        self.top = _C2f(6 * width, 4 * width)
        self.box = nn.Conv2d(4 * width, 4 * bins, 1)
        self.cls = nn.Conv2d(4 * width, classes, 1)
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 4 + classes, cells): boxes in pixels, and scores."""
        fine = self.mid(self.stem(x))
        deep = nn.functional.interpolate(self.pool(self.down(fine)), scale_factor=2.0)
        out = self.top(torch.cat([deep, fine], 1))
        sides = self.box(out).flatten(2).unflatten(1, (4, self.bins)).softmax(2)
        steps = torch.arange(self.bins, dtype=x.dtype)
        sides = (sides * steps.view(1, 1, -1, 1)).sum(2)
        rows, columns = out.shape[-2:]
        grid = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centre = torch.stack([grid[1].flatten(), grid[0].flatten()]).to(x.dtype) + 0.5
        low, high = centre - sides[:, :2], centre + sides[:, 2:]
        boxes = torch.cat([(low + high) / 2, high - low], 1) * 4.0
        return torch.cat([boxes, self.cls(out).flatten(2).sigmoid()], 1)


def _silu(before: int, after: int, stride: int = 1, side: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(before, after, side, stride, side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.SiLU())


class _C2f(nn.Module):
    def __init__(self, before: int, after: int = 0) -> None:
        super().__init__()
        after = after or before
        self.enter = _silu(before, after, side=1)
        self.inner = nn.Sequential(_silu(after // 2, after // 2), _silu(after // 2, after // 2))
        self.leave = _silu(after // 2 * 3, after, side=1)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.enter(x).chunk(2, 1)
        return self.leave(torch.cat([one, two, two + self.inner(two)], 1))


class _Sppf(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter, self.leave = _silu(width, width // 2, side=1), _silu(2 * width, width, side=1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        flow = [self.enter(x)]
        for _ in range(3):
            flow.append(self.pool(flow[-1]))
        return self.leave(torch.cat(flow, 1))


class Recurrent(nn.Module):
    """A recurrent layer over a sequence, its last step and every step classified."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], both: bool, layers: int = 1) -> None:
        super().__init__()
        self.body = kind(48, 96, layers, batch_first=True, bidirectional=both)
        self.head = nn.Linear(192 if both else 96, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of every step, and of the last."""
        flow, _ = self.body(x)
        return self.head(flow), self.head(flow[:, -1])


class Unrolled(nn.Module):
    """An LSTM or GRU cell in a Python loop."""

    def __init__(self, kind: type[nn.LSTMCell] | type[nn.GRUCell], steps: int = 12) -> None:
        super().__init__()
        self.cell, self.steps, self.head = kind(32, 64), steps, nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the last step."""
        state = x.new_zeros(x.shape[0], 64)
        memory = state
        for step in range(self.steps):
            if isinstance(self.cell, nn.LSTMCell):
                state, memory = self.cell(x[:, step], (state, memory))
            else:
                state = self.cell(x[:, step], state)
        return self.head(state)


class Crnn(nn.Module):
    """A text recognizer: convolutions, then a bidirectional LSTM over the columns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_double(1, 32), nn.MaxPool2d(2), *_double(32, 64), nn.MaxPool2d((4, 2)),
            *_double(64, 96), nn.MaxPool2d((4, 1)),
        )  # fmt: skip
        self.read = nn.LSTM(96, 64, bidirectional=True, batch_first=True)
        self.head = nn.Linear(128, 37)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, columns, letters) of log probabilities."""
        columns = self.body(x).squeeze(2).permute(0, 2, 1)
        return self.head(self.read(columns)[0]).log_softmax(-1)


class PointNet(nn.Module):
    """Points through shared linear layers with BatchNorm, the maximum over all, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Sequential(
            nn.Conv1d(3, 64, 1), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 128, 1), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Conv1d(128, 256, 1), nn.BatchNorm1d(256),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Linear(256, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 10)
        )

    def forward(self, points: Tensor) -> Tensor:
        """Scores of the cloud."""
        return self.head(self.each(points).amax(2))


class Recommender(nn.Module):
    """DLRM: embeddings and dense features, their dot products, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(100, 32) for _ in range(6))
        self.dense = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(32 + 49, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        """One probability a row."""
        first = self.dense(dense)
        rows = [t(sparse[:, k]) for k, t in enumerate(self.tables)]
        flow = torch.stack([first, *rows], 1)
        pairs = flow @ flow.transpose(1, 2) / math.sqrt(32)
        return self.head(torch.cat([first, pairs.flatten(1)], 1)).sigmoid()
