using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Vision transformers.</summary>
sealed class VitKind : ImageKind<VitConfig>
{
    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        using var images = ImageRun.Open(run, device);
        return RolloutPlot.Of((Vit)images.Model, images.Input.Transform, Decode(subject.Image, images), device);
    }

    protected override ExportResult ExportToHuggingFace(TrainedRun run, ExportRequest request) =>
        HuggingFaceExport.Write(run, request, (VitConfig)run.Config.Model, new VitLayout());

    public override Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1)
    {
        NativeLibraries.Load();
        var vit = (VitConfig)model;
        switch (vit.Positions)
        {
            case SinusoidalImagePositionsConfig sinusoidal:
                return GridPositionsPlot.Sinusoidal((vit.Size ?? throw new UserException("model.size must be given", "--set model.size=224")) / vit.Patch, vit.Width, sinusoidal.Base).Draw();
            case LearnedImagePositionsConfig:
                using (var table = weights("pos_emb.weight") ?? throw Unlearned()) return GridPositionsPlot.Similarity("Learned positions", table).Draw();
            default: return base.DrawPositions(model, weights, count, layer);
        }
    }

    private protected override OnnxGraph BuildOnnx(VitConfig model, ImageShape shape, OnnxWeights weights) => OnnxVit.Build(model, shape, weights);

    private protected override SmallModel OneOfEachBlock(VitConfig model, DataProfile data) =>
        new(new Vit(model with { Layers = 1 }, data.Image!.Value), ("blocks.", [model.Layers]));
}

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

/// <summary>Residual convolutional networks.</summary>
sealed class ResnetKind : ImageKind<ResnetConfig>
{
    private protected override OnnxGraph BuildOnnx(ResnetConfig model, ImageShape shape, OnnxWeights weights) => OnnxResnet.Build(model, shape, weights);

    // Blocks of a stage differ from its first one, and the model is small.
    private protected override SmallModel OneOfEachBlock(ResnetConfig model, DataProfile data) => new(new Resnet(model, data.Image!.Value));
}
