using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>The weights of an attention sublayer.</summary>
/// <param name="Query">[(H + 2K)·E, D]: queries, keys, values; [H·E, D] with a source.</param>
/// <param name="QueryBias">Of its rows; null for none.</param>
/// <param name="Key">[2K·E, D] with a source: keys, values; null without.</param>
/// <param name="KeyBias">Of its rows; null for none.</param>
/// <param name="Output">[D, H·E].</param>
/// <param name="OutputBias">[D]; null for none.</param>
readonly record struct AttentionWeights(Tensor Query, Tensor? QueryBias, Tensor? Key, Tensor? KeyBias, Tensor Output, Tensor? OutputBias);

/// <summary>The mask, bias, positions and dropout of attention.</summary>
/// <param name="Causal">Whether a query attends only to keys up to its own position.</param>
/// <param name="Bias">Added to the scores; broadcasts to [B, H, T, S]; a first dimension that divides B is repeated; null for none.</param>
/// <param name="Lengths">[B] int64: keys from this index on are hidden; null for none.</param>
/// <param name="Cosine">Of rotary positions, [T, E]; null for none.</param>
/// <param name="Sine">Of rotary positions, [T, E]; null for none.</param>
/// <param name="Dropout">Dropout of the attention weights.</param>
readonly record struct AttentionView(bool Causal = false, Tensor? Bias = null, Tensor? Lengths = null, Tensor? Cosine = null, Tensor? Sine = null, KernelDropout Dropout = default);

/// <summary>The attention sublayer, computed by a kernel.</summary>
sealed unsafe partial class AttentionSublayerFunction : KernelFunction
{
    readonly Tensor given;
    readonly Tensor? givenSource;
    readonly AttentionView view;
    SublayerNorm norm;
    AttentionWeights weights;
    readonly ScalarType compute;
    AttentionSublayerArguments arguments;
    Tensor? x, source, bias, lengths, cosine, sine;

    AttentionSublayerFunction(Tensor x, Tensor? source, SublayerNorm norm, AttentionWeights weights, AttentionView view, int heads, int kvHeads, ScalarType compute)
    {
        (given, givenSource, this.norm, this.weights, this.view, this.compute) = (x, source, norm, weights, view, compute);
        var E = weights.Output.size(1) / heads;
        arguments = new()
        {
            B = x.size(0), T = x.size(1), S = (source ?? x).size(1), D = x.size(2), H = heads, K = kvHeads, E = E, Products = TypeOf(compute),
            Causal = view.Causal ? 1 : 0, PostNorm = norm.Post ? 1 : 0, Rms = norm.Rms ? 1 : 0, Epsilon = (float)norm.Epsilon,
            Scale = 1 / Math.Sqrt(E), WeightDropout = view.Dropout, Dropout = norm.Dropout, Bias = BiasSizes(view.Bias),
        };
    }

    /// <summary>Whether the kernel supports a sublayer with these weights.</summary>
    internal static bool Takes(Tensor x, Tensor? source, AttentionWeights weights, ScalarType compute) =>
        Takes([x, source, weights.Query, weights.Key, weights.Output]) && x.dtype == ScalarType.Float32 && source is null or { dtype: ScalarType.Float32 } && x.numel() > 0 &&
        Multiplies(compute) && (compute == ScalarType.Float32 || x.size(-1) % 2 == 0 && weights.Output.size(1) % 2 == 0);

    /// <summary>x + drop(output(attention(qkv(norm(x))))), or norm(x + drop(output(attention(qkv(x))))), for x of [B, T, D].</summary>
    /// <remarks>Keys and values come from the source, [B, S, D], or from x itself if it is null.</remarks>
    internal static Tensor Of(Tensor x, Tensor? source, SublayerNorm norm, AttentionWeights weights, AttentionView view, int heads, int kvHeads, ScalarType compute) =>
        new AttentionSublayerFunction(x, source, norm, weights, view, heads, kvHeads, compute).Apply(
            x, source, norm.Weight, norm.Bias, weights.Query, weights.QueryBias, weights.Key, weights.KeyBias, weights.Output, weights.OutputBias, view.Bias);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        source = HoldRead(givenSource, givenSource?.contiguous(), keep);
        bias = HoldRead(view.Bias, view.Bias is { } mask ? Dense(mask) : null, keep);
        lengths = HoldRead(view.Lengths, view.Lengths?.contiguous(), keep);
        cosine = HoldRead(view.Cosine, view.Cosine?.contiguous(), keep);
        sine = HoldRead(view.Sine, view.Sine?.contiguous(), keep);
        var y = empty_like(x);
        if (keep) KeepAll();
        SetPointers();
        arguments.Y = Floats(y);
        KernelStatus.Check(tk_attention_sublayer_forward(arguments));
        GC.KeepAlive(this);
        return y;
    }

    void KeepAll()
    {
        norm = norm with { Weight = Hold(norm.Weight), Bias = HoldIfPresent(norm.Bias) };
        var w = weights;
        weights = new(Hold(w.Query), HoldIfPresent(w.QueryBias), HoldIfPresent(w.Key), HoldIfPresent(w.KeyBias), Hold(w.Output), HoldIfPresent(w.OutputBias));
        var (rows, inner) = (arguments.B * arguments.T, arguments.H * arguments.E);
        arguments.Queries = At(Allocate(rows * weights.Query.size(0), compute));
        if (source is not null) arguments.Keys = At(Allocate(arguments.B * arguments.S * weights.Key!.size(0), compute));
        arguments.Mixed = At(Allocate(rows * inner, compute));
        arguments.Lse = Floats(Keep(empty(arguments.H * rows)));
        arguments.Rstd = Floats(Keep(empty(rows)));
        if (!norm.Rms) arguments.Mean = Floats(Keep(empty(rows)));
        if (norm.Post) arguments.Sum = Floats(Allocate(x!.numel(), ScalarType.Float32));
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = Dense(gradient);
        SetPointers();
        var results = new Tensor?[11];
        results[0] = empty_like(x!);
        results[1] = source is null ? null : empty_like(source);
        KernelStatus.Check(tk_attention_sublayer_backward(arguments, new()
        {
            Dy = Floats(dy), Dx = Floats(results[0]), DSource = Floats(results[1]), Gamma = GradientOf(results, 2), Beta = GradientOf(results, 3),
            Query = GradientOf(results, 4), QueryBias = GradientOf(results, 5), Key = GradientOf(results, 6), KeyBias = GradientOf(results, 7),
            Output = GradientOf(results, 8), OutputBias = GradientOf(results, 9), Bias = GradientOf(results, 10),
        }));
        GC.KeepAlive(dy);
        GC.KeepAlive(this);
        return results;
    }

    void SetPointers()
    {
        arguments.X = Floats(x);
        arguments.Source = Floats(source);
        arguments.Gamma = Floats(norm.Weight);
        arguments.Beta = Floats(norm.Bias);
        arguments.Query = Matrix(weights.Query);
        arguments.Key = Matrix(weights.Key);
        arguments.Output = Matrix(weights.Output);
        arguments.QueryBias = Floats(weights.QueryBias);
        arguments.KeyBias = Floats(weights.KeyBias);
        arguments.OutputBias = Floats(weights.OutputBias);
        arguments.Bias.Values = Floats(bias);
        arguments.Lengths = lengths is null or { dtype: ScalarType.Int64 } ? (long*)At(lengths) : throw new ArgumentException($"lengths must be 64-bit integers, not {lengths.dtype}");
        arguments.Cosine = Floats(cosine);
        arguments.Sine = Floats(sine);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_sublayer_forward(in AttentionSublayerArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_sublayer_backward(in AttentionSublayerArguments a, in AttentionSublayerGradients g);
}

/// <summary>An attention sublayer; sizes as in <c>Layers/Shapes.cs</c>.</summary>
unsafe struct AttentionSublayerArguments
{
    internal long B, T, S, D, H, K, E;
    internal KernelType Products;

    // Each 0 or 1.
    internal int Causal, PostNorm, Rms;

    /// <summary>As in <see cref="AttentionArguments"/>.</summary>
    internal double Scale;
    internal float Epsilon;

    /// <summary>[B, T, D].</summary>
    internal float* X;

    /// <summary>[B, S, D]; null for self-attention.</summary>
    internal float* Source;

    /// <summary>The norm's, [D]; null for 1 and 0.</summary>
    internal float* Gamma, Beta;

    /// <summary>[(H + 2K)·E, D]: queries, keys, values; [H·E, D] with a source.</summary>
    internal KernelMatrix Query;
    internal float* QueryBias;

    /// <summary>[2K·E, D], with a source: keys, values.</summary>
    internal KernelMatrix Key;
    internal float* KeyBias;

    /// <summary>[D, H·E].</summary>
    internal KernelMatrix Output;
    internal float* OutputBias;
    internal KernelBias Bias;

    /// <summary>[B]; null if all keys are visible.</summary>
    internal long* Lengths;

    /// <summary>Rotary positions, [T, E]; null for none.</summary>
    internal float* Cosine, Sine;
    internal KernelDropout WeightDropout, Dropout;

    /// <summary>[B, T, D].</summary>
    internal float* Y;

    /// <summary>Saved for the backward pass, in the products' type: [B, T, rows of Query], [B, S, 2K·E] with a source, [B, T,
    /// H·E].</summary>
    internal void* Queries, Keys, Mixed;

    /// <summary>Saved for the backward pass, [B, H, T].</summary>
    internal float* Lse;

    /// <summary>Saved for the backward pass: the norm's statistics, [B, T], and with post-norm its input, [B, T, D].</summary>
    internal float* Mean, Rstd, Sum;
}

/// <summary>The gradients of an attention sublayer.</summary>
unsafe struct AttentionSublayerGradients
{
    /// <summary>[B, T, D].</summary>
    internal float* Dy, Dx;

    /// <summary>[B, S, D], with a source.</summary>
    internal float* DSource;
    internal KernelGradient Gamma, Beta, Query, QueryBias, Key, KeyBias, Output, OutputBias, Bias;
}
