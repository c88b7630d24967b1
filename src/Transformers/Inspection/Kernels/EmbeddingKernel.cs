using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>Tokens to vectors: the look-up, the scale, positions that are added, dropout; backwards the gradient of the whole table.</summary>
/// <param name="B">Sequences.</param>
/// <param name="T">Tokens of each.</param>
/// <param name="V">The vocabulary.</param>
/// <param name="D">The width.</param>
/// <param name="Positions">The kind of positions.</param>
/// <param name="Context">The most tokens.</param>
/// <param name="Scale">Whether vectors are multiplied by √D.</param>
/// <param name="Dropout">The share dropped.</param>
sealed record EmbeddingKernel(long B, long T, long V, int D, PositionsConfig Positions, int Context, bool Scale, double Dropout) : Kernel
{
    internal override string Name => $"embedding of {B * T} tokens from {V} x {D}";
    internal override KernelKind Kind => KernelKind.Memory;
    internal override double Numbers => (double)B * T * D * 4;
    internal override long Kept(int narrow) => B * T * 8;
    internal override long Passing(int narrow) => B * T * D * sizeof(float) * (1 + (Scale ? 1 : 0) + (Positions is LearnedPositions or SinusoidalPositions ? 1 : 0) + (Dropout > 0 ? 1 : 0));

    internal override KernelCall Make(KernelPlace place)
    {
        var table = place.Input(true, V, D);
        var tokens = nn.Embedding_from_pretrained(table, freeze: false);
        var positions = Models.Positions.Create(Positions, Context, D, 1);
        positions.to(place.Device);
        var ids = place.Indices(V, B, T);
        return new(() =>
        {
            var x = tokens.call(ids);
            if (Scale) x = x * Math.Sqrt(D);
            x = positions.Embed(x, 0);
            return [Dropout > 0 ? nn.functional.dropout(x, Dropout) : x];
        }, [.. tokens.parameters(), .. positions.parameters()], tokens, positions);
    }
}
