"""Networks that were tried on the way to FastNet and did not become it: the row `choices` measures them."""

import torch
from mnist_s6.model import FastNet, conv_block
from torch import nn


class Strided(FastNet):
    """The first convolution moves in steps of 2 pixels, in place of a pooling after it."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__(widths)
        first = nn.Conv2d(1, widths[0], 6, stride=2, bias=False)
        self.features[0] = nn.Sequential(first, nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True))  # (N, 16, 10, 10)


class Middle22(FastNet):
    """The middle 22×22 pixels, and a first kernel of 3×3: less work, and it sees less."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__(widths)
        self.features[0] = conv_block(1, widths[0], 3, pool=True)  # (N, 8, 10, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images[..., 3:25, 3:25]).flatten(1))
