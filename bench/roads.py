"""Networks that the course does not teach: two that were tried on the way to FastNet and did not become it (the row `choices`
measures them), and the larger one that the soft targets are from (targets.py)."""

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


class Teacher(nn.Module):
    """Five convolutions of 3×3 that keep the image's size, and of each channel the mean and the maximum; 141,738 parameters."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(zip((1, *widths), widths)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            if place % 2:  # after the second and the fourth: 28×28, 14×14, 7×7
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(2 * widths[-1], 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # (N, 1, 28, 28) → (N, 10)
        x = self.features(images)  # (N, 128, 7, 7)
        return self.classifier(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
