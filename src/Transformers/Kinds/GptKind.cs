using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.Gguf;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Decoder-only models.</summary>
sealed class GptKind : LanguageModelKind<GptConfig, Gpt>
{
    protected override Gpt Create(GptConfig model, int vocabulary, Generator? generator = null) => new(model, vocabulary, generator);

    protected override int ContextOf(GptConfig model) => model.Context;

    protected override ExportResult ExportToHuggingFace(TrainedRun run, ExportRequest request) => HuggingFaceExport.Write(run, request, (GptConfig)run.Config.Model, StartsDocuments(run.Config.Data));

    protected override ExportResult ExportToGguf(TrainedRun run, ExportRequest request) => GgufExport.Write(run, request, (GptConfig)run.Config.Model, StartsDocuments(run.Config.Data));

    public override Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1)
    {
        var gpt = (GptConfig)model;
        return TokenPositions.Draw(gpt.Positions, weights, "", Math.Min(count, gpt.Context), gpt.Width, gpt.Heads, bidirectional: false);
    }

    protected override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, NativeLibraries.Cpu);
        var weights = OnnxExport.WeightsOf(model, request);
        return OnnxExport.Write(run, request, weights, new()
        {
            Kind = NameOf(run), Task = "generate", Context = model.Context, Vocabulary = tokenizer.VocabularySize,
            Begin = StartsDocuments(run.Config.Data) ? tokenizer.EndOfTextId : null, End = tokenizer.EndOfTextId,
        }, ("model.onnx", OnnxGpt.Build(model.Config, model.Vocabulary, weights)));
    }

    private protected override SmallModel OneOfEachBlock(GptConfig model, DataProfile data) =>
        new(Create(model with { Layers = 1 }, data.Vocabulary), ("blocks.", [model.Layers]));
}

/// <summary>Figures of the positions of tokens.</summary>
static class TokenPositions
{
    internal static Picture Draw(PositionsConfig positions, Func<string, Tensor?> weights, string prefix, int count, int width, int heads, bool bidirectional)
    {
        NativeLibraries.Load();
        using var learned = positions switch
        {
            LearnedPositionsConfig => weights($"{prefix}pos_emb.weight"),
            RelativePositionsConfig => weights($"{prefix}pos_emb.table"),
            _ => null,
        };
        return PositionsPlot.Draw(positions, count, width, heads, learned is null ? null : Matrix.Of(learned), bidirectional);
    }
}
