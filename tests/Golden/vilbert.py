#!/usr/bin/env python3
"""Outputs, losses and gradients of small models of two streams, in plain PyTorch functions: /usr/bin/python3 vilbert.py

Writes data/vilbert-patches.safetensors (post-norm, pixels, streams of different widths, no classes of regions) and
data/vilbert-regions.safetensors (pre-norm, padded region features with boxes and classes). Written from the paper (Lu et al. 2019,
section 3.1, figure 2) and shares nothing with src. The weights have the names of the program's modules.
"""
import os

import torch
import torch.nn.functional as F

from seq2seq import write

V, CONTEXT, ANSWERS, JOINT = 11, 7, 4, 10
SIDE, CHANNELS, PATCH = 6, 3, 3
IDS = torch.tensor([[1, 5, 3, 6, 2], [1, 8, 2, 0, 0], [1, 4, 9, 2, 0]])
LENGTHS = [5, 3, 4]


class Case:
    def __init__(self, regions, text, image, text_layers, image_layers, co_layers, pre, features, classes):
        self.__dict__.update(locals())
        self.w = {}

    def make(self, name, *shape):
        scale = 0.3 if len(shape) < 2 else (shape[-1] if len(shape) == 2 else shape[1] * shape[2]) ** -0.5
        tensor = torch.randn(*shape) * scale
        if 'norm' in name and name.endswith('weight'):
            tensor = 1 + tensor
        self.w[name] = tensor.requires_grad_()

    def make_linear(self, name, inputs, outputs):
        self.make(name + '.weight', outputs, inputs)
        self.make(name + '.bias', outputs)

    def make_norm(self, name, width):
        self.make(name + '.weight', width)
        self.make(name + '.bias', width)

    def make_block(self, name, stream):
        width = stream['width']
        self.make_linear(name + 'attn.qkv', width, 3 * width)
        self.make_linear(name + 'attn.proj', width, width)
        self.make_norm(name + 'norm1', width)
        self.make_linear(name + 'mlp.up', width, stream['hidden'])
        self.make_linear(name + 'mlp.down', stream['hidden'], width)
        self.make_norm(name + 'norm2', width)

    def make_all(self):
        t, v = self.text['width'], self.image['width']
        self.make('tok_emb.weight', V, t)
        self.make('pos_emb.weight', CONTEXT, t)
        if self.regions:
            self.make_linear('region_emb', self.features, v)
            self.make_linear('box_emb', 5, v)
        else:
            self.make('patch_emb.weight', v, CHANNELS, PATCH, PATCH)
            self.make('patch_emb.bias', v)
            self.make('patch_positions.weight', SIDE // PATCH, SIDE // PATCH, v)
        self.make('img_token', v)
        self.make('mask_token', v)
        for name, width in [('text_norm', t), ('image_norm', v)]:
            self.make_norm(name, width)
        for i in range(self.text_layers):
            self.make_block(f'text_blocks.{i}.', self.text)
        for i in range(self.image_layers):
            self.make_block(f'image_blocks.{i}.', self.image)
        for i in range(self.co_layers):
            p = f'co_blocks.{i}.'
            for number, (name, own, other) in enumerate([('text', self.text, self.image), ('image', self.image, self.text)]):
                self.make_linear(f'{p}{name}_attn.q', own['width'], own['width'])
                self.make_linear(f'{p}{name}_attn.kv', other['width'], 2 * own['width'])
                self.make_linear(f'{p}{name}_attn.proj', own['width'], own['width'])
                self.make_norm(f'{p}norm{1 + number}', own['width'])
                self.make_linear(f'{p}{name}_mlp.up', own['width'], own['hidden'])
                self.make_linear(f'{p}{name}_mlp.down', own['hidden'], own['width'])
                self.make_norm(f'{p}norm{3 + number}', own['width'])
                if self.pre:
                    self.make_norm(f'{p}{name}_source_norm', own['width'])
                self.make_block(f'{p}{name}.', own)
        self.make_linear('text_pool', t, JOINT)
        self.make_linear('image_pool', v, JOINT)
        self.make_linear('head.up', JOINT, 2 * JOINT)
        self.make_norm('head.norm', 2 * JOINT)
        self.make_linear('head.down', 2 * JOINT, ANSWERS)
        self.make_linear('match', JOINT, 2)
        for name, width in [('token_head', t), ('region_head', v)]:
            self.make_linear(name + '.dense', width, width)
            self.make_norm(name + '.norm', width)
        self.make_linear('region_out', v, self.classes or self.features)

    def linear(self, name, x):
        return x @ self.w[name + '.weight'].T + self.w[name + '.bias']

    def norm(self, name, x):
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.w[name + '.weight'] + self.w[name + '.bias']

    def around(self, name, x, sublayer):
        return x + sublayer(self.norm(name, x)) if self.pre else self.norm(name, x + sublayer(x))

    def attend(self, q, k, v, heads, visible):
        b, t, d = q.shape
        split = lambda x: x.reshape(b, x.shape[1], heads, d // heads).permute(0, 2, 1, 3)
        scores = split(q) @ split(k).transpose(2, 3) / (d // heads) ** 0.5
        scores = scores.masked_fill(~visible[:, None, None, :], float('-inf'))
        return (scores.softmax(-1) @ split(v)).permute(0, 2, 1, 3).reshape(b, t, d)

    def feed_forward(self, name, x):
        h = self.linear(name + '.up', x)
        h = h * 0.5 * (1 + torch.erf(h / 2 ** 0.5))
        return self.linear(name + '.down', h)

    def block(self, name, x, heads, visible):
        def attention(h):
            q, k, v = self.linear(name + 'attn.qkv', h).chunk(3, -1)
            return self.linear(name + 'attn.proj', self.attend(q, k, v, heads, visible))
        x = self.around(name + 'norm1', x, attention)
        return self.around(name + 'norm2', x, lambda h: self.feed_forward(name + 'mlp', h))

    def cross(self, name, source, heads, visible):
        def attention(h):
            k, v = self.linear(name + '.kv', source).chunk(2, -1)
            return self.linear(name + '.proj', self.attend(self.linear(name + '.q', h), k, v, heads, visible))
        return attention

    def co_block(self, p, t, v, text_visible, image_visible):
        keys_t, keys_v = (self.norm(p + 'text_source_norm', t), self.norm(p + 'image_source_norm', v)) if self.pre else (t, v)
        t = self.around(p + 'norm1', t, self.cross(p + 'text_attn', keys_v, self.text['heads'], image_visible))
        v = self.around(p + 'norm2', v, self.cross(p + 'image_attn', keys_t, self.image['heads'], text_visible))
        t = self.around(p + 'norm3', t, lambda h: self.feed_forward(p + 'text_mlp', h))
        v = self.around(p + 'norm4', v, lambda h: self.feed_forward(p + 'image_mlp', h))
        return self.block(p + 'text.', t, self.text['heads'], text_visible), self.block(p + 'image.', v, self.image['heads'], image_visible)

    def gelu_head(self, name, x):
        h = self.linear(name + '.dense', x)
        return self.norm(name + '.norm', h * 0.5 * (1 + torch.erf(h / 2 ** 0.5)))

    def forward(self, values, boxes, counts, hidden):
        text_visible = torch.arange(IDS.shape[1])[None] < torch.tensor(LENGTHS)[:, None]
        if self.regions:
            x = self.linear('region_emb', values)
            image_visible = torch.arange(x.shape[1] + 1)[None] <= torch.tensor(counts)[:, None]
        else:
            x = F.conv2d(values, self.w['patch_emb.weight'], self.w['patch_emb.bias'], stride=PATCH).flatten(2).transpose(1, 2)
            image_visible = torch.ones(x.shape[0], x.shape[1] + 1, dtype=torch.bool)
        x = torch.where(hidden[:, :, None] > 0, self.w['mask_token'].expand_as(x), x)
        weights = image_visible[:, 1:].float() / image_visible[:, 1:].sum(1, keepdim=True)
        whole = self.w['img_token'] + (x * weights[:, :, None]).sum(1)
        x = x + (self.linear('box_emb', boxes) if self.regions else self.w['patch_positions.weight'].flatten(0, 1))
        v = torch.cat([whole[:, None], x], 1)
        t = self.w['tok_emb.weight'][IDS] + self.w['pos_emb.weight'][:IDS.shape[1]]
        if not self.pre:
            t, v = self.norm('text_norm', t), self.norm('image_norm', v)
        for i in range(self.text_layers):
            t = self.block(f'text_blocks.{i}.', t, self.text['heads'], text_visible)
        for i in range(self.image_layers):
            v = self.block(f'image_blocks.{i}.', v, self.image['heads'], image_visible)
        for i in range(self.co_layers):
            t, v = self.co_block(f'co_blocks.{i}.', t, v, text_visible, image_visible)
        return (self.norm('text_norm', t), self.norm('image_norm', v)) if self.pre else (t, v)


def run(name, case, values, boxes, counts, hidden, shares):
    case.make_all()
    t, v = case.forward(values, boxes, counts, hidden)
    joint = case.linear('text_pool', t[:, 0]).clamp(min=0) * case.linear('image_pool', v[:, 0]).clamp(min=0)
    h = case.linear('head.up', joint)
    answers = case.linear('head.down', case.norm('head.norm', h * 0.5 * (1 + torch.erf(h / 2 ** 0.5))))
    match = case.linear('match', joint)
    tokens = case.gelu_head('token_head', t[[0, 1], [2, 1]]) @ case.w['tok_emb.weight'].T
    rows, columns = hidden.nonzero(as_tuple=True)
    regions = case.linear('region_out', case.gelu_head('region_head', v[rows, columns + 1]))
    if case.classes:
        target = shares[rows, columns]
        region_losses = (target * (target.log() - regions.log_softmax(-1))).sum(-1)
    else:
        flat = values.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).permute(0, 2, 3, 1, 4, 5).reshape(values.shape[0], -1, case.features)
        target = flat[rows, columns]
        target = (target - target.mean(1, keepdim=True)) / (target.var(1, unbiased=False, keepdim=True) + 1e-6).sqrt()
        region_losses = ((regions - target) ** 2).mean(1)
    loss = F.cross_entropy(answers, torch.tensor([3, 0, 1]), reduction='sum') + F.cross_entropy(match, torch.tensor([1, 0, 1]), reduction='sum') \
        + F.cross_entropy(tokens, torch.tensor([3, 8]), reduction='sum') + region_losses.sum()
    loss.backward()
    tensors = {'weight.' + key: tensor for key, tensor in case.w.items()}
    tensors.update({'gradient.' + key: tensor.grad for key, tensor in case.w.items()})
    tensors.update({'in.ids': IDS, 'in.values': values, 'in.hidden': hidden, 'out.text': t, 'out.image': v, 'out.answers': answers, 'out.match': match,
                    'out.tokens': tokens, 'out.regions': regions, 'out.region_losses': region_losses})
    if boxes is not None:
        tensors.update({'in.boxes': boxes, 'in.classes': shares})
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
    write(os.path.join(folder, f'vilbert-{name}.safetensors'), tensors)


torch.manual_seed(20190806)
patches = Case(False, dict(width=6, heads=2, hidden=9), dict(width=8, heads=4, hidden=11), 1, 2, 2, False, CHANNELS * PATCH * PATCH, 0)
hidden = torch.zeros(3, 4)
hidden[0, 1] = hidden[0, 2] = hidden[2, 3] = 1
run('patches', patches, torch.randn(3, CHANNELS, SIDE, SIDE), None, None, hidden, None)

regions = Case(True, dict(width=8, heads=2, hidden=9), dict(width=8, heads=2, hidden=11), 1, 0, 2, True, 5, 3)
counts = [3, 1, 2]
present = (torch.arange(3)[None] < torch.tensor(counts)[:, None]).float()[:, :, None]
hidden = torch.zeros(3, 3)
hidden[0, 2] = hidden[2, 0] = 1
run('regions', regions, torch.randn(3, 3, 5) * present, torch.rand(3, 3, 5) * present, counts, hidden, torch.rand(3, 3, 3).softmax(-1) * present)
