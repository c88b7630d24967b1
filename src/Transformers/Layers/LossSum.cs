using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>The loss of some targets, summed, in nats.</summary>
/// <param name="Objective">What is minimised: one number with its graph where gradients are on; label smoothing is in it (Szegedy et al. 2016, section 7).</param>
/// <param name="CrossEntropy">What is reported: one number without a graph, without label smoothing, comparable with that of validation.</param>
public readonly record struct LossSum(Tensor Objective, Tensor CrossEntropy)
{
    /// <summary>The loss of logits.</summary>
    /// <param name="logits">[N, classes].</param>
    /// <param name="labels">[N], whole numbers below classes; or [N, classes], the probability of each, as mixed images have them.</param>
    /// <param name="smoothing">The probability that is spread over all classes.</param>
    public static LossSum Of(Tensor logits, Tensor labels, double smoothing)
    {
        var objective = nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum, label_smoothing: smoothing);
        return new(objective, smoothing == 0 ? objective.detach() : nn.functional.cross_entropy(logits.detach(), labels, reduction: nn.Reduction.Sum));
    }
}
