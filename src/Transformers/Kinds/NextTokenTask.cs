using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Predicts each next token of text.</summary>
sealed class NextTokenTask : StreamTask<TextBatch>
{
    const int PicturedTokens = 24;

    readonly ILanguageModel model;
    readonly PreparedData data;
    readonly Prefetcher<TextBatch> batches;
    readonly int rows;
    readonly TextTokenizer tokenizer;
    readonly RunConfig run;
    readonly TextDataConfig text;
    readonly ModelFlops flops;

    /// <summary>Creates a task on prepared text.</summary>
    public NextTokenTask(ILanguageModel model, TextTokenizer tokenizer, PreparedData data, ITextSampler sampler, int rows, RunConfig run, Device device) : base((nn.Module)model, run, device)
    {
        (this.model, this.tokenizer, this.data, this.rows, this.run) = (model, tokenizer, data, rows, run);
        text = (TextDataConfig)run.Data;
        flops = ModelFlops.OfTokens(run.Model, model.Vocabulary);
        batches = Prefetcher<TextBatch>.FromSampler(sampler);
    }

    /// <summary>Prepares the text and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig run, TextDataConfig data, int context, Func<TextTokenizer, ILanguageModel> makeModel, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var (tokenizer, prepared) = Read(data, options, observer, stop.Token);
        try
        {
            foreach (var (note, isWarning) in TextNotes.Of(prepared.Manifest.Counts))
                if (isWarning) observer.Warn(note);
                else observer.Note(note);
            var duplicates = prepared.Manifest.Duplicates;
            if (duplicates.ValidationDocuments > 0)
                observer.Warn($"{Amount.Of(duplicates.ValidationDocuments, "validation document is", "validation documents are")} also in the training text, so the validation loss is lower than that of unseen text");
            var rows = run.Training.Batch.Sequences ?? run.Training.Batch.Tokens!.Value / context;
            var train = Limited(prepared.Train, data.Limit);
            var sampler = CreateSampler(data.Batches, train, rows, context, SeedStreams.Of(run.Seed, "batches"), DocumentStarts.Before(data, tokenizer));
            var model = makeModel(tokenizer);
            observer.Note($"{train.Count:N0} training and {Amount.Of(prepared.Validation.Count, "validation token")}, vocabulary {tokenizer.VocabularySize:N0}");
            return new TaskSetup
            {
                Task = new NextTokenTask(model, tokenizer, prepared, sampler, rows, run, options.Device),
                Files = TokenizerPair.Files(tokenizer),
                FilesHash = tokenizer.Hash,
            };
        }
        catch
        {
            prepared.Dispose();
            throw;
        }
    }

    static (TextTokenizer, PreparedData) Read(TextDataConfig data, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        if (PreparedData.FolderOf(data.Source) is { } folder)
        {
            // Prepared text comes with its tokenizer.
            var own = TokenizerFile.Load(PreparedData.TokenizerPath(folder));
            if (options.TakenFrom is { } from && TrainedRun.Open(from).LoadTokenizer().Hash != own.Hash)
                throw new UserException([new Problem($"({folder}) was prepared with a different tokenizer from that of {from}, whose weights are used", Path: "data.source",
                    Hint: $"prepare the text with that tokenizer: transformer data prepare CONFIG --set 'data.tokenizer={{ kind: file, path: {from} }}'")]);
            return (own, PreparedData.Open(folder, own));
        }
        var source = TextSources.Of(data.Source);
        var tokenizer = options.TakenFrom is { } run ? WarmStart.Tokenizer(run, data.Tokenizer, other => (other.Data as TextDataConfig)?.Tokenizer)
            : TokenizerFactory.Create(data.Tokenizer, source, options.Cache, TokenizerFactory.SpecialTokensOf(data), progress: done => observer.OnPreparing("training the tokenizer", done), cancel: cancel);
        return (tokenizer, DataPreparation.Prepare(DataPreparation.OptionsOf(data, source, tokenizer), options.Cache, new PreparationReport(observer), cancel));
    }

    static TokenSequence Limited(TokenSequence train, long? limit)
    {
        if (limit is not { } most) return train;
        DataLimit.CheckEnough(most, train.Count, "tokens");
        return new TextBeginning(train, most);
    }

    static ITextSampler CreateSampler(BatchesConfig config, TokenSequence train, int rows, int length, ulong seed, int? start) => config switch
    {
        RandomBatchesConfig => new RandomWindows(train, rows, length, seed),
        SequentialBatchesConfig => new ShuffledBlocks(train, rows, length, seed),
        PackedBatchesConfig packed => new PackedDocuments(train, rows, length, seed, packed.Across, start: start),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of batches without a sampler"),
    };

    sealed class PreparationReport(ITrainingObserver observer) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) =>
            observer.OnPreparing("tokenizing", value.TotalBytes == 0 ? 1 : (double)value.Bytes / value.TotalBytes);
    }

    protected override IBatchStream<TextBatch> Stream => batches;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = batches.Next();
        return Slices(batch.Rows, (first, count) => new TokenBatch(this, batch, first, count, Config.LabelSmoothing));
    }

    /// <remarks>The loss does not depend on the number of rows; with as many as in a micro-batch, no more memory is needed than for a step.</remarks>
    public override IEnumerable<MicroBatch> Validation(int? count) =>
        DocumentStarts.Cut(text.Batches, data.Validation, text.Batches is PackedBatchesConfig ? DocumentStarts.Before(text, tokenizer) : null, Micro.Of(rows), model.Context, count)
            .Select(batch => new TokenBatch(this, batch, 0, batch.Rows, smoothing: 0));

    public override bool HasValidation => data.Validation.Count >= 2;

    public override IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double>
    {
        ["perplexity"] = Math.Exp(loss),
        ["bits_per_byte"] = loss * data.Manifest.Validation.Tokens / Math.Max(1, data.Manifest.Validation.Bytes) / Math.Log(2),
    };

    public override IReadOnlyList<string> Samples(CancellationToken cancel = default)
    {
        if (Config.Sample.Tokens == 0) return [];
        Model.eval();
        var options = new GenerationOptions { MaxNewTokens = Config.Sample.Tokens, Temperature = 0.8, TopP = 0.95, Seed = run.Seed, Slide = true };
        // In the run's own precision: otherwise the model would stay in another.
        using var generator = new Decoding.TextGenerator(model, tokenizer, Device) { StartsDocuments = DocumentStarts.BeforePrompts(text), Precision = Precisions.Resolve(Config.Precision, Device) };
        var completions = generator.Generate(Config.Sample.Prompts ?? [""], options, cancel: cancel);
        return [.. completions.Select(completion => completion.Prompt + completion.Text)];
    }

    public override IReadOnlyList<ModelPicture> Pictures()
    {
        var count = (int)Math.Min(PicturedTokens, Math.Min(model.Context, data.Validation.Count));
        if (count == 0) return [];
        var ids = new int[count];
        data.Validation.Read(0, ids);
        return [AttentionPlot.Of(model, tokenizer, ids, Device, AttentionPlot.Few).ToPicture("attention")];
    }

    public override void Dispose()
    {
        base.Dispose();
        data.Dispose();
    }

    /// <summary>Rows of a batch of text.</summary>
    sealed class TokenBatch(NextTokenTask task, TextBatch batch, int firstRow, int rows, double smoothing)
        : MicroBatch(Count(batch, firstRow, rows), (long)rows * batch.Length, firstRow)
    {
        static long Count(TextBatch batch, int firstRow, int rows) =>
            batch.LossMask is null ? (long)rows * batch.Length : batch.LossMask.AsSpan(firstRow * batch.Length, rows * batch.Length).Count(true);

        public override double Flops => task.flops.Of(new(rows, batch.Length, 0, Targets, Units));

        public override LossSum LossSum(RandomPosition random) => TokenLoss.Sum(task.model, batch, firstRow, rows, task.Device, smoothing, random);
    }
}

/// <summary>The loss of a language model over rows of a batch of text.</summary>
static class TokenLoss
{
    /// <summary>The sum over the counted targets, in nats.</summary>
    public static LossSum Sum(ILanguageModel model, TextBatch batch, int firstRow, int rows, Device device, double smoothing = 0, RandomPosition random = default)
    {
        var T = batch.Length;
        var range = new Range(firstRow * T, (firstRow + rows) * T);
        var targets = TargetsOf(batch, firstRow, rows);
        var ids = tensor(batch.Inputs[range], [rows, T]).SendTo(device);                            // [B, T]
        var hidden = model.Hidden(ids, mask: SegmentMask(batch, range, rows, device), random: random);   // [B, T, D]
        return LinearCrossEntropy.Sum(hidden.view(rows * T, -1), model.OutputWeight, tensor(targets).SendTo(device), model.Compute, smoothing);
    }

    /// <summary>The targets of rows, -100 where one does not count.</summary>
    internal static long[] TargetsOf(TextBatch batch, int firstRow, int rows)
    {
        var T = batch.Length;
        var targets = batch.Targets[(firstRow * T)..((firstRow + rows) * T)];
        if (batch.LossMask is { } mask)
            for (var i = 0; i < targets.Length; i++)
                if (!mask[firstRow * T + i]) targets[i] = -100;
        return targets;
    }

    // Within a row, a token sees only its own document. Padding is also a document: a row of scores that is all
    // minus infinity would give NaN.
    static Tensor? SegmentMask(TextBatch batch, Range range, int rows, Device device)
    {
        if (batch.Segments is null) return null;
        var segments = tensor(batch.Segments[range], [rows, batch.Length]).SendTo(device);
        var same = segments.unsqueeze(2).eq(segments.unsqueeze(1));                                   // [B, T, T]
        return zeros_like(same, ScalarType.Float32).masked_fill(same.logical_not(), Scalars.Of(double.NegativeInfinity)).unsqueeze(1);
    }
}
