using TorchSharp;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Decoding;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Predicts each next token of text.</summary>
public sealed class NextTokenTask : TrainingTask
{
    const int PicturedTokens = 24;

    readonly Gpt model;
    readonly PreparedData data;
    readonly Prefetcher<TextBatch> batches;
    readonly int rows;
    readonly TextTokenizer tokenizer;
    readonly RunConfig run;
    readonly TrainingConfig config;
    readonly Device device;
    readonly ModelFlops flops;

    /// <summary>A task over prepared text.</summary>
    /// <param name="model">The model, on its device.</param>
    /// <param name="tokenizer">Its tokenizer, for samples.</param>
    /// <param name="data">The text; it belongs to the task from now on.</param>
    /// <param name="sampler">Draws training batches of a whole step's rows.</param>
    /// <param name="rows">The rows of a step.</param>
    /// <param name="run">The config, for batches, label smoothing and samples.</param>
    /// <param name="device">Where the model is.</param>
    public NextTokenTask(Gpt model, TextTokenizer tokenizer, PreparedData data, ITextSampler sampler, int rows, RunConfig run, Device device)
    {
        this.tokenizer = tokenizer;
        this.run = run;
        config = run.Training;
        this.model = model;
        flops = ModelFlops.OfTokens(run.Model, model.Vocabulary);
        this.data = data;
        this.device = device;
        this.rows = rows;
        Micro = new MicroSize(config.Batch.Micro);
        batches = Prefetcher<TextBatch>.FromSampler(sampler);
    }

    /// <inheritdoc/>
    public override nn.Module Model => model;

    /// <inheritdoc/>
    public override string Unit => "tokens";
    /// <inheritdoc/>
    public override double DataWait => batches.WaitFraction;

    /// <inheritdoc/>
    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = batches.Next();
        var (micro, microRows) = (new List<MicroBatch>(), Micro.Of(batch.Rows));
        for (var row = 0; row < batch.Rows; row += microRows)
            micro.Add(new TokenBatch(this, batch, row, Math.Min(microRows, batch.Rows - row), config.LabelSmoothing));
        return micro;
    }

    /// <inheritdoc/>
    /// <remarks>Any number of rows gives the same loss; as many as in a micro-batch take no more memory than a step.</remarks>
    public override IEnumerable<MicroBatch> Validation(int? count) =>
        data.Validation.Count < 2 ? [] : new SequentialBlocks(data.Validation, Micro.Of(rows), model.Context).Epoch(count).Select(batch => new TokenBatch(this, batch, 0, batch.Rows, smoothing: 0));

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double>
    {
        ["perplexity"] = Math.Exp(loss),
        ["bits_per_byte"] = loss * data.Manifest.Validation.Tokens / Math.Max(1, data.Manifest.Validation.Bytes) / Math.Log(2),
    };

    /// <inheritdoc/>
    public override IReadOnlyList<string> Samples(CancellationToken cancel = default)
    {
        if (config.Sample.Tokens == 0) return [];
        model.eval();
        var options = new GenerationOptions { MaxNewTokens = config.Sample.Tokens, Temperature = 0.8, TopP = 0.95, Seed = run.Seed, Slide = true };
        using var generator = new TextGenerator(model, tokenizer, device);
        var completions = generator.Generate(config.Sample.Prompts ?? [""], options, cancel: cancel);
        return [.. completions.Select(completion => completion.Prompt + completion.Text)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ModelPicture> Pictures()
    {
        var count = (int)Math.Min(PicturedTokens, Math.Min(model.Context, data.Validation.Count));
        if (count == 0) return [];
        var ids = new int[count];
        data.Validation.Read(0, ids);
        return [AttentionPlot.Of(model, tokenizer, ids, device, AttentionPlot.Few).ToPicture("attention")];
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, long> SamplerState
    {
        get => batches.Position.ToState();
        set => batches.Position = DataPosition.FromState(value);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        batches.Dispose();
        data.Dispose();
    }

    /// <summary>Rows of a batch of text.</summary>
    sealed class TokenBatch(NextTokenTask task, TextBatch batch, int firstRow, int rows, double smoothing)
        : MicroBatch(Count(batch, firstRow, rows), (long)rows * batch.Length, firstRow)
    {
        static long Count(TextBatch batch, int firstRow, int rows) =>
            batch.LossMask is null ? (long)rows * batch.Length : batch.LossMask.AsSpan(firstRow * batch.Length, rows * batch.Length).Count(true);

        public override double Flops => task.flops.Of(new(rows, batch.Length, 0, Targets, Units));

        public override LossSum LossSum(RandomPosition random) => TokenLoss.Sum(task.model, batch, firstRow, rows, task.device, smoothing, random);
    }
}
