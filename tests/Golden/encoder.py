#!/usr/bin/env python3
"""Hidden vectors, masked-token logits and gradients of a small encoder by PyTorch's own layers: python3 encoder.py

Writes data/encoder-post.safetensors and data/encoder-pre.safetensors, in the form that seq2seq.py describes.
"""
import os

import torch
from torch import nn

from seq2seq import names_of, write

V, D, H, F, L = 13, 12, 3, 20, 2
torch.manual_seed(20181011)


def case(pre):
    tokens, positions = nn.Embedding(V, D), nn.Embedding(9, D)
    norm, dense, head_norm = nn.LayerNorm(D), nn.Linear(D, D), nn.LayerNorm(D)
    layer = nn.TransformerEncoderLayer(D, H, F, dropout=0.0, activation='gelu', batch_first=True, norm_first=pre)
    encoder = nn.TransformerEncoder(layer, L, enable_nested_tensor=False)
    parts = nn.ModuleList([norm, dense, head_norm, encoder])
    with torch.no_grad():
        for parameter in parts.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    ids = torch.tensor([[1, 4, 3, 6, 2], [1, 8, 2, 0, 0], [1, 3, 11, 2, 0]])
    labels = torch.tensor([[-100, -100, 5, 6, -100], [-100, 8, -100, -100, -100], [-100, 7, -100, -100, -100]])
    x = tokens(ids) + positions.weight[:ids.shape[1]]
    x = encoder(x if pre else norm(x), src_key_padding_mask=ids == 0)
    hidden = norm(x) if pre else x
    logits = head_norm(nn.functional.gelu(dense(hidden))) @ tokens.weight.T
    loss = nn.functional.cross_entropy(logits.reshape(-1, V), labels.reshape(-1), reduction='sum', ignore_index=-100)
    loss.backward()

    named = [('encoder.tokens.weight', tokens.weight), ('encoder.positions.embedding.weight', positions.weight),
             ('encoder.norm.weight', norm.weight), ('encoder.norm.bias', norm.bias), ('dense.weight', dense.weight),
             ('dense.bias', dense.bias), ('norm.weight', head_norm.weight), ('norm.bias', head_norm.bias)]
    for i in range(L):
        named += [(name, whole) for name, whole, _ in names_of(encoder.layers[i], f'encoder.blocks.{i}.', cross=False)]
    tensors = {'weight.' + name: tensor for name, tensor in named}
    tensors.update({'gradient.' + name: tensor.grad for name, tensor in named})
    tensors.update({'in.ids': ids, 'in.labels': labels, 'out.hidden': hidden, 'out.logits': logits})
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
    write(os.path.join(folder, f'encoder-{"pre" if pre else "post"}.safetensors'), tensors)


case(pre=False)
case(pre=True)
