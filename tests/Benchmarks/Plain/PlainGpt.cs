using TorchSharp.Modules;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch.nn;
using static TorchSharp.torch;

namespace Benchmarks.Plain;

/// <summary>A decoder-only transformer in plain TorchSharp: Radford et al. 2019, section 2.3, without biases.</summary>
/// <remarks>
/// Weights are kept in 32 bits and converted to the compute type at each use, as autocast does. Products and attention compute in
/// that type; layer norms, the residual stream and the loss in 32 bits.
/// </remarks>
sealed class PlainGpt
{
    sealed record Block(Parameter Norm1, Parameter Qkv, Parameter Output, Parameter Norm2, Parameter Up, Parameter Down);

    readonly GptConfig shape;
    readonly int vocabulary;
    readonly ScalarType compute;
    readonly Embedding table;
    readonly Parameter tokens, positions, norm;
    readonly List<Block> blocks = [];
    readonly List<Parameter> matrices = [], vectors = [];

    /// <summary>A model with new weights.</summary>
    /// <param name="shape">Layers, heads, width and context; everything else has its default value.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="compute">The type of products and attention.</param>
    internal PlainGpt(GptConfig shape, int vocabulary, ScalarType compute)
    {
        (this.shape, this.vocabulary, this.compute) = (shape, vocabulary, compute);
        var D = shape.Width;
        // Layers that write to the residual stream start smaller.
        var residual = 0.02 / Math.Sqrt(2 * shape.Layers);
        tokens = Matrix(vocabulary, D);
        table = Embedding(vocabulary, D);
        table.weight = tokens;                                                                    // also the output matrix
        positions = Matrix(shape.Context, D);
        for (var layer = 0; layer < shape.Layers; layer++)
            blocks.Add(new(Vector(D), Matrix(3 * D, D), Matrix(D, D, residual), Vector(D), Matrix(4 * D, D), Matrix(D, 4 * D, residual)));
        norm = Vector(D);
    }

    /// <summary>Parameters with weight decay.</summary>
    internal IReadOnlyList<Parameter> Matrices => matrices;

    /// <summary>Parameters without.</summary>
    internal IReadOnlyList<Parameter> Vectors => vectors;

    /// <summary>The mean cross entropy of each next token.</summary>
    /// <param name="ids">[B, T].</param>
    /// <param name="targets">[B·T].</param>
    /// <returns>A scalar.</returns>
    internal Tensor Loss(Tensor ids, Tensor targets)
    {
        var x = table.call(ids) + positions;                                    // [B, T, D]
        foreach (var block in blocks)
        {
            x = x + Linear(Attend(Linear(Normalise(x, block.Norm1), block.Qkv)), block.Output);
            x = x + Linear(functional.gelu(Linear(Normalise(x, block.Norm2), block.Up)), block.Down);
        }
        var logits = Linear(Normalise(x, norm), tokens);                                          // [B, T, V]
        return functional.cross_entropy(logits.view(-1, vocabulary).to(ScalarType.Float32), targets);
    }

    Tensor Attend(Tensor qkv)
    {
        var (B, T) = (qkv.size(0), qkv.size(1));
        var parts = qkv.view(B, T, 3, shape.Heads, shape.Width / shape.Heads).permute(2, 0, 3, 1, 4).unbind();   // three of [B, H, T, E]
        return functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true).transpose(1, 2).reshape(B, T, shape.Width);
    }

    Tensor Linear(Tensor x, Parameter weight) => functional.linear(x.to(compute), weight.to(compute));

    Tensor Normalise(Tensor x, Parameter weight) => functional.layer_norm(x, [shape.Width], weight);

    Parameter Matrix(long rows, long columns, double std = 0.02)
    {
        matrices.Add(new(randn(rows, columns) * std));
        return matrices[^1];
    }

    Parameter Vector(long size)
    {
        vectors.Add(new(ones(size)));
        return vectors[^1];
    }
}
