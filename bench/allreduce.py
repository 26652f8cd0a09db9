"""Time all-reduces and all-gathers: `torchrun --nproc-per-node=2 bench/allreduce.py` prints seconds by bytes of each, as JSON."""

import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.distributed as dist


def gather(tensor: torch.Tensor) -> None:
    """Let each process have the tensors of all."""
    dist.all_gather([torch.empty_like(tensor) for _ in range(dist.get_world_size())], tensor)


def seconds(collective: Callable[[torch.Tensor], object], numbers: int, turns: int) -> float:
    """The median time for so many numbers."""
    tensor, times = torch.zeros(numbers), []
    for _ in range(turns):
        dist.barrier()
        start = time.perf_counter()
        collective(tensor)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure small and large ones; the first process prints."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = {name: {4 * numbers: seconds(collective, numbers, turns) for numbers, turns in ((1, 300), (100, 300), (20_000, 300), (5_000_000, 15))}
             for name, collective in (("all_reduce", dist.all_reduce), ("all_gather", gather))}
    if dist.get_rank() == 0:
        print(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
