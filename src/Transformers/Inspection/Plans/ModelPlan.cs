using Transformers.Configs;
using Transformers.Models;

namespace Transformers.Inspection.Plans;

/// <summary>What a model of any family runs and holds, from its config and its data.</summary>
/// <param name="Model">The network.</param>
/// <param name="Data">Its data.</param>
/// <param name="Smoothing">Label smoothing.</param>
sealed record ModelPlan(ModelConfig Model, DataProfile Data, double Smoothing)
{
    /// <summary>The kernels of one pass over a batch.</summary>
    internal KernelList Kernels(BatchShape shape) => Model switch
    {
        GptConfig gpt => TextPlans.Gpt(gpt, shape, Data.Vocabulary, Smoothing),
        Seq2SeqConfig pair => TextPlans.Seq2Seq(pair, shape, Data.Sources, Data.Vocabulary, Data.Shared, Smoothing),
        EncoderConfig encoder => TextPlans.Encoder(encoder, shape, Data.Vocabulary, Data.Classes, Smoothing),
        VitConfig vit => ImagePlans.Vit(vit, Data.Image!.Value, shape.Rows),
        SwinConfig swin => ImagePlans.Swin(swin, Data.Image!.Value, shape.Rows),
        _ => throw new UserException($"a model of kind {KindAttribute.Of(Model)} cannot be inspected"),
    };

    /// <summary>What throughput counts.</summary>
    internal string Unit => Model is ImageModelConfig ? "images" : "tokens";

    /// <summary>Every tensor of the model.</summary>
    internal IReadOnlyList<ParameterShape> Parameters => ParameterTable.Of(Model, Data);
}
