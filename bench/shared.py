"""Time steps of training that processes share: `torchrun --nproc-per-node=2 bench/shared.py` prints seconds a step, as JSON.

Each kind of step is told as network, widths and images in a batch; a process computes its part of the batch, on one thread.
"""

import json
import statistics
import time

import torch
import torch.nn.functional as F
from mnist_s6.fit import OneCycle
from mnist_s6.model import FastNet, S6Net
from mnist_s6.scale import distribute, join, leave, part
from mnist_s6.util import set_seed
from torch import nn

KINDS = [(network, widths, size) for network, widths in ((FastNet, (16, 32, 44)), (S6Net, (32, 96, 96, 96))) for size in (256, 1024)]
STEPS = 11


def seconds(network: type[nn.Module], widths: tuple[int, ...], size: int) -> float:
    """The median time of a step: forward, backward and the optimizer's."""
    set_seed(0)
    model = network(widths)
    (shared, _), images, labels, times = distribute(model), torch.randn(size, 1, 28, 28), torch.arange(size) % 10, []
    optimizer, scheduler = OneCycle().build(model, STEPS)
    for _ in range(STEPS):
        start = time.perf_counter()
        loss = F.cross_entropy(shared(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        loss.item()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure each kind; the first process prints."""
    torch.set_num_threads(1)
    join()
    found = [{"network": network.__name__, "widths": widths, "batch_size": size, "seconds": seconds(network, widths, size)}
             for network, widths, size in KINDS]
    if part()[0] == 0:
        print(json.dumps(found))
    leave()


if __name__ == "__main__":
    main()
