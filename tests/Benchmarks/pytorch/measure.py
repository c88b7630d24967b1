"""Common to all rows: timing, the training step, and the line that scripts/bench reads."""
import statistics
import time

import torch

WARM, SECONDS, LEAST = 4, 9.0, 8


def timed(step, warm=WARM, seconds=SECONDS, least=LEAST):
    """Seconds of each call of `step` after a warm-up, for about `seconds`."""
    for _ in range(warm):
        step()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times) < least:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def peak_memory():
    """The most resident bytes of this process so far."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])


def report(units, times, **more):
    """Prints units per second: of the median step and of the quartiles."""
    times = sorted(times)
    low, high = times[(3 * len(times)) // 4], times[len(times) // 4]
    line = dict(value=units / statistics.median(times), low=units / low, high=units / high, peak=peak_memory(), **more)
    print(" ".join(f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in line.items()))


def train(model, loss_of, units, bf16, lr=1e-3, steps=None):
    """Times training steps of a model: `loss_of()` returns the mean loss of a batch created beforehand."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)],
                                  lr=lr, betas=(0.9, 0.99), foreach=True)
    losses = []

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())

    times = timed(step) if steps is None else [0.0 for _ in range(steps) if step() is None]
    if steps is None:
        report(units, times, parameters=sum(p.numel() for p in model.parameters()), loss=losses[0])
