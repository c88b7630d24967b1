using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data;
using Transformers.Data.ImageText;
using Transformers.Data.Sentences;
using Transformers.Data.Text;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Answers questions about images, predicts masked tokens and regions, and matches captions with images, all with one model.</summary>
sealed class ImageTextTask : StreamTask<ImageTextBatch>
{
    const int ShownAnswers = 12, MostKinds = 12;

    readonly Vilbert model;
    readonly PreparedPairs data;
    readonly Prefetcher<ImageTextBatch> stream;
    readonly ImageTextBatches? validation;
    readonly ModelFlops flops;
    readonly ObjectivesConfig objectives;
    // The kinds of questions whose accuracy validation reports: none if there is only one, or too many to be useful.
    readonly string[] kinds = [];
    List<OutputExample> answered = [];

    /// <summary>Creates a task on images with text.</summary>
    public ImageTextTask(Vilbert model, PreparedPairs data, RunConfig run, Device device) : base(model, run, device)
    {
        (this.model, this.data) = (model, data);
        var shape = model.Shape;
        flops = ModelFlops.OfImages(run.Model, new ImageShape(shape.Size, shape.Channels, shape.Answers), shape.Vocabulary);
        objectives = ((VilbertConfig)run.Model).Objectives;
        var rows = Config.Batch.RowsOf("images with text");
        var batches = data.Batches(data.Train, data.Splits.Train, objectives, new BucketOptions { Sequences = rows, Seed = SeedStreams.Of(run.Seed, "batches") }, model.Patches);
        stream = new Prefetcher<ImageTextBatch>(batches.At, batches.BatchesPerEpoch);
        if (data.Validation is not { } held || ImageTextBatches.Usable(held, PreparedPairs.MixOf(objectives)).Length == 0) return;
        if (shape.Answers > 0)
            kinds = [.. held.Examples.Where(example => example is { Answer: not null, Kind: not null }).Select(example => example.Kind!).Distinct().Order(StringComparer.Ordinal)];
        if (kinds.Length is 1 or > MostKinds) kinds = [];
        // In order, with the same masking each time; every row sees both streams.
        validation = data.Batches(held, data.Splits.Validation!, objectives with { Alone = 0 },
            new BucketOptions { Sequences = Math.Max(rows, 64), Shuffle = false, Seed = SeedStreams.Of(run.Seed, "validation") }, model.Patches);
    }

    public override string Unit => "images";

    protected override IBatchStream<ImageTextBatch> Stream => stream;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        return Slices(batch.Rows, (first, rows) => new Pairs(this, batch.Slice(first, rows), first, Config.LabelSmoothing));
    }

    public override IEnumerable<MicroBatch> Validation(int? count) => ValidationBatches(count).Select(batch => new Pairs(this, batch, 0, smoothing: 0));

    IEnumerable<ImageTextBatch> ValidationBatches(int? count) =>
        validation is null ? [] : LabelledTexts.Positions(validation.BatchesPerEpoch, count).Select(validation.At);

    public override bool HasValidation => validation is not null;

    public override IReadOnlyList<string> MetricNames =>
    [
        .. new[] { model.Shape.Answers > 0 ? "accuracy" : null, objectives.Match > 0 ? "match_accuracy" : null, objectives.Masked > 0 ? "masked_accuracy" : null }.OfType<string>(),
        .. kinds.Select(MetricOf),
    ];

    static string MetricOf(string kind) => $"accuracy_{kind}";

    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        var counts = new Dictionary<string, (long Right, long All)>();
        if (whole) answered = [];
        foreach (var batch in OwnTurns(ValidationBatches(whole ? null : Config.Validate.Batches)))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var (text, image) = PairTensors.Forward(model, batch, Device);
            var joint = model.Joint(text, image);
            if (RowsOf(batch, RowTask.Answer) is { } answers)
            {
                var logits = model.AnswerLogits(joint.index_select(0, answers.Indices));
                Add("accuracy", logits, answers.Labels);
                var (rows, predicted) = (Numbers(answers.Indices), Numbers(logits.argmax(-1)));
                foreach (var (at, row) in rows.Index())
                    if (kinds.Length > 0 && ExampleOf(batch, row).Kind is { } kind) Count(MetricOf(kind), predicted[at] == batch.Labels[row] ? 1 : 0, 1);
                if (whole) Keep(batch, rows, predicted);
            }
            if (RowsOf(batch, RowTask.Match) is { } matches) Add("match_accuracy", model.MatchLogits(joint.index_select(0, matches.Indices)), matches.Labels);
            if (MaskedTokens(batch) is { } masked) Add("masked_accuracy", model.TokenLogits(text.flatten(0, 1).index_select(0, masked.Positions)), masked.Targets);
        }
        var names = MetricNames;
        double[] right = [.. names.Select(name => (double)counts.GetValueOrDefault(name).Right)], all = [.. names.Select(name => (double)counts.GetValueOrDefault(name).All)];
        Processes.AllReduce(right.AsSpan());
        Processes.AllReduce(all.AsSpan());
        return Enumerable.Range(0, names.Count).Where(i => all[i] > 0).ToDictionary(i => names[i], i => right[i] / all[i]);

        void Add(string name, Tensor logits, Tensor labels) => Count(name, logits.argmax(-1).eq(labels).sum().item<long>(), labels.numel());

        void Count(string name, long correct, long examples)
        {
            var before = counts.GetValueOrDefault(name);
            counts[name] = (before.Right + correct, before.All + examples);
        }

        static long[] Numbers(Tensor tensor) => tensor.cpu().data<long>().ToArray();
    }

    ImageTextExample ExampleOf(ImageTextBatch batch, long row) => data.Validation!.Examples[batch.Texts.Examples[row]];

    // A few questions with the model's answers, for the report.
    void Keep(ImageTextBatch batch, long[] rows, long[] predicted)
    {
        foreach (var (at, row) in rows.Index().Take(ShownAnswers - answered.Count))
        {
            var example = ExampleOf(batch, row);
            answered.Add(new($"{example.Image}: {example.Text}", data.Train.Classes[(int)predicted[at]], example.Answer!));
        }
    }

    public override IReadOnlyList<OutputExample> Examples => answered;

    public override IReadOnlyList<ModelPicture> Pictures()
    {
        if (data.Validation is not { } held || data.Input.Transform is not { } transform) return [];
        var example = held.Examples[0];
        var plot = CoAttentionPlot.Of(model, data.Tokenizer, held.IdsOf(0, TextPart.Text)!, transform, data.Splits.Validation!.Open(example), Device, default);
        return [new ModelPicture("attention", plot.ToSvg())];
    }

    // The rows of an objective with their labels; null if there are none.
    (Tensor Indices, Tensor Labels)? RowsOf(ImageTextBatch batch, RowTask task)
    {
        var rows = Enumerable.Range(0, batch.Rows).Where(row => batch.Tasks[row] == task).Select(row => (long)row).ToArray();
        return rows.Length == 0 ? null : (tensor(rows).SendTo(Device), tensor(rows.Select(row => batch.Labels[row]).ToArray()).SendTo(Device));
    }

    // The positions of masked tokens in [B·T], the original tokens, and the weight of each within its row.
    (Tensor Positions, Tensor Targets, Tensor Weights)? MaskedTokens(ImageTextBatch batch)
    {
        var T = batch.Texts.Width;
        var found = Enumerable.Range(0, batch.Tokens.Length).Where(i => batch.Tokens[i] != MaskedBatch.IgnoreIndex).ToArray();
        if (found.Length == 0) return null;
        var each = found.GroupBy(i => i / T).ToDictionary(row => row.Key, row => 1f / row.Count());
        return (tensor(found.Select(i => (long)i).ToArray()).SendTo(Device), tensor(found.Select(i => batch.Tokens[i]).ToArray()).SendTo(Device),
            tensor(found.Select(i => each[i / T]).ToArray()).SendTo(Device));
    }

    // The positions of masked regions in [B·(1 + R)] and in [B·R], and the weight of each within its row.
    (Tensor Positions, Tensor Regions, Tensor Weights)? MaskedRegions(ImageTextBatch batch)
    {
        var R = batch.Regions;
        var found = Enumerable.Range(0, batch.Hidden.Length).Where(i => batch.Hidden[i] != 0 && batch.Tasks[i / R] == RowTask.Masked).ToArray();
        if (found.Length == 0) return null;
        var each = found.GroupBy(i => i / R).ToDictionary(row => row.Key, row => 1f / row.Count());
        return (tensor(found.Select(i => i + i / R + 1L).ToArray()).SendTo(Device), tensor(found.Select(i => (long)i).ToArray()).SendTo(Device),
            tensor(found.Select(i => each[i / R]).ToArray()).SendTo(Device));
    }

    /// <summary>Rows of a batch, each an example.</summary>
    sealed class Pairs(ImageTextTask task, ImageTextBatch batch, int first, double smoothing) : MicroBatch(batch.Rows, batch.Rows, first)
    {
        public override double Flops => task.flops.Of(new(batch.Rows, batch.Texts.Width, 1 + batch.Regions, batch.Rows, batch.Rows));

        public override LossSum LossSum(RandomPosition random)
        {
            var (model, device) = (task.model, task.Device);
            var images = PairTensors.Of(batch.Images, batch.Rows, batch.Hidden, model, device);
            var (text, image) = model.forward(tensor(batch.Texts.Ids, [batch.Rows, batch.Texts.Width]).SendTo(device), batch.Texts.Lengths, images, random: random);
            var joint = model.Joint(text, image, random);
            var objective = zeros(1, ScalarType.Float32, device).squeeze(0);
            var plain = objective;
            if (task.RowsOf(batch, RowTask.Answer) is { } answers) Add(Layers.LossSum.Of(model.AnswerLogits(joint.index_select(0, answers.Indices)), answers.Labels, smoothing));
            if (task.RowsOf(batch, RowTask.Match) is { } matches) Add(Layers.LossSum.Of(model.MatchLogits(joint.index_select(0, matches.Indices)), matches.Labels, 0));
            if (task.MaskedTokens(batch) is { } tokens)
            {
                var logits = model.TokenLogits(text.flatten(0, 1).index_select(0, tokens.Positions));                     // [M, V]
                AddPlain((nn.functional.cross_entropy(logits, tokens.Targets, reduction: nn.Reduction.None) * tokens.Weights).sum());
            }
            if (task.MaskedRegions(batch) is { } regions)
            {
                var outputs = model.RegionOutput(image.flatten(0, 1).index_select(0, regions.Positions));                 // [M, N] or [M, C]
                var classes = batch.Images.Classes is { } given ? tensor(given, [batch.Rows * batch.Regions, given.Length / (batch.Rows * batch.Regions)]).SendTo(device) : null;
                AddPlain((model.RegionLosses(outputs, images, classes, regions.Regions) * regions.Weights).sum());
            }
            return new(objective, plain);

            void Add(LossSum part)
            {
                objective = objective.Plus(part.Objective);
                plain = plain.Plus(part.CrossEntropy);
            }

            void AddPlain(Tensor part) => Add(new(part, part.detach()));
        }
    }
}

/// <summary>Images with text, ready for training.</summary>
/// <param name="Splits">The splits.</param>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="Input">How the model reads images.</param>
/// <param name="Train">The training texts.</param>
/// <param name="Validation">The validation texts; null if there are none.</param>
sealed record PreparedPairs(ImageTextSplits Splits, TextTokenizer Tokenizer, ImageTextInput Input, ImageTextCorpus Train, ImageTextCorpus? Validation)
{
    /// <summary>Reads what a config names.</summary>
    internal static PreparedPairs Open(ImageTextDataConfig data, VilbertConfig network, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        if (data.Input is { } seen && options.TakenFrom is { } from && TrainedRun.Open(from).Checkpoint is var there
            && ImageTextInput.Parse(there.ReadText(ImageTextInput.FileName), there.PathOf(ImageTextInput.FileName)).Transform is { } shown)
            data = data with { Input = WarmStart.Statistics(seen, shown, from) };
        var splits = data.Open();
        observer.OnPreparing("reading images and text", 0);
        var text = new SentenceSource($"{data.Source}", splits.Train.File is { } file ? [file] : [], () => splits.Train.Read().SelectMany(TextsOf));
        var tokenizer = options.TakenFrom is { } run ? WarmStart.Tokenizer(run, data.Tokenizer, other => (other.Data as ImageTextDataConfig)?.Tokenizer)
            : TokenizerFactory.Create(data.Tokenizer, text, options.Cache, SpecialIds.ForEncoder, done => observer.OnPreparing("training the tokenizer", done), cancel);
        var longest = Math.Min(data.MaxLength, network.Context);
        var train = ImageTextCorpus.Encode(splits.Train, tokenizer, null, longest, cancel);
        var validation = splits.Validation is { } held ? ImageTextCorpus.Encode(held, tokenizer, train.Classes, longest, cancel) : null;
        if (splits.Train.File is not null)
            foreach (var warning in ImageTextReport.Of([splits.Train, .. splits.Validation is { } other ? new[] { other } : []]).Warnings) observer.Warn(warning);
        return new(splits, tokenizer, ImageTextInput.Of(data, splits.Train), train, validation);
    }

    static IEnumerable<string> TextsOf(ImageTextExample example) => example.Caption is { } caption ? [example.Text, caption] : [example.Text];

    /// <summary>Prepares the data and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig run, ImageTextDataConfig data, VilbertConfig network, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var prepared = Open(data, network, options, observer, stop.Token);
        var (train, classes) = (prepared.Train, prepared.Train.Classes);
        if (classes.Count == 0 && network.Objectives is { Masked: 0, Match: 0 })
            throw new UserException("no example has an answer, but model.objectives has no other objective", "set masked or match, or name the answers' field in data.source.answer");
        if (train.Count - ImageTextBatches.Usable(train, PreparedPairs.MixOf(network.Objectives)).Length is > 0 and var unused)
            observer.Warn($"{unused:N0} of {Amount.Of(train.Count, "training example")} {(unused == 1 ? "has" : "have")} no answer and {(unused == 1 ? "is" : "are")} not used, since answering is the only objective in model.objectives");
        if (train.Shortened > 0)
            observer.Note($"{train.Shortened:N0} of {Amount.Of(train.Count, "training example")} {(train.Shortened == 1 ? "has a text that is" : "have texts that are")} longer than {Amount.Of(Math.Min(data.MaxLength, network.Context), "token")} and {(train.Shortened == 1 ? "is" : "are")} truncated");
        observer.Note($"{train.Count:N0} training and {Amount.Of(prepared.Validation?.Count ?? 0, "validation example")}, {Amount.Of(classes.Count, "answer")}, vocabulary {prepared.Tokenizer.VocabularySize:N0}");
        var answers = network.Objectives.Answer > 0 ? classes : [];
        using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
        var model = new Vilbert(network, ImageTextRun.ShapeOf(network, prepared.Tokenizer, answers.Count, prepared.Input), generator).to(options.Device);
        var files = TokenizerPair.Files(prepared.Tokenizer);
        files[ImageTextInput.FileName] = Encoding.UTF8.GetBytes(prepared.Input.ToJson());
        if (answers.Count > 0) files[CheckpointFiles.Classes] = JsonSerializer.SerializeToUtf8Bytes(answers);
        return new TaskSetup
        {
            Task = new ImageTextTask(model, prepared, run, options.Device), Files = files, Labels = answers.Count > 0 ? answers : null,
            FilesHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{prepared.Tokenizer.Hash}{prepared.Input.ToJson()}"))),
        };
    }

    /// <summary>Batches of a corpus.</summary>
    internal ImageTextBatches Batches(ImageTextCorpus corpus, ImageTextSplit split, ObjectivesConfig objectives, BucketOptions options, int patches) =>
        BatchesOf(corpus, split, Tokenizer, Input, objectives, options, patches);

    /// <inheritdoc cref="Batches"/>
    internal static ImageTextBatches BatchesOf(ImageTextCorpus corpus, ImageTextSplit split, TextTokenizer tokenizer, ImageTextInput input, ObjectivesConfig objectives, BucketOptions options, int patches) =>
        new(corpus, split, input.CreateView(), SpecialIds.Of(tokenizer), new MaskedTokens(tokenizer, new MaskingOptions { Fraction = objectives.Tokens, Seed = options.Seed }), patches,
            MixOf(objectives), options);

    /// <summary>How often each objective occurs.</summary>
    internal static RowMix MixOf(ObjectivesConfig objectives) => new(objectives.Answer, objectives.Masked, objectives.Match, objectives.Alone, objectives.Regions);
}
