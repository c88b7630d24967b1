"""The encoder-decoder of Vaswani et al. 2017: post-norm, ReLU, sinusoidal places, one matrix for all embeddings."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

DROPOUT = 0.1


def attend(q, k, v, hidden=None):
    """Rows of heads, [B, H, T, E]; `hidden` is true where a query may not look."""
    scores = (q * k.size(-1) ** -0.5) @ k.transpose(-2, -1)
    if hidden is not None:
        scores = scores.masked_fill(hidden, float("-inf"))
    mixed = scores.softmax(-1) @ v
    return mixed.transpose(1, 2).reshape(mixed.size(0), mixed.size(2), -1)


def split(x, heads, parts):
    rows, length, _ = x.shape
    return x.view(rows, length, parts, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.packed, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, hidden=None):
        return self.output(attend(*split(self.packed(x), self.heads, 3), hidden))


class CrossAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key_value, self.output = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x, memory, hidden=None):
        (q,) = split(self.query(x), self.heads, 1)
        return self.output(attend(q, *split(self.key_value(memory), self.heads, 2), hidden))


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

    def forward(self, x, hidden):
        x = self.norm1(x + self.drop(self.attention(x, hidden)))
        return self.norm2(x + self.drop(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention, self.cross, self.feed_forward = SelfAttention(width, heads), CrossAttention(width, heads), FeedForward(width, inner)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x, memory, future, hidden):
        x = self.norm1(x + self.drop(self.attention(x, future)))
        x = self.norm2(x + self.drop(self.cross(x, memory, hidden)))
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
        self.register_buffer("places", torch.stack((angles.sin(), angles.cos()), -1).reshape(context, width))
        self.register_buffer("future", torch.ones(context, context, dtype=torch.bool).triu(1))
        for name, parameter in self.named_parameters():
            if name == "tokens.weight":
                nn.init.normal_(parameter, 0, width ** -0.5)
            elif parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def embed(self, ids):
        return self.drop(self.tokens(ids) * self.scale + self.places[: ids.size(1)])

    def encode(self, source, hidden):
        x = self.embed(source)
        for layer in self.encoder:
            x = layer(x, hidden)
        return x

    def decode(self, target, memory, hidden):
        x, future = self.embed(target), self.future[: target.size(1), : target.size(1)]
        for layer in self.decoder:
            x = layer(x, memory, future, hidden)
        return x

    def logits(self, x):
        return F.linear(x, self.tokens.weight)

    def forward(self, source, target, hidden=None):
        return self.logits(self.decode(target, self.encode(source, hidden), hidden))


@torch.no_grad()
def greedy(model, source, count, bf16):
    """The most probable token `count` times, without a cache, as the plain loop of tutorials does."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        memory = model.encode(source, None)
        target = torch.zeros(len(source), 1, dtype=torch.long)
        for _ in range(count):
            best = model.logits(model.decode(target, memory, None)[:, -1]).argmax(-1)
            target = torch.cat((target, best[:, None]), 1)
    return target
