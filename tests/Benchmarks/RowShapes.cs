using Transformers.Layers;
using Transformers.Models;

namespace Benchmarks;

/// <summary>The shapes that documentation names; pytorch/rows.py has the same.</summary>
static class RowShapes
{
    /// <summary>The vocabulary size of the character models.</summary>
    internal const int Characters = 65;
    /// <summary>Tokens of both sides of a pair.</summary>
    internal const int Length = 32;
    /// <summary>The size of the pairs' shared vocabulary.</summary>
    internal const int Vocabulary = 8000;

    internal static readonly GptConfig S = new() { Layers = 4, Heads = 4, Width = 128, Context = 64 };
    internal static readonly GptConfig M = new() { Layers = 6, Heads = 6, Width = 384, Context = 256 };
    internal static readonly VitConfig Vit32 = new() { Patch = 4, Width = 192, Layers = 6, Heads = 3 };
    internal static readonly VitConfig Vit224 = new() { Patch = 16, Width = 192, Layers = 12, Heads = 3 };
    internal static readonly Seq2SeqConfig Pairs = new()
    {
        Layers = 3, Width = 256, Heads = 8, Context = 256, FeedForward = new ReluConfig { Width = 1024 }, Dropout = 0.1,
    };
}
