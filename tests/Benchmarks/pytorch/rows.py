"""The PyTorch side of the benchmark: the rows of tests/Benchmarks in plain PyTorch.

Usage: rows.py ROW fp32|bf16. Prints one line of name=value: units per second, and the values that must agree on both sides.
"""
import sys
import time

import torch
import torch.nn.functional as F

import gpt
import measure
import seq2seq
import vit

S = dict(layers=4, heads=4, width=128, context=64)
M = dict(layers=6, heads=6, width=384, context=256)
VIT_32 = dict(size=32, patch=4, width=192, layers=6, heads=3, classes=10)
VIT_224 = dict(size=224, patch=16, width=192, layers=12, heads=3, classes=1000)
PAIRS = dict(layers=3, width=256, inner=1024, heads=8, vocabulary=8000, context=256)
LENGTH = 32


def train_gpt(shape, rows, bf16, steps=None):
    model = gpt.Gpt(**shape)
    ids = torch.randint(0, gpt.VOCABULARY, (rows, shape["context"]))
    targets = torch.randint(0, gpt.VOCABULARY, (ids.numel(),))
    measure.train(model, lambda: F.cross_entropy(model(ids).view(-1, gpt.VOCABULARY), targets), ids.numel(), bf16, steps=steps)


def train_vit(shape, rows, bf16):
    model = vit.Vit(**shape)
    images = torch.randn(rows, 3, shape["size"], shape["size"])
    # Balanced classes: an untrained model predicts nearly the same for all images, and the loss of a single class would be random.
    labels = torch.arange(rows) % shape["classes"]
    measure.train(model, lambda: F.cross_entropy(model(images), labels), rows, bf16)


def train_seq2seq(rows, bf16):
    model = seq2seq.Seq2Seq(**PAIRS)
    source = torch.randint(4, PAIRS["vocabulary"], (rows, LENGTH))
    target = torch.randint(4, PAIRS["vocabulary"], (rows, LENGTH + 1))
    read, said = target[:, :-1].contiguous(), target[:, 1:].reshape(-1)
    measure.train(model, lambda: F.cross_entropy(model(source, read).view(-1, PAIRS["vocabulary"]), said, label_smoothing=0.1), 2 * rows * LENGTH, bf16)


def decode_seq2seq(rows, bf16):
    model = seq2seq.Seq2Seq(**PAIRS).eval()
    source = torch.randint(4, PAIRS["vocabulary"], (rows, LENGTH))
    times = measure.timed(lambda: seq2seq.greedy(model, source, LENGTH, bf16), warm=1, least=3)
    measure.report(rows * LENGTH, times, parameters=sum(p.numel() for p in model.parameters()))


def sample(prompts, bf16):
    """The first 256 tokens. A token's cost grows with its position: with many prompts, every eighth position represents eight."""
    model = gpt.Gpt(**M).eval()
    every = 8 if prompts > 1 else 1

    def once():
        if every == 1:
            ids = torch.zeros(prompts, 1, dtype=torch.long)
            for _ in range(M["context"]):
                ids = gpt.next_token(model, ids, bf16)
            return
        for length in range(every // 2, M["context"], every):
            gpt.next_token(model, torch.zeros(prompts, length, dtype=torch.long), bf16)

    gpt.next_token(model, torch.zeros(prompts, 100, dtype=torch.long), bf16)
    times = [every * seconds for seconds in measure.timed(once, warm=0, seconds=8, least=2)]
    measure.report(prompts * M["context"], times, parameters=sum(p.numel() for p in model.parameters()))


def ops():
    torch.set_num_threads(1)
    a, b, calls, times = torch.ones(4), torch.ones(4), 100_000, []
    with torch.no_grad():
        for _ in range(9):
            start = time.perf_counter()
            for _ in range(calls):
                a.add(b)
            times.append(time.perf_counter() - start)
    measure.report(calls, times)


ROWS = {
    "ops": lambda bf16: ops(),
    "train-s": lambda bf16: train_gpt(S, 12, bf16),
    "train-m": lambda bf16: train_gpt(M, 16, bf16),
    "train-vit-32": lambda bf16: train_vit(VIT_32, 64, bf16),
    "train-vit-224": lambda bf16: train_vit(VIT_224, 16, bf16),
    "train-pairs": lambda bf16: train_seq2seq(64, bf16),
    "sample-m": lambda bf16: sample(1, bf16),
    "sample-m-32": lambda bf16: sample(32, bf16),
    "decode-pairs": lambda bf16: decode_seq2seq(32, bf16),
    "start": lambda bf16: train_gpt(S, 12, bf16, steps=1),
}

torch.manual_seed(1)
ROWS[sys.argv[1]](sys.argv[2] == "bf16")
