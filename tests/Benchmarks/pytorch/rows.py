"""The PyTorch side of the benchmark: the same shapes as TrainingBenchmark.cs, in plain PyTorch as nanoGPT writes it.

Usage: rows.py ROW [fp32|bf16]; ROW is ops, train-s, train-m, sample-m or sample-m-32. Prints one number.
"""
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPES = {"s": dict(layers=4, heads=4, width=128, context=64, rows=12), "m": dict(layers=6, heads=6, width=384, context=256, rows=16)}
VOCABULARY = 65


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class Attention(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        self.packed = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.register_buffer("seen", torch.tril(torch.ones(context, context)).view(1, 1, context, context))

    def forward(self, x):
        rows, length, width = x.shape
        q, k, v = (part.view(rows, length, self.heads, -1).transpose(1, 2) for part in self.packed(x).split(width, 2))
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(k.size(-1))
        scores = scores.masked_fill(self.seen[:, :, :length, :length] == 0, float("-inf"))
        mixed = F.softmax(scores, -1) @ v
        return self.output(mixed.transpose(1, 2).contiguous().view(rows, length, width))


class Block(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.norms = nn.ModuleList([Norm(width), Norm(width)])
        self.attention = Attention(width, heads, context)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, context, rows):
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads, context) for _ in range(layers)])
        self.norm = Norm(width)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.02)

    def forward(self, ids, last=False):
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return F.linear(x[:, [-1]] if last else x, self.tokens.weight)


def median_seconds(step, warm=5, seconds=8.0, least=10):
    for _ in range(warm):
        step()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times) < least:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def train(shape, bf16):
    model = Gpt(**shape)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)], lr=1e-3, betas=(0.9, 0.99))
    ids = torch.randint(0, VOCABULARY, (shape["rows"], shape["context"]))
    targets = torch.randint(0, VOCABULARY, (shape["rows"] * shape["context"],))

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(model(ids).view(-1, VOCABULARY), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return ids.numel() / median_seconds(step)


def sample(shape, prompts, bf16):
    model = Gpt(**shape).eval()
    count = 200

    @torch.no_grad()
    def step():
        ids = torch.zeros(prompts, 1, dtype=torch.long)
        for _ in range(count):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                logits = model(ids[:, -model.context:], last=True)[:, -1].float()
            values, _ = torch.topk(logits, 50)
            logits[logits < values[:, [-1]]] = -float("inf")
            ids = torch.cat((ids, torch.multinomial(F.softmax(logits, -1), 1)), 1)

    return count * prompts / median_seconds(step, warm=0, seconds=6, least=2)


def ops():
    torch.set_num_threads(1)
    a, b, calls, times = torch.ones(4), torch.ones(4), 100_000, []
    with torch.no_grad():
        for _ in range(9):
            start = time.perf_counter()
            for _ in range(calls):
                a.add(b)
            times.append((time.perf_counter() - start) / calls * 1e6)
    return sorted(times)[4]


def main():
    row, bf16 = sys.argv[1], len(sys.argv) > 2 and sys.argv[2] == "bf16"
    torch.manual_seed(1)
    if row == "ops":
        result = ops()
    elif row.startswith("train-"):
        result = train(SHAPES[row[6:]], bf16)
    else:
        result = sample(SHAPES["m"], 32 if row.endswith("-32") else 1, bf16)
    print(f"{result:.3f}")


main()
