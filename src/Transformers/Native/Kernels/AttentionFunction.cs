using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Attention on heads, computed by a kernel.</summary>
sealed unsafe partial class AttentionFunction : KernelFunction
{
    readonly Tensor givenQ, givenK, givenV;
    readonly AttentionView view;
    AttentionArguments arguments;
    Tensor? q, k, v, bias, lengths, result;

    AttentionFunction(Tensor q, Tensor k, Tensor v, AttentionView view)
    {
        (givenQ, givenK, givenV, this.view) = (q, k, v, view);
        arguments = new()
        {
            B = q.size(0), H = q.size(1), K = k.size(1), T = q.size(2), S = k.size(2), E = q.size(3), Type = TypeOf(q.dtype), Causal = view.Causal ? 1 : 0,
            Scale = 1 / Math.Sqrt(q.size(3)), Dropout = view.Dropout, Bias = BiasSizes(view.Bias),
        };
    }

    /// <summary>Whether the kernel supports these heads.</summary>
    internal static bool Takes(Tensor q, Tensor k, Tensor v) => Takes([q, k, v]) && q.dtype == k.dtype && q.dtype == v.dtype && q.numel() > 0 && k.numel() > 0;

    /// <summary>softmax(q·kᵀ/√E + bias)·v for q of [B, H, T, E] and k, v of [B, K, S, E], K dividing H; rotary positions are not applied.</summary>
    /// <returns>[B, H, T, E], in memory as [B, T, H, E].</returns>
    internal static Tensor Of(Tensor q, Tensor k, Tensor v, AttentionView view) => new AttentionFunction(q, k, v, view).Apply(q, k, v, view.Bias);

    protected override Tensor Forward(bool keep)
    {
        q = HoldRead(givenQ, WholeRows(givenQ), keep)!;
        k = HoldRead(givenK, WholeRows(givenK), keep)!;
        v = HoldRead(givenV, WholeRows(givenV), keep)!;
        bias = HoldRead(view.Bias, view.Bias is { } mask ? Dense(mask) : null, keep);
        lengths = HoldRead(view.Lengths, view.Lengths?.contiguous(), keep);
        result = Rows(q);
        if (keep) arguments.Lse = Floats(Allocate(arguments.B * arguments.H * arguments.T, ScalarType.Float32));
        SetPointers();
        KernelStatus.Check(tk_attention_forward(arguments));
        GC.KeepAlive(this);
        var given = result;
        result = keep ? KeepInput(result) : null;
        return given;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dout = WholeRows(gradient.to(q!.dtype));
        var results = new Tensor?[4];
        (results[0], results[1], results[2]) = (Rows(q), Rows(k!), Rows(v!));
        SetPointers();
        KernelStatus.Check(tk_attention_backward(arguments, new() { DOut = Heads(dout), DQ = Heads(results[0]!), DK = Heads(results[1]!), DV = Heads(results[2]!), Bias = GradientOf(results, 3) }));
        GC.KeepAlive(dout);
        GC.KeepAlive(this);
        return results;
    }

    void SetPointers()
    {
        arguments.Queries = Heads(q!);
        arguments.Keys = Heads(k!);
        arguments.Values = Heads(v!);
        arguments.Out = Heads(result!);
        arguments.Bias.Values = Floats(bias);
        arguments.Lengths = lengths is null or { dtype: ScalarType.Int64 } ? (long*)At(lengths) : throw new ArgumentException($"lengths must be 64-bit integers, not {lengths.dtype}");
    }

    // Heads with contiguous rows, whatever the other strides.
    static Tensor WholeRows(Tensor heads) => heads.stride(-1) == 1 || heads.size(-1) == 1 ? heads : heads.contiguous();

    // [B, H, T, E] over memory [B, T, H, E], as the next product reads it.
    static Tensor Rows(Tensor heads) => empty([heads.size(0), heads.size(2), heads.size(1), heads.size(3)], heads.dtype).transpose(1, 2);

    static KernelHeads Heads(Tensor heads) =>
        new() { Data = (void*)Dispatcher.DataPointer(heads), Batch = heads.stride(0), Head = heads.stride(1), Row = heads.stride(2) };

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_forward(in AttentionArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_backward(in AttentionArguments a, in AttentionGradients g);
}

/// <summary>Attention on heads in memory.</summary>
unsafe struct AttentionArguments
{
    internal long B, H, K, T, S, E;
    internal KernelType Type;

    /// <summary>1: query i sees keys up to i + S - T.</summary>
    internal int Causal;
    internal double Scale;

    /// <summary>[B, H, T, E], [B, K, S, E], [B, K, S, E], [B, H, T, E].</summary>
    internal KernelHeads Queries, Keys, Values, Out;

    /// <summary>[B, H, T], saved for the backward pass; null if there is none.</summary>
    internal float* Lse;

    /// <summary>[B]; null if all keys are visible.</summary>
    internal long* Lengths;
    internal KernelBias Bias;
    internal KernelDropout Dropout;
}

/// <summary>The gradients of attention.</summary>
unsafe struct AttentionGradients
{
    internal KernelHeads DOut, DQ, DK, DV;
    internal KernelGradient Bias;
}
