"""The trainings that ours are measured against, written anew from their published descriptions."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from mnist_s6.datasets import MEAN, STD, load_data
from mnist_s6.speed import original_network
from torch import nn
from torchvision.datasets import MNIST


def original_epoch(root: str) -> Callable[[], None]:
    """One epoch of the first session, its evaluation included: batches of 64, two workers, SGD."""
    train_loader, test_loader = load_data(64, root, seed=0, num_workers=2)
    model = original_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def epoch() -> None:
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader)

    return epoch


class Step8(nn.Module):
    """The network of train_mnist_fast, step 8: 215,194 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 24, 5), nn.Conv2d(24, 32, 3)
        self.fc1, self.fc2 = nn.Linear(800, 256), nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (N, 1, 28, 28) -> (N, 10)
        x = F.max_pool2d(self.conv1(x), 2).relu()
        x = F.max_pool2d(self.conv2(x), 2).relu()
        return self.fc2(self.fc1(x.flatten(1)).relu())


def step8(root: str, seed: int) -> float:
    """Train it as published: one epoch, batches of 256 in the stored order, Adam in one cycle; the test accuracy."""

    def tensors(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        dataset = MNIST(root, train=train)
        return (dataset.data[:, None] / 255 - MEAN) / STD, dataset.targets

    (images, labels), (test_images, test_labels) = tensors(True), tensors(False)
    torch.manual_seed(seed)
    model = Step8()
    batches = list(zip(images.split(256), labels.split(256)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=len(batches), cycle_momentum=False)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(test_images.split(2000), test_labels.split(2000)))
    return right / len(test_labels)
