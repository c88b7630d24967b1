#!/usr/bin/env python3
"""Worked cases of BLEU and chrF, computed by a route of their own: python3 translation_metrics.py > translation_metrics.json

Nothing but the standard library. Where the C# code uses regular expressions and dictionaries of n-grams, this script
reads characters one by one and pairs off n-grams from sorted lists with exact fractions, so that a shared slip is unlikely.
"""
import json
import math
import random
from fractions import Fraction

PUNCT = set('!"#$%&()*+/:;<=>?@[\\]^_`{|}~')  # every ASCII symbol but ' , - .


def words_13a(text):
    """mteval-v13a: what a character does depends on its class and its neighbours."""
    text = text.rstrip().replace('<skipped>', '').replace('-\n', '').replace('\n', ' ')
    for name, char in (('&quot;', '"'), ('&amp;', '&'), ('&lt;', '<'), ('&gt;', '>')):
        text = text.replace(name, char)
    spaced = ''.join(f' {c} ' if c in PUNCT else c for c in f' {text} ')
    # A period or comma is split off after a non-digit; such pairs are taken from left to right without overlap.
    for rule in (1, 2, 3):
        out, i = [], 0
        while i < len(spaced):
            a, b = spaced[i], spaced[i + 1] if i + 1 < len(spaced) else None
            digit = a in '0123456789'
            if rule == 1 and b is not None and b in '.,' and not digit:
                out += [a, ' ', b, ' ']
                i += 2
            elif rule == 2 and a in '.,' and b is not None and b not in '0123456789':
                out += [' ', a, ' ', b]
                i += 2
            elif rule == 3 and digit and b == '-':
                out += [a, ' ', b, ' ']
                i += 2
            else:
                out.append(a)
                i += 1
        spaced = ''.join(out)
    return spaced.split()


def overlap(a, b):
    """Size of the intersection of two multisets, by walking two sorted lists."""
    a, b, i, j, n = sorted(a), sorted(b), 0, 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            i, j, n = i + 1, j + 1, n + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return n


def grams(units, n):
    return [tuple(units[i:i + n]) for i in range(len(units) - n + 1)]


def bleu(hyps, refs):
    hyps, refs = [words_13a(h) for h in hyps], [words_13a(r) for r in refs]
    c, r = sum(map(len, hyps)), sum(map(len, refs))
    precisions, zeros = [], 0
    for n in range(1, 5):
        right = sum(overlap(grams(h, n), grams(g, n)) for h, g in zip(hyps, refs))
        total = sum(max(0, len(h) - n + 1) for h in hyps)
        if total == 0:
            return 0.0
        if right == 0:
            zeros += 1
            precisions.append(Fraction(1, 2 ** zeros) / total)
        else:
            precisions.append(Fraction(right, total))
    if zeros == 4 or c == 0:
        return 0.0
    product = Fraction(1)
    for p in precisions:
        product *= p
    brevity = 1.0 if c >= r else math.exp(1 - r / c)
    return 100 * brevity * float(product) ** 0.25


def chrf(hyps, refs):
    hyps, refs = [''.join(h.split()) for h in hyps], [''.join(r.split()) for r in refs]
    precisions, recalls = [], []
    for n in range(1, 7):
        right = hyp = ref = 0
        for h, g in zip(hyps, refs):
            a, b = grams(h, n), grams(g, n)
            right += overlap(a, b)
            ref += len(b)
            hyp += len(a) if b else 0
        if hyp and ref:
            precisions.append(Fraction(right, hyp))
            recalls.append(Fraction(right, ref))
    if not precisions or not any(precisions):
        return 0.0
    p, r = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return float(100 * 5 * p * r / (4 * p + r))


def cases():
    rng = random.Random(20)
    bank = ('ein kleiner Hund läuft über die grüne Wiese und fängt einen roten Ball . Two men , both 25-30 years old ; '
            'they paid $1,000.50 (about 3.5 % more) at 10.30 p.m. - really ? "Well" , said O\'Brien : it\'s 50-50 ! '
            '日本 語 の 文 😀 𝔘𝔫𝔦 café naïve &amp; &quot;x&quot; <skipped> 1.000,00 e.g. U.S.A. a/b c_d [e] {f} ...').split()
    for size in (1, 1, 2, 3, 8, 20):
        for noise in (0.1, 0.4, 0.8):
            refs, hyps = [], []
            for _ in range(size):
                ref = [rng.choice(bank) for _ in range(rng.randint(3, 18))]
                hyp = [rng.choice(bank) if rng.random() < noise else w for w in ref]
                if rng.random() < noise:
                    k = rng.randrange(len(hyp))
                    hyp = hyp[k:] + hyp[:k] if rng.random() < 0.5 else hyp[:max(1, k)]
                glue = rng.choice((' ', ' ', '  ', '\u00a0'))
                refs.append(' '.join(ref))
                hyps.append(glue.join(hyp).replace(' .', '.').replace(' ,', ','))
            yield hyps, refs
    yield ['the the the the the the the'], ['The cat is on the mat.']
    yield ['a b'], ['a b']
    yield ['', 'good morning to you all'], ['not empty', 'good morning to all of you']
    yield ['completely different words here'], ['nothing shared whatsoever , alas']
    yield ['much longer than its reference', 'plain words'], ['ab', 'plain word']
    yield ['ends with a dash-\nbroken line . . .  '], ['ends with a dashbroken line ...']


if __name__ == '__main__':
    print(json.dumps([{'hypotheses': h, 'references': r, 'bleu': round(bleu(h, r), 6), 'chrf': round(chrf(h, r), 6)} for h, r in cases()],
                     indent=1, ensure_ascii=False))
