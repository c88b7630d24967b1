"""The encoder-decoder of Vaswani et al. 2017: post-norm, ReLU, sinusoidal positions, one matrix for all embeddings."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

DROPOUT = 0.1


def attend(q, k, v, mask=None):
    """Heads, [B, H, T, E]; `mask` is true for keys that a query must not see."""
    scores = (q * k.size(-1) ** -0.5) @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    mixed = scores.softmax(-1) @ v
    return mixed.transpose(1, 2).reshape(mixed.size(0), mixed.size(2), -1)


def split(x, heads, parts):
    rows, length, _ = x.shape
    return x.view(rows, length, parts, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, mask=None):
        return self.output(attend(*split(self.qkv(x), self.heads, 3), mask))


class CrossAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key_value, self.output = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x, memory, mask=None):
        (q,) = split(self.query(x), self.heads, 1)
        return self.output(attend(q, *split(self.key_value(memory), self.heads, 2), mask))


class FeedForward(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.down(F.relu(self.up(x)))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention, self.feed_forward = SelfAttention(width, heads), FeedForward(width, inner)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x, mask):
        x = self.norm1(x + self.drop(self.attention(x, mask)))
        return self.norm2(x + self.drop(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention, self.cross, self.feed_forward = SelfAttention(width, heads), CrossAttention(width, heads), FeedForward(width, inner)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x, memory, future, mask):
        x = self.norm1(x + self.drop(self.attention(x, future)))
        x = self.norm2(x + self.drop(self.cross(x, memory, mask)))
        return self.norm3(x + self.drop(self.feed_forward(x)))


class Seq2Seq(nn.Module):
    def __init__(self, layers, width, inner, heads, vocabulary, context):
        super().__init__()
        self.scale = math.sqrt(width)
        self.tokens = nn.Embedding(vocabulary, width)
        self.encoder = nn.ModuleList([EncoderLayer(width, heads, inner) for _ in range(layers)])
        self.decoder = nn.ModuleList([DecoderLayer(width, heads, inner) for _ in range(layers)])
        self.drop = nn.Dropout(DROPOUT)
        angles = torch.arange(context)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
        self.register_buffer("positions", torch.stack((angles.sin(), angles.cos()), -1).reshape(context, width))
        self.register_buffer("future", torch.ones(context, context, dtype=torch.bool).triu(1))
        for name, parameter in self.named_parameters():
            if name == "tokens.weight":
                nn.init.normal_(parameter, 0, width ** -0.5)
            elif parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def embed(self, ids):
        return self.drop(self.tokens(ids) * self.scale + self.positions[: ids.size(1)])

    def encode(self, source, mask):
        x = self.embed(source)
        for layer in self.encoder:
            x = layer(x, mask)
        return x

    def decode(self, target, memory, mask):
        x, future = self.embed(target), self.future[: target.size(1), : target.size(1)]
        for layer in self.decoder:
            x = layer(x, memory, future, mask)
        return x

    def logits(self, x):
        return F.linear(x, self.tokens.weight)

    def forward(self, source, target, mask=None):
        return self.logits(self.decode(target, self.encode(source, mask), mask))


@torch.no_grad()
def greedy(model, source, count, bf16):
    """The most probable token `count` times, without a cache, as in tutorials."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        memory = model.encode(source, None)
        target = torch.zeros(len(source), 1, dtype=torch.long)
        for _ in range(count):
            best = model.logits(model.decode(target, memory, None)[:, -1]).argmax(-1)
            target = torch.cat((target, best[:, None]), 1)
    return target
