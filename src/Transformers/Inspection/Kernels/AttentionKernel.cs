using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>What is added to attention's scores.</summary>
enum ScoreBias
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>A mask of padding, [B, 1, 1, S].</summary>
    Padding,
    /// <summary>A fixed bias, [1, H, T, S].</summary>
    Fixed,
    /// <summary>A bias that is learned, [G, H, T, S].</summary>
    Learned,
}

/// <summary>Attention without its linear layers.</summary>
/// <param name="B">Sequences, or windows.</param>
/// <param name="T">Queries of each.</param>
/// <param name="S">Keys of each.</param>
/// <param name="H">Heads.</param>
/// <param name="K">Key/value heads.</param>
/// <param name="E">The width of a head.</param>
sealed record AttentionKernel(long B, long T, long S, int H, int K, long E) : Kernel
{
    internal bool Causal { get; init; }
    /// <summary>Whether keys come from another sequence.</summary>
    internal bool Cross { get; init; }
    /// <summary>What turns queries and keys; null for nothing.</summary>
    internal double? RotaryBase { get; init; }
    internal ScoreBias Bias { get; init; }
    /// <summary>Biases that differ within a batch, as those of the windows of an image do.</summary>
    internal long Biases { get; init; } = 1;
    internal double Dropout { get; init; }

    internal override string Name => $"{(Cross ? "cross-" : RotaryBase is null ? "" : "rotary ")}attention {B} x {H} heads x {T} x {S} x {E}";
    internal override KernelKind Kind => KernelKind.Attention;
    internal override double Flops => 4.0 * B * H * T * S * E;
    internal override double Numbers => (double)B * H * (T * (2 * E + S) + S * 2 * E);

    internal override long Kept(int narrow)
    {
        var queries = B * T * H * E;
        var keys = B * S * K * E;
        // The result is kept by the linear layer that follows.
        return narrow * (queries + 2 * keys + (RotaryBase is null ? 0 : queries + keys)) + sizeof(float) * B * H * T;
    }

    internal override long Passing(int narrow) => narrow * B * T * H * E * (RotaryBase is null ? 1 : 5);

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, _) = Fewer(B, share);
        batch = (batch + Biases - 1) / Biases * Biases;
        return (this with { B = batch }, (double)batch / B);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var bias = MakeBias(place);
        var learned = Bias == ScoreBias.Learned ? bias : null;
        if (Cross)
        {
            var query = place.Input(false, B, T, H * E);
            var both = place.Input(false, B, S, 2 * K * E);
            return new(() =>
            {
                var parts = both.chunk(2, -1);
                return [Joined(Attend(Heads(query, H), Heads(parts[0], K), Heads(parts[1], K), bias))];
            }, [query, both]);
        }
        var packed = place.Input(false, B, T, (H + 2 * K) * E);
        IReadOnlyList<Tensor> leaves = learned is null ? [packed] : [packed, learned];
        Positions positions = RotaryBase is { } @base ? new RotaryPositionEmbedding((int)E, @base) : new NoPositionEncoding();
        return new(() =>
        {
            var parts = packed.split([H * E, K * E, K * E], -1);
            var q = positions.Rotate(Heads(parts[0], H), 0);
            var k = positions.Rotate(Heads(parts[1], K), 0);
            return [Joined(Attend(q, k, Heads(parts[2], K), bias))];
        }, leaves, positions);
    }

    Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor? bias)
    {
        var dropout = new Dropout(Dropout);
        dropout.train();
        return AttentionFormulas.Attend(q, k, v, new AttentionInput(Causal: Causal, Mask: bias), dropout);
    }

    /// <summary>What is added to the scores; null for nothing.</summary>
    internal Tensor? MakeBias(KernelPlace place) => Bias switch
    {
        ScoreBias.Padding => place.Constant(true, B, 1, 1, S),
        ScoreBias.Fixed => place.Constant(true, 1, H, T, S),
        ScoreBias.Learned => place.Input(true, Biases, H, T, S),
        _ => null,
    };

    Tensor Heads(Tensor x, int count) => x.view(B, x.size(1), count, E).transpose(1, 2);

    Tensor Joined(Tensor mixed) => mixed.transpose(1, 2).reshape(B, T, H * E);
}
