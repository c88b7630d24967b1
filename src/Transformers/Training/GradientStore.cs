using TorchSharp.Modules;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The gradients of a model's parameters.</summary>
/// <remarks>
/// For libtorch's operators they are views of one flat buffer: zeroing them and their norm are one operation each. Kernels write the first
/// part of a gradient and add the others, so with them no gradient exists until the backward pass creates it: nothing is zeroed, and the
/// memory of activations and of gradients is not needed at the same time. With several processes, gradients are always in the buffer, whose
/// parts are exchanged.
/// </remarks>
sealed class GradientStore : IDisposable
{
    readonly IReadOnlyList<Parameter> parameters;
    readonly Communicator processes;
    readonly GradientLayout? layout;
    readonly GradientExchange? exchange;
    readonly Tensor? flat;
    readonly Tensor[] views = [], pieces = [];

    /// <summary>The gradients of the parameters that are trained.</summary>
    /// <param name="model">The model, whose blocks decide in which parts gradients are exchanged.</param>
    /// <param name="trained">The parameters by name.</param>
    /// <param name="sharded">Whether each process updates only a part of the parameters.</param>
    internal GradientStore(nn.Module model, IReadOnlyList<(string Name, Parameter Parameter)> trained, Communicator processes, bool sharded)
    {
        parameters = [.. trained.Select(named => named.Parameter)];
        this.processes = processes;
        Pieces = [.. parameters.Select((parameter, i) => new ParameterPiece(i, 0, parameter.numel()))];
        if (parameters.Count == 0 || processes.IsAlone && KernelFunction.Takes(parameters[0])) return;
        layout = LayoutOf(model, trained, processes.Size, out var blocks);
        using var plain = no_grad();
        flat = zeros([layout.Total], ScalarType.Float32, parameters[0].device).DetachFromDisposeScope();
        views = [.. parameters.Select((parameter, i) => flat.narrow(0, layout.Starts[i], parameter.numel()).view(parameter.shape).DetachFromDisposeScope())];
        for (var i = 0; i < views.Length; i++) parameters[i].grad = views[i];
        if (processes.IsAlone) return;
        exchange = new GradientExchange(processes, layout, flat, sharded);
        for (var i = 0; i < blocks.Count; i++)
        {
            var block = i;
            blocks[i].GradientsReady = () => exchange.BlockReady(block);
        }
        if (!sharded) return;
        Sharded = true;
        Pieces = layout.PiecesOf(processes.Rank, processes.Size);
        pieces = PiecesOf(views);
    }

    /// <summary>The layout of a model's gradients.</summary>
    /// <param name="trained">The parameters that are trained, by name.</param>
    /// <param name="processes">The number of processes.</param>
    /// <param name="blocks">The model's blocks, in the order in which the layout numbers them.</param>
    internal static GradientLayout LayoutOf(nn.Module model, IReadOnlyList<(string Name, Parameter Parameter)> trained, int processes, out IReadOnlyList<IHasBorder> blocks)
    {
        var found = model.named_modules().Where(named => named.module is IHasBorder).ToList();
        blocks = [.. found.Select(named => (IHasBorder)named.module)];
        return new([.. trained.Select(named => named.Parameter.numel())], [.. trained.Select(named => BlockOf(named.Name))], processes);

        int? BlockOf(string name)
        {
            var block = found.FindIndex(one => name.StartsWith(one.name + ".", StringComparison.Ordinal));
            return block < 0 ? null : block;
        }
    }

    /// <summary>Whether each process updates only a part of the parameters.</summary>
    internal bool Sharded { get; }

    /// <summary>What this process updates: whole parameters, or its parts of them.</summary>
    internal IReadOnlyList<ParameterPiece> Pieces { get; }

    /// <summary>The gradients of the pieces, in order; that of a parameter on which the loss does not depend is 0.</summary>
    internal Tensor[] All() => Sharded ? pieces : flat is not null ? views : [.. parameters.Select(parameter => parameter.grad ?? zeros_like(parameter))];

    /// <summary>The part of a tensor of a parameter's shape that belongs to a piece, one-dimensional if it is not the whole.</summary>
    internal static Tensor Of(Tensor whole, ParameterPiece piece) => piece.Count == whole.numel() ? whole : whole.detach().view(-1).narrow(0, piece.Offset, piece.Count);

    /// <summary>The pieces of tensors of the parameters' shapes; the caller frees those that are not whole.</summary>
    internal Tensor[] PiecesOf(IReadOnlyList<Tensor> whole) =>
        [.. Pieces.Select(piece => Of(whole[piece.Parameter], piece) is var part && ReferenceEquals(part, whole[piece.Parameter]) ? part : part.DetachFromDisposeScope())];

    /// <summary>Called before a step's last backward pass: gradients are exchanged as it completes them.</summary>
    internal void ExchangeDuringBackward() => exchange?.Arm();

    /// <summary>Waits until the gradients are the sums over all processes.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    internal void FinishExchange() => exchange?.Finish();

    /// <summary>The Euclidean norm of all gradients together; NaN or infinite if an element is.</summary>
    internal double Norm()
    {
        if (flat is null) return OptimizerKernels.Norm(All());
        if (exchange is null) return flat.norm().item<float>();
        // Each process's part, then all parts in order: the result is the same with and without a sharded optimizer.
        var parts = exchange.OwnParts();
        var own = KernelFunction.Takes(parts) ? OptimizerKernels.Norm(parts) : Math.Sqrt(parts.Sum(part => Math.Pow(part.norm().item<float>(), 2)));
        Span<double> squares = [own * own];
        processes.AllReduce(squares);
        return Math.Sqrt(squares[0]);
    }

    /// <summary>The same as a scalar in 32 bits that stays on the device.</summary>
    internal Tensor DeviceNorm()
    {
        if (exchange is null) return flat!.norm();
        var squares = stack(exchange.OwnParts().Select(part => (part * part).sum())).sum();
        processes.AllReduce(squares);
        return squares.sqrt();
    }

    /// <summary>Sends the pieces that each process has updated to all.</summary>
    /// <remarks>Uses the memory of the gradients, which are no longer needed.</remarks>
    internal void GatherParameters()
    {
        if (!Sharded) return;
        for (var i = 0; i < pieces.Length; i++) pieces[i].copy_(Of(parameters[Pieces[i].Parameter], Pieces[i]));
        exchange!.Gather();
        Operators.CopyAll([.. parameters], views);
    }

    /// <summary>Collects tensors of the pieces as tensors of whole parameters; collective.</summary>
    /// <param name="own">One for each of this process's pieces.</param>
    /// <returns>One for each parameter.</returns>
    internal Tensor[] Collect(IReadOnlyList<Tensor> own)
    {
        using var plain = no_grad();
        for (var i = 0; i < pieces.Length; i++) pieces[i].copy_(own[i]);
        exchange!.Gather();
        Tensor[] whole = [.. views.Select(view => view.clone())];
        Zero();
        return whole;
    }

    /// <summary>Sets all gradients to 0.</summary>
    internal void Zero()
    {
        if (flat is not null) flat.zero_();
        else foreach (var parameter in parameters) parameter.grad = null;
    }

    public void Dispose()
    {
        exchange?.Dispose();
        foreach (var view in views.Concat(pieces)) view.Dispose();
        flat?.Dispose();
    }
}

/// <summary>A part of the flat gradients that is exchanged in one call.</summary>
/// <param name="Start">The index of its first element.</param>
/// <param name="Count">The number of its elements, a multiple of the number of processes.</param>
/// <param name="Border">The index of the block that completes it; null if it is complete only at the end of the backward pass.</param>
readonly record struct GradientBucket(long Start, long Count, int? Border);

/// <summary>A part of a parameter that one process updates.</summary>
/// <param name="Parameter">The parameter's index.</param>
/// <param name="Offset">The index of its first element within the parameter.</param>
/// <param name="Count">The number of its elements.</param>
readonly record struct ParameterPiece(int Parameter, long Offset, long Count);

/// <summary>The positions of parameters' gradients in one flat buffer, and the parts in which processes exchange them.</summary>
/// <remarks>
/// Buckets are in the order in which a backward pass completes them: the last blocks first, then everything outside blocks, including tied
/// weights. Each bucket is divided evenly among the processes, part r for rank r, so the same layout serves full sums and sharded
/// optimizers.
/// </remarks>
sealed class GradientLayout
{
    // Kernels write rows of 64 bytes. Gaps contain zeros, which sums do not change.
    const int Alignment = 16;

    /// <summary>Elements of a bucket: 4 MiB, so that there are few exchanges and the first one starts early.</summary>
    internal const long BucketNumbers = 1 << 20;

    readonly long[] sizes;

    /// <summary>The layout of some parameters.</summary>
    /// <param name="sizes">The number of elements of each parameter.</param>
    /// <param name="blocks">The block of each parameter, in the order of the model; null for none.</param>
    /// <param name="processes">The number of processes.</param>
    /// <param name="bucketNumbers">The minimum number of elements of a bucket of blocks.</param>
    internal GradientLayout(IReadOnlyList<long> sizes, IReadOnlyList<int?> blocks, int processes, long bucketNumbers = BucketNumbers)
    {
        this.sizes = [.. sizes];
        Starts = new long[sizes.Count];
        var buckets = new List<GradientBucket>();
        long next = 0, start = 0;
        var groups = Enumerable.Range(0, sizes.Count).GroupBy(i => blocks[i]).OrderByDescending(group => group.Key ?? -1).ToList();
        int? last = null;
        foreach (var group in groups)
        {
            // Parameters outside blocks are complete later than all blocks.
            if (group.Key is null) Close(last);
            last = group.Key;
            foreach (var i in group)
            {
                Starts[i] = next;
                next = RoundUp(next + sizes[i], Alignment);
            }
            if (group.Key is not null && next - start >= bucketNumbers) Close(last);
        }
        Close(last);
        (Total, Buckets) = (next, buckets);

        void Close(int? border)
        {
            if (next == start) return;
            next = RoundUp(next - start, (long)Alignment * processes) + start;
            buckets.Add(new GradientBucket(start, next - start, border));
            start = next;
        }
    }

    /// <summary>The index of the first element of each parameter's gradient.</summary>
    internal long[] Starts { get; }

    /// <summary>The number of elements of the flat buffer.</summary>
    internal long Total { get; }

    /// <summary>The buckets, in the order of exchange.</summary>
    internal IReadOnlyList<GradientBucket> Buckets { get; }

    /// <summary>The parts of parameters that a process updates if the optimizer is sharded, in the order of the parameters.</summary>
    internal IReadOnlyList<ParameterPiece> PiecesOf(int rank, int processes)
    {
        var pieces = new List<ParameterPiece>();
        for (var i = 0; i < sizes.Length; i++)
            foreach (var bucket in Buckets)
            {
                var first = Math.Max(Starts[i], bucket.Start + bucket.Count / processes * rank);
                var end = Math.Min(Starts[i] + sizes[i], bucket.Start + bucket.Count / processes * (rank + 1));
                if (first < end) pieces.Add(new ParameterPiece(i, first - Starts[i], end - first));
            }
        return pieces;
    }

    static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;
}
