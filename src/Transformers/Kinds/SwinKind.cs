using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.IO;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Swin transformers.</summary>
sealed class SwinKind : ImageKind<SwinConfig>
{
    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device) =>
        throw new UserException($"a model of kind {NameOf(run)} attends within windows, so it has no map over the whole image", "transformer plot positions shows what its windows have learned");

    protected override ExportResult ExportToHuggingFace(TrainedRun run, ExportRequest request) =>
        HuggingFaceExport.Write(run, request, (SwinConfig)run.Config.Model, new SwinLayout());

    public override Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1)
    {
        NativeLibraries.Load();
        var blocks = ((SwinConfig)model).Layers.Sum();
        if (layer < 1 || layer > blocks) throw new UserException($"--layer ({layer}) must be from 1 to {blocks}");
        using var table = weights($"blocks.{layer - 1}.pos_bias.table") ?? throw Unlearned();
        return GridPositionsPlot.WindowBias(table, layer).Draw();
    }

    private protected override OnnxGraph BuildOnnx(SwinConfig model, ImageShape shape, OnnxWeights weights) => OnnxSwin.Build(model, shape, weights);

    private protected override SmallModel OneOfEachBlock(SwinConfig model, DataProfile data) =>
        new(new Swin(model with { Layers = [.. model.Layers.Select(_ => 1)] }, data.Image!.Value), ("blocks.", model.Layers));
}
