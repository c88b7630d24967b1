using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Evaluation;
using Transformers.Generators;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Encoders on labelled text, with a head that predicts masked tokens or the class of a text.</summary>
sealed class EncoderKind : Kind<EncoderConfig, LabelledDataConfig>
{
    public override bool Classifies => true;

    protected override TaskSetup CreateTask(RunConfig run, LabelledDataConfig data, EncoderConfig model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        LabelledTexts.Prepare(run, data, model, options, observer, stop);

    // For a classifier the loss, accuracy, F1 and confusion matrix; for masked tokens the loss and accuracy.
    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw NoDecoder(run);
        if (run.Config.Data is not LabelledDataConfig data) throw new UserException("the run was not trained on labelled text");
        if (((EncoderConfig)run.Config.Model).Head is MaskedHeadConfig) PredictionFile.Refuse(options, "leave it out: masked tokens have no answers to list");
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var split = (options.Data is { } folder ? data.Source.At(folder).Open() : data.Open()).Choose(options.Split, File.Exists(options.Data));
        options.WarnOfText(split.Files);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadEncoder(tokenizer, options.Device);
        Precisions.Apply(model, Precisions.Resolve(options.Precision, options.Device));
        var special = SpecialIds.Of(tokenizer);
        var classes = model is TextClassifier ? run.LoadClasses() : null;
        var broken = new List<string>();
        List<LabelledExample> examples = [.. LabelledTexts.Readable(split.Read(), split.Name, broken, (tokenizer, example => example.Text))];
        if (examples.Count == 0) throw new UserException($"the split {split.Name} contains no texts that the model can read", broken.FirstOrDefault());
        var corpus = LabelledCorpus.Encode(examples, tokenizer, special, classes, Math.Min(data.MaxLength, model.Encoder.Context), split.Files.FirstOrDefault());
        using var inference = no_grad();
        if (model is not TextClassifier classifier)
        {
            var head = (MaskedHeadConfig)((EncoderConfig)run.Config.Model).Head;
            // The same tokens are masked as in the run's own validation.
            using var task = new MaskedTokenTask((MaskedTokenModel)model, tokenizer, corpus.Tokens, corpus.Tokens, head, run.Config, options.Device);
            task.Processes = options.Processes;
            return Result(MaskedMetrics(task, corpus.Tokens.Tokens, options.Progress, cancel));
        }
        var tally = new ClassifierTally(classes!, predictions.Add);
        var batches = new LabelledBatches(corpus, special, new BucketOptions { Sequences = options.BatchSize ?? 64, Shuffle = false });
        var positions = LabelledTexts.Positions(batches.BatchesPerEpoch, null).ToList();
        foreach (var (logits, position) in options.Processes.DivideStream(positions.Counted(positions.Count, options.Progress), LogitsAt).Zip(positions))
        {
            var batch = batches.At(position);
            tally.Add(logits, [.. batch.Labels.Select(label => (int)label)], row => examples[batch.Texts.Examples[row]].Text);
        }
        predictions.Complete();
        var report = tally.Report;
        return tally.Result(run, name, split.Name, new Dictionary<string, double> { ["accuracy"] = report.Accuracy, ["top1"] = report.Accuracy, ["macro_f1"] = report.MacroF1 })
            with { Broken = broken.Count == 0 ? null : broken };

        float[] LogitsAt(DataPosition position)
        {
            cancel.ThrowIfCancellationRequested();
            return TextClassification.Logits(classifier, batches.At(position).Texts, options.Device);
        }

        EvaluationResult Result(IReadOnlyDictionary<string, double> values) =>
            new() { Run = name, Checkpoint = run.Checkpoint.Step, Split = split.Name, Examples = corpus.Count, Metrics = values, Broken = broken.Count == 0 ? null : broken };
    }

    public override IReadOnlyList<string> EvaluationMetrics(TrainedRun run) =>
        ((EncoderConfig)run.Config.Model).Head is MaskedHeadConfig ? ["loss", "perplexity", "masked_accuracy"] : ["loss", "accuracy", "top1", "macro_f1"];

    static Dictionary<string, double> MaskedMetrics(MaskedTokenTask task, long tokens, Action<double>? progress, CancellationToken cancel)
    {
        var (sum, targets) = LossPart.Add(task.Processes.Divide(task.Validation(null).Counted(tokens, progress, batch => batch.Units), batch =>
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            return new LossPart(batch.LossSum().CrossEntropy.to(ScalarType.Float64).item<double>(), batch.Targets);
        }));
        return new Dictionary<string, double>(task.Metrics(whole: true)) { ["loss"] = sum / targets, ["perplexity"] = Math.Exp(sum / targets) };
    }

    internal override void CheckSplit(RunConfig run, string split) => ((LabelledDataConfig)run.Data).Open().Choose(split, file: false);

    /// <summary>Refuses what only decoders support.</summary>
    internal static UserException NoDecoder(TrainedRun run) => new($"--quantize int8 is for decoders, but a run of kind {NameOf(run)} has none", "leave it out");

    protected override ExportResult ExportToHuggingFace(TrainedRun run, ExportRequest request) => HuggingFaceExport.Write(run, request, (EncoderConfig)run.Config.Model);

    public override TextScorer OpenScorer(TrainedRun run, Device device, Precision precision = Precision.Fp32, int? stride = null)
    {
        if (stride is not null) throw LanguageModelScorer.StrideRefused;
        if (((EncoderConfig)run.Config.Model).Head is not MaskedHeadConfig)
            throw new UserException("the run classifies texts, so it has no token probabilities", "predict prints the probability of each class");
        return new MaskedScorer(run, device, precision);
    }

    public override MaskPredictor? OpenMaskPredictor(TrainedRun run, Device device) =>
        ((EncoderConfig)run.Config.Model).Head is MaskedHeadConfig ? new MaskPredictor(run, device) : null;

    public override Embedder OpenEmbedder(TrainedRun run, Device device)
    {
        var tokenizer = run.LoadTokenizer();
        var model = run.LoadEncoder(tokenizer, device);
        var special = SpecialIds.Of(tokenizer);
        return new Embedder(model, (ids, mask) => model.Encoder.forward(ids, mask), run.Config.Model.Width, special.Padding, device,
            text => [special.Begin, .. tokenizer.EncodeToIds(text).Take(model.Encoder.Context - 2), special.End]);
    }

    protected override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadEncoder(tokenizer, NativeLibraries.Cpu);
        var weights = OnnxExport.WeightsOf(model, request);
        var config = (EncoderConfig)run.Config.Model;
        var special = SpecialIds.Of(tokenizer);
        var labels = model is TextClassifier ? run.LoadClasses() : null;
        return OnnxExport.Write(run, request, weights, new()
        {
            Kind = NameOf(run), Task = labels is null ? "fill_mask" : "classify_text", Context = model.Encoder.Context, Vocabulary = tokenizer.VocabularySize,
            Begin = special.Begin, End = special.End, Padding = special.Padding, Mask = special.Mask, Labels = labels,
        }, ("model.onnx", OnnxEncoder.Build(config, config.VocabularyFor(tokenizer), labels?.Count ?? 0, weights)));
    }

    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadEncoder(tokenizer, device);
        return AttentionPlot.Of(model, tokenizer, subject.RequiredText, device, subject.Choice).Draw();
    }

    public override Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1)
    {
        var encoder = (EncoderConfig)model;
        return TokenPositions.Draw(encoder.Positions, weights, "", Math.Min(count, encoder.Context), encoder.Width, encoder.Heads, bidirectional: true);
    }

    private protected override DataProfile ReadProfile(RunConfig run, LabelledDataConfig data, EncoderConfig model, TrainingOptions options)
    {
        var (tokenizer, train, _) = LabelledTexts.Read(data, model, options, DataProfile.Silent, default);
        var batches = new LabelledBatches(train, SpecialIds.Of(tokenizer), LabelledTexts.BatchesOf(run, train.Tokens));
        return new()
        {
            Vocabulary = model.Vocabulary ?? tokenizer.VocabularySize, Classes = train.Classes.Count,
            Batches = [.. LabelledTexts.Positions(batches.BatchesPerEpoch, DataProfile.SeenBatches).Select(batches.At).Select(one =>
            {
                var tokens = one.Texts.Lengths.Sum(length => (long)length);
                return new BatchShape(one.Texts.Rows, one.Texts.Width, 0, TargetsOf(model, one.Texts.Rows, tokens), tokens);
            })],
        };
    }

    private protected override DataProfile AssumeProfile(LabelledDataConfig data, EncoderConfig model, BatchConfig batch)
    {
        var length = Math.Min(DataProfile.AssumedTokens, Math.Min(data.MaxLength, model.Context));
        long rows = batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
        return new()
        {
            Vocabulary = DataProfile.AssumedVocabulary(model, data.Tokenizer), Classes = 2,
            Batches = [new(rows, length, 0, TargetsOf(model, rows, rows * length), rows * length)],
            Notes = [$"texts of {length} tokens are assumed"],
        };
    }

    private protected override DataProfile ProfileAlone(EncoderConfig model) =>
        DataProfile.OfText(model, new(1, model.Context, 0, TargetsOf(model, 1, model.Context), model.Context), []);

    // The masked tokens, or the texts.
    static long TargetsOf(EncoderConfig model, long rows, long tokens) =>
        model.Head is MaskedHeadConfig head ? Math.Max(1, (long)(head.Share * tokens)) : rows;

    private protected override SmallModel OneOfEachBlock(EncoderConfig model, DataProfile data) =>
        new(EncoderModel.Create(model with { Layers = 1 }, data.Vocabulary, data.Classes), ("encoder.blocks.", [model.Layers]));

    private protected override StepWork CreateWork(EncoderConfig config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = EncoderModel.Create(config, data.Vocabulary, data.Classes, generator).to(device);
        return new(model, shape =>
        {
            var ids = StepWork.Ids(data.Vocabulary, [shape.Rows, shape.Source], device);
            var targets = StepWork.Ids(model is MaskedTokenModel ? data.Vocabulary : data.Classes, [Math.Min(shape.Targets, shape.Rows * shape.Source)], device);
            int[] lengths = [.. Enumerable.Repeat((int)shape.Source, (int)shape.Rows)];
            return () => model is MaskedTokenModel masked
                ? LinearCrossEntropy.Sum(masked.Transform(StepWork.First(masked.Encoder.forward(ids), targets.numel())), masked.OutputWeight, targets, masked.Compute, smoothing, masked.OutputBias).Objective
                : LossSum.Of(((TextClassifier)model).forward(ids, lengths).to(ScalarType.Float32), targets, smoothing).Objective;
        });
    }
}
