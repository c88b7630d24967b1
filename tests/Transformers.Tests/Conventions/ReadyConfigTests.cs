using Transformers.Data.Audio;
using Transformers.Data.ImageText;

namespace Transformers.Tests.Conventions;

/// <summary>Every config that comes with the program is valid, and every config of a run trains.</summary>
[Collection("engine")]
public sealed class ReadyConfigTests : TinyRunTest
{
    static readonly string Folder = Repository.PathOf("configs");

    static IEnumerable<string> Names()
    {
        var names = Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path))
            .Where(name => name != "schema.json").Order(StringComparer.Ordinal).ToList();
        Assert.True(names.Count >= 19, $"only {names.Count} configs were seen");
        return names;
    }

    public static TheoryData<string> All() => new(Names());

    public static TheoryData<string> Runs()
    {
        var names = Names().Where(name => Load(name) is RunConfig).ToList();
        Assert.True(names.Count >= 13, $"only {names.Count} configs of runs were seen");
        return new(names);
    }

    static bool IsGenerated(RunConfig config) => config.Data is TextDataConfig { Source: GeneratedTextConfig } or ParallelDataConfig { Source: GeneratedPairsConfig }
        or LabelledDataConfig { Source: GeneratedLabelsConfig } or ImageDataConfig { Source: GeneratedImagesConfig } or ImageTextDataConfig { Source: GeneratedImageTextConfig }
        or SeriesDataConfig { Source: GeneratedSeriesConfig } or AudioDataConfig { Source: GeneratedAudioConfig } or LabelledSeriesDataConfig { Source: GeneratedLabelledSeriesConfig };

    static object Load(string name, params string[] sets) => ModelFragment.LoadOrRun([Path.Combine(Folder, name)], sets);

    [Theory, MemberData(nameof(All))]
    public void A_ready_config_passes_its_check_and_opens_with_what_it_is(string name)
    {
        Load(name);
        var first = File.ReadLines(Path.Combine(Folder, name)).First();
        Assert.StartsWith("# ", first);
        Assert.True(first.Length > 20, first);
    }

    [Theory, MemberData(nameof(Runs))]
    [Trait("Category", "slow")]
    public void A_ready_config_of_a_run_passes_a_dry_run_and_trains_two_steps(string name)
    {
        var config = (RunConfig)Load(name);
        var small = (RunConfig)Load(name, [.. SmallData(config), SmallBatch(config),
            "training.steps=2", "training.schedule.warmup=1", "training.validate.every=2", "training.sample.tokens=0"]);
        // Data that a user would provide are made up, in their own format.
        if (!IsGenerated(config)) small = DataOverride.Apply(small, MadeUpData.Write(config, runs.PathOf("data")));

        var dry = DryRun.Start(small, runs.OptionsOf("run"), new Quiet(), new StopRequest());
        Assert.Equal(("new", 2), (dry.State, dry.Steps));
        Assert.True(double.IsFinite(dry.Loss) && dry.GradientNorm > 0 && double.IsFinite(dry.ValLoss ?? double.NaN), $"{dry}");
        Assert.False(Directory.Exists(runs.PathOf("run")));

        var result = runs.Train(small, "run");

        Assert.Equal(dry.Parameters, result.Parameters);

        Assert.Equal(2, result.Steps);
        Assert.True(double.IsFinite(result.TrainLoss!.Value), $"the loss is {result.TrainLoss}");
        Assert.True(double.IsFinite(result.ValLoss ?? double.NaN), $"the validation loss is {result.ValLoss}");
        Assert.True(result.Parameters < 20_000_000, $"{result.Parameters} parameters are too many for a test of all");
        Assert.Equal(Files(config), Directory.EnumerateFiles(runs.PathOf("run/checkpoints/step-00000002")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    static IEnumerable<string> SmallData(RunConfig config) => config.Data switch
    {
        TextDataConfig text when !IsGenerated(config) => Vocabulary(text.Tokenizer, "data.tokenizer"),
        ParallelDataConfig parallel when !IsGenerated(config) => Vocabulary(parallel.Tokenizer, "data.tokenizer"),
        LabelledDataConfig labelled when !IsGenerated(config) => Vocabulary(labelled.Tokenizer, "data.tokenizer"),
        ImageDataConfig when !IsGenerated(config) => ["data.holdout={ count: 10 }"],
        TextDataConfig text => ["data.source.size=100kB", .. Vocabulary(text.Tokenizer, "data.tokenizer")],
        ParallelDataConfig parallel => ["data.source.size=300", .. Vocabulary(parallel.Tokenizer, "data.tokenizer")],
        ImageTextDataConfig => ["data.source.size=300"],
        LabelledDataConfig labelled => ["data.source.size=300", .. Vocabulary(labelled.Tokenizer, "data.tokenizer")],
        // The last season of a short series is not held out by its config, and the test wants a validation.
        SeriesDataConfig => IsGenerated(config) ? ["data.source.count=3"] : ["data.validation=24"],
        LabelledSeriesDataConfig => ["data.source.count=60"],
        AudioDataConfig => ["data.source.count=40"],
        _ => ["data.source.count=300", "data.holdout={ count: 30 }"],
    };

    static IEnumerable<string> Vocabulary(TokenizerConfig tokenizer, string path) => tokenizer is BpeTokenizerConfig ? [$"{path}.vocabulary=400"] : [];

    static string SmallBatch(RunConfig config) => config.Training.Batch.Tokens is null ? "training.batch={ sequences: 4 }"
        : $"training.batch={{ tokens: {(config.Model is GptConfig gpt ? gpt.Context : 256)} }}";

    static string[] InputFiles(DataConfig data) => data switch
    {
        ImageDataConfig => [ImageInput.FileName],
        LabelledSeriesDataConfig => ["classes.json"],
        AudioDataConfig => [SoundInput.FileName, "classes.json"],
        // A series' numbers need nothing but the config.
        SeriesDataConfig => [],
        _ => ["tokenizer.json"],
    };

    // A checkpoint is enough to use the model: it has everything that turns input into numbers.
    static IEnumerable<string> Files(RunConfig config)
    {
        List<string> files = ["config.yaml", "manifest.json", "model.safetensors", "optimizer.safetensors", "state.json", .. InputFiles(config.Data)];
        if (config.Model is EncoderConfig { Head: ClassifyHeadConfig } or VilbertConfig { Objectives.Answer: > 0 }) files.Add("classes.json");
        if (config.Data is ImageTextDataConfig) files.Add(ImageTextInput.FileName);
        if (config.Training.Ema is not null) files.Add("ema.safetensors");
        if (config.Data is ParallelDataConfig { TargetTokenizer: not null }) files.Add("target_tokenizer.json");
        return files.Order(StringComparer.Ordinal);
    }
}
