using TorchSharp;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>What a picture of a run's attention is drawn for.</summary>
public sealed record AttentionSubject
{
    /// <summary>The text, or the sentence to translate.</summary>
    public string? Text { get; init; }
    /// <summary>What the decoder is given; null for what the model itself translates.</summary>
    public string? Target { get; init; }
    /// <summary>The image's file.</summary>
    public string? Image { get; init; }
    /// <summary>Which attention of an encoder-decoder.</summary>
    public AttentionPart Part { get; init; }
    /// <summary>Layers and heads.</summary>
    public AttentionChoice Choice { get; init; }
}

/// <summary>Pictures of a trained run, by what it is.</summary>
public static class RunPlots
{
    /// <summary>What a run's model attends to.</summary>
    /// <param name="run">The run.</param>
    /// <param name="subject">The text, the pair or the image.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="UserException">The run needs another subject, or has no such layer or head.</exception>
    public static Picture Attention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        switch (run.Config.Model)
        {
            case GptConfig:
                var tokenizer = run.LoadTokenizer();
                using (var model = run.LoadLanguageModel(tokenizer, device)) return AttentionPlot.Of(model, tokenizer, TextOf(subject), device, subject.Choice).Draw();
            case EncoderConfig:
                var words = run.LoadTokenizer();
                using (var model = run.LoadEncoder(words, device)) return AttentionPlot.Of(model, words, TextOf(subject), device, subject.Choice).Draw();
            case Seq2SeqConfig:
                var tokenizers = run.LoadTokenizers();
                var text = TextOf(subject);
                using (var model = run.LoadSeq2Seq(tokenizers, device))
                {
                    var target = subject.Target ?? new Translator(model, tokenizers.source, tokenizers.target, device).Translate([text], new TranslationOptions()).First().Text;
                    return AttentionPlot.Of(model, tokenizers, (text, target), subject.Part, device, subject.Choice).Draw();
                }
            case VitConfig:
                using (var images = ImageRun.Open(run, device)) return RolloutPlot.Of((Vit)images.Model, images.Input.Transform, ImageOf(subject.Image, images), device);
            case var other:
                throw new UserException($"a model of kind {KindAttribute.Of(other)} attends within windows, and has no map over the whole image", "transformer plot positions shows what its windows have learnt");
        }
    }

    /// <summary>The patches of a network over images.</summary>
    /// <param name="run">The run.</param>
    /// <param name="image">An image to cut; null for none.</param>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public static Picture Patches(TrainedRun run, string? image)
    {
        NativeLibraries.Load();
        using var images = ImageRun.Open(run);
        using var filters = StoredWeights.Find(run.Checkpoint, "patches.weight") ?? throw new UserException("the run has no embedding of patches");
        return PatchesPlot.Of(filters, image is null ? null : images.Input.Transform.Fit(ImageOf(image, images)));
    }

    static string TextOf(AttentionSubject subject) => subject.Text ?? throw new UserException("--text must be given: what the model is to read");

    static RgbImage ImageOf(string? path, ImageRun run) =>
        ImageCodec.DecodeFile(path ?? throw new UserException("--image must be given: the file of an image"), new ImageDecodeOptions { Background = run.Input.Transform.Background });

    /// <summary>What tells a model where a token or a patch stands.</summary>
    /// <param name="config">The model.</param>
    /// <param name="weights">Finds a tensor of the run by the end of its name; null for none.</param>
    /// <param name="places">Places to show.</param>
    /// <param name="layer">The block of a Swin, from 1.</param>
    /// <exception cref="UserException">The kind is learnt, and nothing was.</exception>
    public static Picture Positions(ModelConfig config, Func<string, Tensor?> weights, int places, int layer = 1)
    {
        NativeLibraries.Load();
        switch (config)
        {
            case GptConfig gpt: return OfTokens(gpt.Positions, gpt.Width, gpt.Heads, gpt.Context, bidirectional: false, "");
            case Seq2SeqConfig pair: return OfTokens(pair.Positions, pair.Width, pair.Heads, pair.Context, bidirectional: true, "encoder_");
            case EncoderConfig encoder: return OfTokens(encoder.Positions, encoder.Width, encoder.Heads, encoder.Context, bidirectional: true, "");
            case VitConfig { Positions: SinusoidalImagePositions sinusoidal } vit:
                return GridPositionsPlot.Sinusoidal((vit.Size ?? throw new UserException("model.size must be given", "--set model.size=224")) / vit.Patch, vit.Width, sinusoidal.Base).Draw();
            case VitConfig { Positions: LearnedImagePositions }:
                using (var table = weights("positions.table") ?? throw Unlearnt()) return GridPositionsPlot.Similarity("Learned positions", table).Draw();
            case SwinConfig swin:
                if (layer < 1 || layer > swin.Layers.Sum()) throw new UserException($"--layer ({layer}) must be from 1 to {swin.Layers.Sum()}");
                using (var table = weights($"blocks.{layer - 1}.positions.table") ?? throw Unlearnt()) return GridPositionsPlot.WindowBias(table, layer).Draw();
            case var other: throw new UserException($"a model of kind {KindAttribute.Of(other)} without positions has no picture of them");
        }

        Picture OfTokens(PositionsConfig positions, int width, int heads, int context, bool bidirectional, string prefix)
        {
            using var learnt = positions switch
            {
                LearnedPositions => weights($"{prefix}positions.embedding.weight"),
                RelativePositions => weights($"{prefix}positions.table.weight"),
                _ => null,
            };
            return PositionsPlot.Draw(positions, Math.Min(places, context), width, heads, learnt is null ? null : Matrix.Of(learnt), bidirectional);
        }
    }

    static UserException Unlearnt() => new("learned positions have no picture before training", "give the folder of a trained run");
}
