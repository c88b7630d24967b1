using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A kind of model that predicts the next token of text.</summary>
/// <typeparam name="TModel">Its config.</typeparam>
/// <typeparam name="TModule">Its module.</typeparam>
public abstract class LanguageModelKind<TModel, TModule> : Kind<TModel, TextDataConfig> where TModel : ModelConfig, ITextModelConfig where TModule : nn.Module, ILanguageModel
{
    /// <summary>Creates the model with freshly initialised weights.</summary>
    protected abstract TModule Create(TModel model, int vocabulary, Generator? generator = null);

    /// <summary>The number of tokens that the model sees at once.</summary>
    protected abstract int ContextOf(TModel model);

    TModule Load(TrainedRun run, TextTokenizer tokenizer, Device device)
    {
        var model = (TModel)run.Config.Model;
        return run.Fill(Create(model, model.VocabularyFor(tokenizer)).to(device));
    }

    /// <inheritdoc/>
    protected sealed override TaskSetup CreateTask(RunConfig run, TextDataConfig data, TModel model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        NextTokenTask.Prepare(run, data, ContextOf(model), tokenizer =>
        {
            using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
            return Create(model, model.VocabularyFor(tokenizer), generator).to(options.Device);
        }, options, observer, stop);

    /// <inheritdoc/>
    public override string Example => "token";

    internal sealed override RunConfig Resolve(RunConfig run, TrainingOptions options) => DocumentStarts.Resolve(run, options);

    /// <inheritdoc/>
    public sealed override bool StartsDocuments(DataConfig data) => DocumentStarts.BeforePrompts(data);

    /// <summary>The loss over a whole split, split into rows as in training: blocks of the context without overlap, or documents.</summary>
    /// <inheritdoc/>
    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        PredictionFile.Refuse(options, "score prints the loss of each text");
        if (options.Split is { } split && options.Data is not null)
            throw new UserException($"--split ({split}): text given with --data is evaluated as a whole", "leave --split out");
        if (options.Split is { } asked) CheckSplit(run.Config, asked);
        var tokenizer = run.LoadTokenizer();
        using var model = Load(run, tokenizer, options.Device);
        using var data = options.Processes.InTurns(() => Open(run, tokenizer, options));
        if (options.Data is not null)
            foreach (var (note, isWarning) in TextNotes.Of(data.Manifest.Counts))
                if (isWarning) options.Warn?.Invoke(note);
        var sequence = options.Data is null ? data.Validation : data.Train;
        var summary = options.Data is null ? data.Manifest.Validation : data.Manifest.Train;
        var batches = run.Config.Data is TextDataConfig { Batches: var kind } ? kind : new RandomBatchesConfig();
        // Text given with --data is scored as score does; the run's own split as in training.
        var start = options.Data is not null || batches is PackedBatchesConfig ? DocumentStarts.BeforeGiven(run.Config.Data, tokenizer) : null;
        if (sequence.Count < 2) throw new UserException("there is no validation text, because the run held nothing out", "name text with --data");
        var cut = DocumentStarts.Cut(batches, sequence, start, options.BatchSize ?? Math.Clamp(8192 / model.Context, 1, 64), model.Context);
        var (sum, targets) = SumLosses(model, cut.Counted(sequence.Count, options.Progress, batch => batch.TargetCount), options);
        if (targets == 0) throw new UserException("no document in the text has a token to predict", "name a different text with --data");
        var loss = sum / targets;
        return new EvaluationResult
        {
            Run = name,
            Checkpoint = run.Checkpoint.Step,
            Split = options.Data is null ? "validation" : "data",
            Examples = targets,
            Metrics = new Dictionary<string, double>
            {
                ["loss"] = loss,
                ["perplexity"] = Math.Exp(loss),
                ["bits_per_byte"] = loss * summary.Tokens / Math.Max(1, summary.Bytes) / Math.Log(2),
            },
        };
    }

    internal sealed override void CheckSplit(RunConfig run, string split)
    {
        if (split != "validation") throw new UserException($"--split ({split}): text has only a validation split", "leave --split out, or name a different text with --data");
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> EvaluationMetrics(TrainedRun run) => ["loss", "perplexity", "bits_per_byte"];

    static (double sum, long targets) SumLosses(TModule model, IEnumerable<TextBatch> batches, EvaluationOptions options)
    {
        using var inference = inference_mode();
        Precisions.Apply(model, options.Precision);
        using var decoder = options.Quantized ? new LanguageDecoder(model, options.Device, new DecoderFormat(options.Precision, Quantized: true)) : null;
        return LossPart.Add(options.Processes.Divide(batches, batch =>
        {
            using var scope = NewDisposeScope();
            return new LossPart(decoder?.LossOf(Array.ConvertAll(batch.Inputs, id => (int)id), TokenLoss.TargetsOf(batch, 0, batch.Rows), batch.Rows)
                ?? TokenLoss.Sum(model, batch, 0, batch.Rows, options.Device).CrossEntropy.to(ScalarType.Float64).item<double>(), batch.TargetCount);
        }));
    }

    // Other text is evaluated as a whole: none of it is held out.
    static PreparedData Open(TrainedRun run, TextTokenizer tokenizer, EvaluationOptions options)
    {
        if (options.Data is { } path)
        {
            if (!File.Exists(path) && !Directory.Exists(path)) throw new UserException([new Problem("the file or folder does not exist", path, Path: "--data", Hint: Suggestion.ForPath(path))]);
            var files = run.Config.Data is TextDataConfig own ? TextSources.WithFiles(own.Source, path) : new TextFilesConfig { Files = [path] };
            return DataPreparation.Prepare(new PreparationOptions(new FileTextSource(files), tokenizer, 0, HoldoutMode.Tail), options.Cache);
        }
        if (run.Config.Data is not TextDataConfig text) throw new UserException("the run was not trained on text", "name text with --data");
        if (PreparedData.FolderOf(text.Source) is { } folder) return PreparedData.Open(folder, tokenizer);
        return DataPreparation.Prepare(DataPreparation.OptionsOf(text, TextSources.Of(text.Source), tokenizer), options.Cache);
    }

    /// <inheritdoc/>
    public override TextScorer OpenScorer(TrainedRun run, Device device, Precision precision = Precision.Fp32, int? stride = null)
    {
        var tokenizer = run.LoadTokenizer();
        return new LanguageModelScorer(Load(run, tokenizer, device), tokenizer, DocumentStarts.BeforeGiven(run.Config.Data, tokenizer), device, precision, stride);
    }

    /// <inheritdoc/>
    public override Embedder OpenEmbedder(TrainedRun run, Device device)
    {
        var tokenizer = run.LoadTokenizer();
        var model = Load(run, tokenizer, device);
        // Padding is at the end, so no earlier token attends to it.
        return new Embedder(model, (ids, _) => model.Hidden(ids), run.Config.Model.Width, padding: 0, device,
            text => tokenizer.EncodeToIds(text).Take(model.Context).ToArray() is { Length: > 0 } ids ? ids : throw new UserException("a text without a token has no embedding"));
    }

    /// <inheritdoc/>
    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        var tokenizer = run.LoadTokenizer();
        using var model = Load(run, tokenizer, device);
        return AttentionPlot.Of(model, tokenizer, subject.RequiredText, device, subject.Choice).Draw();
    }

    private protected sealed override DataProfile ReadProfile(RunConfig run, TextDataConfig data, TModel model, TrainingOptions options)
    {
        var context = ContextOf(model);
        var rows = run.Training.Batch.Sequences ?? run.Training.Batch.Tokens!.Value / context;
        var tokens = (long)rows * context;
        var notes = new List<string>();
        return new()
        {
            Vocabulary = model.Vocabulary ?? DataProfile.VocabularyOf(data, notes),
            Batches = [new(rows, context, 0, tokens, tokens)],
            Notes = notes,
        };
    }

    private protected sealed override DataProfile ProfileAlone(TModel model) =>
        DataProfile.OfText(model, new(1, ContextOf(model), 0, ContextOf(model), ContextOf(model)), []);

    internal sealed override DataProfile ProfileStep(ModelConfig model, StepRequest request)
    {
        var context = ContextOf((TModel)model);
        var (vocabulary, rows) = (request.VocabularyOf((TModel)model), request.Rows(context));
        return new() { Vocabulary = vocabulary, Batches = [new(rows, context, 0, (long)rows * context, (long)rows * context)] };
    }

    private protected override SmallModel OneOfEachBlock(TModel model, DataProfile data) => new(Create(model, data.Vocabulary));

    private protected sealed override StepWork CreateWork(TModel config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = Create(config, data.Vocabulary, generator).to(device);
        return new(model, shape =>
        {
            var ids = StepWork.Ids(data.Vocabulary, [shape.Rows, shape.Source], device);
            var targets = StepWork.Ids(data.Vocabulary, [shape.Rows * shape.Source], device);
            return () => LinearCrossEntropy.Sum(model.Hidden(ids).view(targets.numel(), -1), model.OutputWeight, targets, model.Compute, smoothing).Objective;
        });
    }
}
