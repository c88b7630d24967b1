using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data.ImageText;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>ViLBERT: models of images with text.</summary>
sealed class VilbertKind : Kind<VilbertConfig, ImageTextDataConfig>
{
    const int AssumedAnswers = 10;

    public override ModelInput Input => ModelInput.Pairs;

    internal override void CheckSplit(RunConfig run, string split) => ((ImageTextDataConfig)run.Data).Open().Choose(split);

    public override bool Classifies => true;

    protected override TaskSetup CreateTask(RunConfig run, ImageTextDataConfig data, VilbertConfig model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        PreparedPairs.Prepare(run, data, model, options, observer, stop);

    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw EncoderKind.NoDecoder(run);
        NativeLibraries.Load();
        using var pairs = ImageTextRun.Open(run, options.Device);
        return ImageTextEvaluation.Run(pairs, name, options, cancel);
    }

    public override IReadOnlyList<string> EvaluationMetrics(TrainedRun run)
    {
        var (objectives, answers) = (((VilbertConfig)run.Config.Model).Objectives, run.Checkpoint.Has(CheckpointFiles.Classes));
        return
        [
            .. answers ? ["loss", "accuracy", "accuracy_*", "majority", "shuffled_images"] : Array.Empty<string>(), .. answers && objectives.Alone > 0 ? ["text_alone", "image_alone"] : Array.Empty<string>(),
            .. objectives.Match > 0 ? ["match_accuracy", "image_recall_*", "text_recall_*", "retrieved_from"] : Array.Empty<string>(),
        ];
    }

    // The text stream. A line may name an image before a tab; without one the whole image is hidden, as in part of training.
    public override Embedder OpenEmbedder(TrainedRun run, Device device)
    {
        NativeLibraries.Load();
        var pairs = ImageTextRun.Open(run, device);
        var model = pairs.Model;
        return new Embedder(model, (lines, ids, mask) =>
        {
            var image = model.EmbedImage(ImagesOf(pairs, lines));
            return model.Join(model.EmbedText(ids, mask), image, new CoInput(Text: mask)).Text;
        }, ((VilbertConfig)run.Config.Model).Text.Width, pairs.Special.Padding, device, line => pairs.Encode(line[(line.IndexOf('\t') + 1)..]), line =>
        {
            try
            {
                if (line.IndexOf('\t') is >= 0 and var tab) pairs.ReadImage(line[..tab]);
            }
            catch (UserException exception)
            {
                // The message names the line, which names the image.
                throw new UserException(exception.Message, inner: exception);
            }
        });
    }

    static ImageTensors ImagesOf(ImageTextRun run, string[] lines)
    {
        var (shape, R) = (run.Model.Shape, Math.Max(1, run.Model.Patches));
        var hidden = new float[lines.Length * R];
        if (run.Model.Patches == 0)
        {
            if (lines.FirstOrDefault(line => line.Contains('\t')) is { } line) run.ReadImage(line[..line.IndexOf('\t')]);
            Array.Fill(hidden, 1);
            return new(zeros(lines.Length, R, shape.Channels, device: run.Device), zeros(lines.Length, R, 5, device: run.Device), Hidden: tensor(hidden, [lines.Length, R]).SendTo(run.Device));
        }
        var each = shape.Channels * shape.Size * shape.Size;
        var values = new float[lines.Length * each];
        for (var row = 0; row < lines.Length; row++)
            if (lines[row].IndexOf('\t') is >= 0 and var tab) run.ReadImage(lines[row][..tab]).Seen.Values.CopyTo(values, row * each);
            else hidden.AsSpan(row * R, R).Fill(1);
        return new(tensor(values, [lines.Length, shape.Channels, shape.Size, shape.Size]).SendTo(run.Device), Hidden: tensor(hidden, [lines.Length, R]).SendTo(run.Device));
    }

    protected override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        NativeLibraries.Load();
        using var pairs = ImageTextRun.Open(run, NativeLibraries.Cpu);
        var weights = OnnxExport.WeightsOf(pairs.Model, request);
        var answers = pairs.Answers.Count > 0;
        return OnnxExport.Write(run, request, weights, new()
        {
            Kind = NameOf(run), Task = answers ? "answer" : "match", Context = pairs.Model.Context, Vocabulary = pairs.Tokenizer.VocabularySize, Begin = pairs.Special.Begin,
            End = pairs.Special.End, Padding = pairs.Special.Padding, Mask = pairs.Special.Mask, Labels = answers ? pairs.Answers : null, Image = pairs.Input.Transform,
        }, ("model.onnx", OnnxVilbert.Build((VilbertConfig)run.Config.Model, pairs.Model.Shape, weights)));
    }

    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        using var pairs = ImageTextRun.Open(run, device);
        if (pairs.Input.Transform is not { } transform) throw new UserException("the model reads region features, not an image's pixels: there is no image to draw its attention on");
        var (image, _) = pairs.ReadImage(subject.Image ?? throw new UserException("--image must be given, with an image file"));
        return CoAttentionPlot.Of(pairs.Model, pairs.Tokenizer, pairs.Encode(subject.RequiredText), transform, image, device, subject.Choice);
    }

    public override Picture DrawPatches(TrainedRun run, string? image)
    {
        NativeLibraries.Load();
        using var pairs = ImageTextRun.Open(run, NativeLibraries.Cpu);
        using var filters = StoredWeights.Find(run.Checkpoint, "patch_emb.weight") ?? throw new UserException("the model reads region features, so it has no patch embedding");
        return PatchesPlot.Of(filters, image is null ? null : pairs.Input.Transform!.Fit(pairs.ReadImage(image).Image));
    }

    public override Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1) =>
        TokenPositions.Draw(new LearnedPositionsConfig(), weights, "", Math.Min(count, ((VilbertConfig)model).Context), ((VilbertConfig)model).Text.Width, ((VilbertConfig)model).Text.Heads, bidirectional: true);

    private protected override DataProfile ReadProfile(RunConfig run, ImageTextDataConfig data, VilbertConfig model, TrainingOptions options)
    {
        var prepared = PreparedPairs.Open(data, model, options, DataProfile.Silent, default);
        var regions = model.Patch is { } patch ? prepared.Input.Transform!.Size / patch * (prepared.Input.Transform!.Size / patch) : prepared.Splits.Train.Regions!(prepared.Train.Examples[0]).Boxes.Length;
        return Profile(model.VocabularyFor(prepared.Tokenizer), new ImageShape(prepared.Input.Transform?.Size ?? 1, prepared.Input.Channels, prepared.Train.Classes.Count),
            run.Training.Batch.RowsOf("images with text"), (long)Math.Ceiling(prepared.Train.MeanTokens), regions) with { RegionClasses = prepared.Input.RegionClasses };
    }

    private protected override DataProfile AssumeProfile(ImageTextDataConfig data, VilbertConfig model, BatchConfig batch) =>
        Profile(DataProfile.AssumedVocabulary(model, data.Tokenizer), new ImageShape(data.Input?.Size ?? 1, data.Input?.Channels ?? 2048, AssumedAnswers), batch.RowsOf("images with text"),
            Math.Min(DataProfile.AssumedTokens, model.Context), model.Patch is { } patch ? data.Input!.Size / patch * (data.Input.Size / patch) : data.Regions!.Most) with
        {
            Notes = [$"{AssumedAnswers} answers and texts of {Math.Min(DataProfile.AssumedTokens, model.Context)} tokens are assumed"],
        };

    private protected override DataProfile ProfileAlone(VilbertConfig model) =>
        throw new UserException("without data, a model of kind vilbert cannot be inspected: its images and answers come from the data", "inspect a config that also has data");

    static DataProfile Profile(int vocabulary, ImageShape image, int rows, long tokens, long regions) =>
        new() { Vocabulary = vocabulary, Image = image, Classes = image.Classes, Batches = [new(rows, tokens, 1 + regions, rows, rows)] };

    static PairShape ShapeOf(DataProfile data) => new(data.Vocabulary, data.Classes, data.Image!.Value.Size, data.Image.Value.Channels, data.RegionClasses);

    private protected override SmallModel OneOfEachBlock(VilbertConfig model, DataProfile data) =>
        new(new Vilbert(model with { CoLayers = 1, Text = model.Text with { Layers = Math.Min(1, model.Text.Layers) }, Image = model.Image with { Layers = Math.Min(1, model.Image.Layers) } }, ShapeOf(data)), ("text_blocks.", [model.Text.Layers]), ("image_blocks.", [model.Image.Layers]), ("co_blocks.", [model.CoLayers]));

    private protected override StepWork CreateWork(VilbertConfig config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = new Vilbert(config, ShapeOf(data), generator).to(device);
        return new(model, shape =>
        {
            var (B, T, R) = ((int)shape.Rows, (int)shape.Source, shape.Target - 1);
            var ids = StepWork.Ids(data.Vocabulary, [B, T], device);
            var (size, channels) = (model.Shape.Size, model.Shape.Channels);
            var images = model.Patches > 0 ? new ImageTensors(randn([B, channels, size, size], device: device))
                : new ImageTensors(randn([B, R, channels], device: device), rand([B, R, 5], device: device));
            var labels = StepWork.Labels(B, data.Classes, device);
            int[] lengths = [.. Enumerable.Repeat(T, B)];
            return () =>
            {
                var (text, image) = model.forward(ids, lengths, images);
                var joint = model.Joint(text, image);
                return LossSum.Of(data.Classes > 0 ? model.AnswerLogits(joint) : model.MatchLogits(joint), labels, smoothing).Objective;
            };
        });
    }
}
