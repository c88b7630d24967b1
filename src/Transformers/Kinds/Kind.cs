using Transformers.Configs;
using Transformers.Data;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>What the program can do with one kind of model: train, evaluate, score, embed, draw and inspect.</summary>
/// <remarks>
/// A new kind is a config record with <see cref="KindAttribute"/>, its module, and a class derived from <see cref="Kind{TModel, TData}"/> in the
/// record's assembly. Whatever it does not override is refused with a message.
/// </remarks>
public abstract class Kind
{
    static readonly ConcurrentDictionary<Type, Kind> Known = new();

    /// <summary>The kind of a model.</summary>
    public static Kind For(ModelConfig model) => Known.GetOrAdd(model.GetType(), Find);

    /// <summary>The kind of a run's model.</summary>
    public static Kind For(TrainedRun run) => For(run.Config.Model);

    static Kind Find(Type model) => model.Assembly.GetTypes().Where(type => !type.IsAbstract && type.IsSubclassOf(typeof(Kind)))
        .Select(type => (Kind)Activator.CreateInstance(type, nonPublic: true)!).FirstOrDefault(kind => kind.Model == model)
        ?? throw new InvalidOperationException($"no class derived from {nameof(Kind)} handles {model.Name}");

    /// <summary>The type of its config.</summary>
    public abstract Type Model { get; }

    /// <summary>Whether it turns one text into another, with a search over outputs.</summary>
    public virtual bool Translates => false;

    /// <summary>What it reads.</summary>
    public virtual ModelInput Input => ModelInput.Text;

    /// <summary>What an example of an evaluation is called.</summary>
    public virtual string Example => Input switch { ModelInput.Images => "image", ModelInput.Series => "window", ModelInput.Sounds => "recording", ModelInput.Pairs => "pair", _ => "text" };

    /// <summary>Whether it classifies its input.</summary>
    public virtual bool Classifies => false;

    /// <summary>Text with the settings that depend on the data, as in training.</summary>
    public static TextDataConfig ResolveText(TextDataConfig data) => DocumentStarts.Resolve(data);

    /// <summary>Decides the settings that depend on the data or on an earlier part of the run, so that the run records them.</summary>
    /// <exception cref="UserException">The data cannot be read.</exception>
    internal virtual RunConfig Resolve(RunConfig run, TrainingOptions options) => run;

    /// <summary>Prepares the data, and creates the model and the training task that a config describes.</summary>
    /// <exception cref="UserException">The data cannot be read, or the model does not fit them.</exception>
    public abstract TaskSetup CreateTask(RunConfig run, TrainingOptions options, ITrainingObserver observer, StopRequest stop);

    /// <summary>Evaluates a run on a split, or on other data.</summary>
    /// <param name="name">The run's name for the document.</param>
    /// <param name="options">Data, split, device and precision.</param>
    /// <param name="cancel">Cancels between two batches.</param>
    /// <exception cref="UserException">The data cannot be read, or this kind cannot be evaluated.</exception>
    public virtual EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default) =>
        throw new UserException($"a run of kind {NameOf(run)} cannot be evaluated");

    /// <summary>The names of the metrics of an evaluation; null if they are not known in advance.</summary>
    public virtual IReadOnlyList<string>? EvaluationMetrics(TrainedRun run) => null;

    /// <summary>Refuses a split on which runs of a config cannot be evaluated, as far as that is known before training.</summary>
    /// <exception cref="UserException">The runs have no such split.</exception>
    internal virtual void CheckSplit(RunConfig run, string split)
    {
        if (split is not ("train" or "validation" or "test")) throw new UserException($"--split ({split}) must be train, validation or test");
    }

    /// <summary>Whether each prompt of <c>generate</c> is read as the beginning of a document, as training read all text.</summary>
    public virtual bool StartsDocuments(DataConfig data) => false;

    /// <summary>Opens a scorer, which computes the probabilities of tokens.</summary>
    /// <param name="precision">The type of products.</param>
    /// <param name="stride">For a language model: the number of tokens that each further window of a long text scores; null for the whole context.</param>
    /// <exception cref="UserException">This kind has no token probabilities, or does not support the stride.</exception>
    public virtual TextScorer OpenScorer(TrainedRun run, Device device, Precision precision = Precision.Fp32, int? stride = null) =>
        throw new UserException($"a run of kind {NameOf(run)} has no token probabilities", "score reads runs of kind gpt, seq2seq, and encoder with a masked head");

    /// <summary>Opens what fills in the masked tokens of texts; null if the run was not trained to do so.</summary>
    public virtual MaskPredictor? OpenMaskPredictor(TrainedRun run, Device device) => null;

    /// <summary>Opens an embedder, which turns texts into vectors.</summary>
    /// <exception cref="UserException">This kind does not read text.</exception>
    public virtual Embedder OpenEmbedder(TrainedRun run, Device device) => throw new UserException($"the run is of kind {NameOf(run)}, which does not read text");

    /// <summary>Writes a run's model in the format of other programs.</summary>
    /// <param name="request">The format, the output and the type of weights.</param>
    /// <exception cref="UserException">The format does not support this model, or the output cannot be written.</exception>
    public ExportResult Export(TrainedRun run, ExportRequest request) => request.Format switch
    {
        ExportFormat.HuggingFace => ExportToHuggingFace(run, request),
        ExportFormat.Onnx => ExportToOnnx(run, request),
        ExportFormat.Gguf => ExportToGguf(run, request),
        _ => throw new ArgumentOutOfRangeException(nameof(request), request.Format, "a format without a writer"),
    };

    /// <summary>Writes a folder for Hugging Face's transformers library.</summary>
    /// <exception cref="UserException">The library has no layout for this model.</exception>
    protected virtual ExportResult ExportToHuggingFace(TrainedRun run, ExportRequest request) => throw NoExport(run, request);

    /// <summary>Writes a folder with a graph for ONNX Runtime.</summary>
    /// <exception cref="UserException">This model cannot be exported to a graph.</exception>
    protected virtual ExportResult ExportToOnnx(TrainedRun run, ExportRequest request) => throw NoExport(run, request);

    /// <summary>Writes a file for llama.cpp.</summary>
    /// <exception cref="UserException">llama.cpp does not support this model.</exception>
    protected virtual ExportResult ExportToGguf(TrainedRun run, ExportRequest request) => throw NoExport(run, request);

    static UserException NoExport(TrainedRun run, ExportRequest request) =>
        new($"a run of kind {NameOf(run)} cannot be exported to {ExportRequest.NameOf(request.Format)}", "the table in docs/interchange.md lists the kinds that each format supports");

    /// <summary>Draws a run's attention.</summary>
    /// <param name="subject">The text, the pair or the image.</param>
    /// <exception cref="UserException">The kind needs another subject, or has no such layer or head.</exception>
    public virtual Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device) =>
        throw new UserException($"a model of kind {NameOf(run)} has no attention map");

    /// <summary>Draws the patches of an image model.</summary>
    /// <param name="image">An image file to split into patches; null for none.</param>
    /// <exception cref="UserException">The run is of a different kind.</exception>
    public virtual Picture DrawPatches(TrainedRun run, string? image) =>
        throw new UserException($"the run is of kind {NameOf(run)}, but this needs an image model with patches (vit or swin)");

    /// <summary>Draws a forecast with its band.</summary>
    /// <param name="path">Another table, whose next steps are forecast; null for the run's last held-out window.</param>
    /// <param name="series">The name of the series; null for the first.</param>
    /// <exception cref="UserException">The run is of a different kind, or the series does not exist.</exception>
    public virtual Picture DrawForecast(TrainedRun run, string? path, string? series, Device device) =>
        throw new UserException($"the run is of kind {NameOf(run)}, but this needs a forecasting model (patchtst or series_decoder)");

    /// <summary>Draws how a model encodes positions.</summary>
    /// <param name="weights">Finds a tensor of the run by the end of its name; null for none.</param>
    /// <param name="count">The number of positions to show.</param>
    /// <param name="layer">The block of a Swin, from 1.</param>
    /// <exception cref="UserException">The positions are learned, but there is no trained run.</exception>
    public virtual Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1) =>
        throw new UserException($"a model of kind {KindAttribute.Of(model)} has no positions to draw");

    /// <summary>Reads a config's data as training does; if there are none, notes what is assumed instead.</summary>
    internal abstract DataProfile ReadProfile(RunConfig run, TrainingOptions options);

    /// <summary>The batch that is assumed for a model without data: a full context, a pair or a text of some length, or one image.</summary>
    internal abstract DataProfile ProfileAlone(ModelConfig model);

    /// <summary>The batch of random inputs that <c>bench step</c> measures.</summary>
    internal abstract DataProfile ProfileStep(ModelConfig model, StepRequest request);

    /// <summary>The model's parameters, counted without creating more than one block of each stack.</summary>
    internal abstract IReadOnlyList<ParameterShape> ListParameters(ModelConfig model, DataProfile data);

    /// <summary>Creates the model and its loss on random inputs.</summary>
    internal abstract StepWork CreateWork(ModelConfig model, DataProfile data, double smoothing, Device device, Generator generator);

    private protected static string NameOf(TrainedRun run) => KindAttribute.Of(run.Config.Model);
}

/// <summary>A kind of model that is trained on one kind of data.</summary>
/// <typeparam name="TModel">Its config.</typeparam>
/// <typeparam name="TData">The data.</typeparam>
public abstract class Kind<TModel, TData> : Kind where TModel : ModelConfig where TData : DataConfig
{
    /// <inheritdoc/>
    public sealed override Type Model => typeof(TModel);

    /// <inheritdoc/>
    public sealed override TaskSetup CreateTask(RunConfig run, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var data = DataOf(run);
        // Checked before the data are prepared, which may take long.
        if (options.TakenFrom is { } from) WarmStart.CheckModel(TrainedRun.Open(from), from, run);
        try
        {
            return CreateTask(run, data, (TModel)run.Model, options, observer, stop);
        }
        // What is wrong with the data is reported at the setting that names them.
        catch (UserException exception) when (exception.GetType() == typeof(UserException))
        {
            throw new UserException([.. exception.Problems.Select(problem => problem.Path is not null || problem.Line is not null ? problem : problem with
            {
                Message = problem.File is null ? problem.Message : $"{problem.File}: {problem.Message}",
                File = null,
                Path = "data.source",
                Hint = problem.Hint ?? "name other data here, or with --data",
            })], exception);
        }
    }

    /// <summary>Prepares the data, and creates the model and the training task.</summary>
    protected abstract TaskSetup CreateTask(RunConfig run, TData data, TModel model, TrainingOptions options, ITrainingObserver observer, StopRequest stop);

    internal sealed override DataProfile ReadProfile(RunConfig run, TrainingOptions options)
    {
        var data = DataOf(run);
        try
        {
            return ReadProfile(run, data, (TModel)run.Model, options);
        }
        catch (UserException exception)
        {
            if (AssumeProfile(data, (TModel)run.Model, run.Training.Batch) is not { } profile) throw;
            return profile with { Notes = [$"the data were not read ({exception.Problems[0].Message}): their batch sizes are assumed", .. profile.Notes] };
        }
    }

    private protected abstract DataProfile ReadProfile(RunConfig run, TData data, TModel model, TrainingOptions options);

    /// <summary>What is assumed if the data cannot be read; null for nothing.</summary>
    private protected virtual DataProfile? AssumeProfile(TData data, TModel model, BatchConfig batch) => null;

    internal sealed override DataProfile ProfileAlone(ModelConfig model) => ProfileAlone((TModel)model);

    // A batch of the sizes that the data's config gives, or the model alone, with the requested number of rows.
    internal override DataProfile ProfileStep(ModelConfig model, StepRequest request)
    {
        var profile = request.Run is { } run ? AssumeProfile(DataOf(run), (TModel)model, run.Training.Batch) ?? throw new InvalidOperationException($"{GetType().Name} assumes nothing about its data") : ProfileAlone((TModel)model);
        request.Notes.AddRange(profile.Notes);
        var shape = profile.Batches[0];
        return profile with
        {
            Vocabulary = (model as TextModelConfig)?.Vocabulary ?? request.Tokens ?? profile.Vocabulary,
            Smoothing = request.Run?.Training.LabelSmoothing ?? 0,
            Batches = [shape.OfRows(request.Rows((int)Math.Max(1, shape.Source)))],
        };
    }

    private protected abstract DataProfile ProfileAlone(TModel model);

    internal sealed override IReadOnlyList<ParameterShape> ListParameters(ModelConfig model, DataProfile data)
    {
        using var scope = NewDisposeScope();
        using var small = OneOfEachBlock((TModel)model, data);
        return ParameterTable.Repeat(ParameterTable.Of(small.Model), small.Stacks);
    }

    /// <summary>The model with only one block of each stack.</summary>
    private protected abstract SmallModel OneOfEachBlock(TModel model, DataProfile data);

    internal sealed override StepWork CreateWork(ModelConfig model, DataProfile data, double smoothing, Device device, Generator generator) =>
        CreateWork((TModel)model, data, smoothing, device, generator);

    private protected abstract StepWork CreateWork(TModel model, DataProfile data, double smoothing, Device device, Generator generator);

    static TData DataOf(RunConfig run) => run.Data as TData
        ?? throw new UserException($"data of kind {KindAttribute.Of(run.Data)} do not train a model of kind {KindAttribute.Of(run.Model)}");
}

/// <summary>A task created from a config, with everything about it that a run folder must store.</summary>
public sealed class TaskSetup : IDisposable
{
    /// <summary>The task.</summary>
    public required TrainingTask Task { get; init; }
    /// <summary>The preprocessing files, name and content: a tokenizer, or an image transform. Each checkpoint stores them.</summary>
    public required IReadOnlyDictionary<string, byte[]> Files { get; init; }
    /// <summary>The hash of those files.</summary>
    public required string FilesHash { get; init; }
    /// <summary>The names of the classes, in the order of the model's scores; null if it has none.</summary>
    public IReadOnlyList<string>? Labels { get; init; }
    /// <summary>The number of units of throughput, from the number of targets.</summary>
    public Func<long, double> UnitsOf { get; init; } = targets => targets;

    /// <summary>Frees the data and the model.</summary>
    public void Dispose()
    {
        Task.Dispose();
        Task.Model.Dispose();
    }
}
