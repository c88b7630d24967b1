using Transformers.Models;

namespace Transformers.Inspection.Plans;

/// <summary>Counts the operations of a model's products over a batch; see <see cref="ModelCost"/> for what counts.</summary>
sealed class ModelFlops
{
    readonly ModelPlan plan;

    ModelFlops(ModelConfig model, DataProfile data) => plan = new(model, data, 0);

    /// <summary>Of a network over tokens.</summary>
    internal static ModelFlops OfTokens(ModelConfig model, int vocabulary, int classes = 0) =>
        new(model, new() { Vocabulary = vocabulary, Classes = classes, Batches = [] });

    /// <summary>Of a network over images.</summary>
    internal static ModelFlops OfImages(ModelConfig model, ImageShape image) => new(model, new() { Image = image, Classes = image.Classes, Batches = [] });

    /// <summary>Operations forwards and backwards.</summary>
    internal double Of(BatchShape shape) => 3 * plan.Kernels(shape).Flops;
}
