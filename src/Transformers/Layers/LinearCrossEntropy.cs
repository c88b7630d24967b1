using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>The loss of some targets, summed, in nats.</summary>
/// <param name="Objective">What is minimised: a scalar, with its graph if gradients are enabled, that includes label smoothing (Szegedy et
/// al. 2016, section 7).</param>
/// <param name="CrossEntropy">What is reported: a scalar without a graph and without label smoothing, comparable with that of
/// validation.</param>
public readonly record struct LossSum(Tensor Objective, Tensor CrossEntropy)
{
    /// <summary>The loss of logits.</summary>
    /// <param name="logits">[N, classes].</param>
    /// <param name="labels">[N], class indices; or [N, classes], probabilities, as for mixed images.</param>
    /// <param name="smoothing">The probability that is spread over all classes.</param>
    public static LossSum Of(Tensor logits, Tensor labels, double smoothing)
    {
        var objective = nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum, label_smoothing: smoothing);
        return new(objective, smoothing == 0 ? objective.detach() : nn.functional.cross_entropy(logits.detach(), labels, reduction: nn.Reduction.Sum));
    }
}

/// <summary>The cross entropy of an output layer's logits, of which only a chunk of rows is in memory at a time.</summary>
/// <remarks>The gradient is computed with the loss, while a chunk's logits are in memory; the backward pass only scales it.</remarks>
public sealed class LinearCrossEntropy : ManagedFunction
{
    // Logits of a chunk: small compared to a step's activations, but large enough for efficient products.
    const long ChunkElements = 1 << 24;

    readonly Tensor hidden, weight, targets;
    readonly double smoothing;
    readonly ScalarType compute;
    Tensor? hiddenGradient, weightGradient, plain;

    LinearCrossEntropy(Tensor hidden, Tensor weight, Tensor targets, double smoothing, ScalarType compute) =>
        (this.hidden, this.weight, this.targets, this.smoothing, this.compute) = (hidden, weight, targets, smoothing, compute);

    /// <summary>The sum over the targets that count.</summary>
    /// <param name="hidden">[N, D].</param>
    /// <param name="weight">[V, D].</param>
    /// <param name="targets">[N], whole numbers below V, or -100 for a position that does not count.</param>
    /// <param name="compute">The type of products.</param>
    /// <param name="smoothing">The probability that is spread over all tokens.</param>
    /// <param name="bias">Added to the logits, [V]; null for none.</param>
    public static LossSum Sum(Tensor hidden, Tensor weight, Tensor targets, ScalarType compute, double smoothing = 0, Tensor? bias = null)
    {
        if (LinearCrossEntropyFunction.Takes(hidden, weight, compute))
        {
            var (loss, plain) = LinearCrossEntropyFunction.Sum(hidden, weight, bias, targets, smoothing, compute);
            return new(loss, tensor((float)plain));
        }
        // Few models have such a bias; for them, all logits are in memory at once.
        if (bias is not null) return LossSum.Of(LinearFunction.Of(hidden, weight, bias, null, null, compute).to(ScalarType.Float32), targets, smoothing);
        var function = new LinearCrossEntropy(hidden, weight, targets, smoothing, compute);
        var objective = function.Apply(hidden, weight);
        return new(objective, function.plain!);
    }

    /// <inheritdoc/>
    protected override Tensor Forward(bool keep)
    {
        var (N, V) = (hidden.size(0), weight.size(0));
        var matrix = weight.to(compute);
        var rows = Math.Clamp(ChunkElements / Math.Max(1, V), 1, Math.Max(1, N));
        var objective = zeros(1, ScalarType.Float32, hidden.device);
        plain = smoothing == 0 ? objective : zeros_like(objective);
        var (wantsHidden, wantsWeight) = (keep && hidden.requires_grad, keep && weight.requires_grad);
        if (wantsHidden) hiddenGradient = Keep(empty_like(hidden));
        if (wantsWeight) weightGradient = Keep(zeros(weight.shape, ScalarType.Float32, weight.device));
        for (long first = 0; first < N; first += rows)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(rows, N - first);
            var (part, target) = (hidden.narrow(0, first, count).to(compute), targets.narrow(0, first, count));
            var counts = target.ne(Scalars.Of(-100));                                                             // [n]
            var index = target.clamp_min(Scalars.Zero).unsqueeze(1);                                             // [n, 1]
            var logProbabilities = part.mm(matrix.t()).to(ScalarType.Float32).log_softmax(-1);        // [n, V]
            var chosen = logProbabilities.gather(1, index).squeeze(1).masked_fill(counts.logical_not(), Scalars.Zero);
            var own = -chosen.sum();
            if (smoothing > 0)
            {
                plain.add_(own, Scalars.One);
                var spread = logProbabilities.mean([-1L]).masked_fill(counts.logical_not(), Scalars.Zero);
                own = own * Scalars.Of(1 - smoothing) - spread.sum() * Scalars.Of(smoothing);
            }
            objective.add_(own, Scalars.One);
            if (!wantsHidden && !wantsWeight) continue;
            // softmax minus the target's distribution, 0 for rows that do not count
            var gradient = logProbabilities.exp_();
            if (smoothing > 0) gradient.sub_(Scalars.Of(smoothing / V));
            gradient.scatter_add_(1, index, full([count, 1], Scalars.Of(smoothing - 1), device: gradient.device));
            gradient.mul_(counts.unsqueeze(1));
            var narrow = gradient.to(compute);
            if (wantsHidden) hiddenGradient!.narrow(0, first, count).copy_(narrow.mm(matrix));
            if (wantsWeight) weightGradient!.add_(narrow.t().mm(part), Scalars.One);
        }
        plain = plain.squeeze(0);
        return objective.squeeze(0);
    }

    /// <inheritdoc/>
    protected override Tensor?[] Backward(Tensor gradient)
    {
        return [PassOn(0, () => hiddenGradient!.mul_(gradient)), PassOn(1, () => weightGradient!.mul_(gradient))];
    }
}
