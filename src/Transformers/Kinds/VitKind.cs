using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.IO;
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
