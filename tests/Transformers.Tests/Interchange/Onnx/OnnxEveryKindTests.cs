using System.Reflection;
using Transformers.Data.Audio;
using Transformers.Interchange.Onnx;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange.Onnx;

/// <summary>A run of every kind of model: small ones that are kept, and the others after a few steps.</summary>
public sealed class RunOfEveryKind : IDisposable
{
    const string Learning = "training: { steps: 2, batch: { sequences: 8 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32, sample: { tokens: 0 } }";
    const string Scenes = "data: { kind: image_text, source: { generator: scenes, size: 40 }, tokenizer: { kind: words },";
    const string Streams = "kind: vilbert, text: { layers: 1, heads: 2, width: 8 }, image: { layers: 1, heads: 2, width: 16 }, co_layers: 1, width: 16, context: 32";

    static readonly Dictionary<string, string> kept = new()
    {
        ["gpt"] = "llama", ["seq2seq"] = "copy", ["encoder"] = "sentiment", ["vit"] = "digits", ["swin"] = "shapes",
    };

    static readonly Dictionary<string, string> trained = new()
    {
        ["encoder-masked"] = """
            data: { kind: labelled, source: { generator: sentiment, size: 200 }, tokenizer: { kind: words }, max_length: 32 }
            model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 32, head: { kind: masked } }
            """,
        ["resnet"] = """
            data: { kind: images, source: { generator: digits, count: 200, side: 16 }, input: { size: 16 }, holdout: { count: 40 } }
            model: { kind: resnet, layers: [1, 1], width: 8 }
            """,
        ["vilbert"] = $"{Scenes} input: {{ size: 64 }} }}\nmodel: {{ {Streams}, patch: 16 }}",
        ["vilbert-regions"] = $"{Scenes} regions: {{ most: 5 }} }}\nmodel: {{ {Streams}, norm: {{ kind: layer, placement: pre }} }}",
        ["patchtst"] = """
            data: { kind: series, source: { generator: regimes, count: 2, length: 200 }, context: 48, horizon: 6, season: 24, validation: 12, test: 12 }
            model: { kind: patchtst, patch: 8, layers: 1, heads: 2, width: 16, baseline: season }
            """,
        ["series_decoder"] = """
            data: { kind: series, source: { generator: regimes, count: 2, length: 200 }, context: 48, horizon: 6, season: 24, validation: 12, test: 12 }
            model: { kind: series_decoder, patch: 8, layers: 1, heads: 2, width: 16, positions: { kind: rotary } }
            """,
        ["series_classifier"] = """
            data: { kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 60 }, length: 128 }
            model: { kind: series_classifier, patch: 16, layers: 1, heads: 2, width: 16 }
            """,
        ["ast"] = """
            data: { kind: audio, source: { generator: digits, count: 20 }, seconds: 0.5, mels: 32 }
            model: { kind: ast, patch: 16, layers: 1, heads: 2, width: 16 }
            """,
    };

    readonly TinyRuns runs = new();

    /// <summary>The names: those of the kinds, and of further forms of one behind a hyphen.</summary>
    public static IEnumerable<string> Names => kept.Keys.Concat(trained.Keys);

    /// <summary>Opens a run.</summary>
    public TrainedRun Open(string name)
    {
        if (kept.TryGetValue(name, out var golden)) return TrainedRun.Open(Repository.Golden("Runs", golden));
        if (!Directory.Exists(runs.PathOf(name))) runs.Train(ConfigFile.Parse<RunConfig>($"{trained[name]}\n{Learning}", "tiny.yaml"), name);
        return TrainedRun.Open(runs.PathOf(name), "latest");
    }

    /// <summary>A folder for an export, which is not there yet.</summary>
    public string NewFolder() => runs.PathOf($"exported-{Guid.NewGuid():N}");

    public void Dispose() => runs.Dispose();
}

/// <summary>Every kind of model there is can be exported.</summary>
[Collection("engine")]
public sealed class OnnxEveryKindTests(RunOfEveryKind runs) : IClassFixture<RunOfEveryKind>
{
    public static TheoryData<string> Names => [.. RunOfEveryKind.Names];

    ExportResult Export(string name, ExportType? type = null, bool? beside = null, long most = 1_800_000_000)
    {
        var run = runs.Open(name);
        return Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = runs.NewFolder(), Type = type, WeightsBeside = beside, MostInside = most });
    }

    static JsonElement Description(ExportResult made) => JsonDocument.Parse(File.ReadAllText(Path.Combine(made.Output, OnnxDescription.FileName))).RootElement;

    static IEnumerable<string> Graphs(ExportResult made) => Description(made).GetProperty("graphs").EnumerateArray().Select(graph => Path.Combine(made.Output, graph.GetString()!));

    [Fact]
    public void A_kind_of_model_that_no_test_exports_is_noticed()
    {
        var known = typeof(ModelConfig).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(ModelConfig)) && !type.IsAbstract).Select(type => type.GetCustomAttribute<KindAttribute>()!.Name);
        Assert.Equal(known.Order(), RunOfEveryKind.Names.Where(name => !name.Contains('-')).Order());
    }

    [Theory, MemberData(nameof(Names))]
    public void A_run_is_exported_in_32_and_in_8_bits_with_its_weights_inside_and_beside_and_runs(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var (type, beside) in new (ExportType, bool)[] { (ExportType.F32, false), (ExportType.F32, true), (ExportType.Int8, false) })
        {
            var made = Export(name, type, beside);
            Assert.Equal(name.Split('-')[0], Description(made).GetProperty("kind").GetString());
            Assert.Equal(beside, made.Files.Any(file => file.Name == "weights.bin"));
            foreach (var graph in Graphs(made))
            {
                using var session = new OnnxSession(graph);
                var outputs = session.RunOnAnything();
                Assert.NotEmpty(outputs);
                Assert.All(outputs, output => Assert.True(output.Value.isfinite().all().item<bool>(), output.Key));
            }
        }
    }

    [Fact]
    [Trait("Category", "slow")]
    public void The_reference_implementation_accepts_the_graphs_of_every_kind()
    {
        OnnxCheckerTests.SkipWithoutPython();
        List<string> graphs = [.. RunOfEveryKind.Names.SelectMany(name => new[] { ExportType.F32, ExportType.Int8 }.SelectMany(type => Graphs(Export(name, type))))];
        OnnxCheckerTests.AssertAccepted(graphs);
    }

    [Fact]
    public void Weights_of_more_than_a_graph_may_hold_are_written_beside_it()
    {
        var inside = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Graphs(Export("vit")).Single()));
        var bytes = inside.Graph.Initializer.Sum(tensor => (long)tensor.RawData.Length);
        Assert.Equal(["model.onnx", "model.json"], Export("vit", most: bytes).Files.Select(file => file.Name));
        var made = Export("vit", most: bytes - 1);
        Assert.Equal(["weights.bin", "model.onnx", "model.json"], made.Files.Select(file => file.Name));
        Assert.True(new FileInfo(Graphs(made).Single()).Length < inside.CalculateSize() - bytes / 2);
        using var session = new OnnxSession(Graphs(made).Single());
        using var pixels = rand([2, 1, 16, 16]);
        using var whole = new OnnxSession(Graphs(Export("vit")).Single());
        Assert.True(session.Run(("pixel_values", pixels))["logits"].equal(whole.Run(("pixel_values", pixels))["logits"]).all().item<bool>());
        Assert.Contains("too large for --weights inside", Assert.Throws<UserException>(() => Export("vit", beside: false, most: bytes - 1)).Message);
    }

    // The steps of docs/onnx.md, with the numbers of model.json and a Fourier transform by its definition.
    static double[] Spectrogram(float[] samples, JsonElement sound)
    {
        double Number(string name) => sound.GetProperty(name).GetDouble();
        int Whole(string name) => sound.GetProperty(name).GetInt32();
        var (S, M, hop, window, fft) = (samples.Length, Whole("mels"), Whole("hop"), Whole("window"), Whole("fft"));
        static double Mel(double hertz) => 2595 * Math.Log10(1 + hertz / 700);
        double[] corners = [.. Enumerable.Range(0, M + 2).Select(i => Mel(Number("lowest")) + (Mel(Number("highest")) - Mel(Number("lowest"))) * i / (M + 1)).Select(mel => 700 * (Math.Pow(10, mel / 2595) - 1))];
        var values = new List<double>();
        for (var frame = 0; frame < S / hop; frame++)
        {
            double[] x = [.. Enumerable.Range(0, window).Select(i =>
            {
                var at = frame * hop - window / 2 + i;
                at = at < 0 ? -at : at >= S ? 2 * (S - 1) - at : at;
                return samples[at] * (0.5 - 0.5 * Math.Cos(2 * Math.PI * i / window));
            })];
            double[] power = [.. Enumerable.Range(0, fft / 2 + 1).Select(bin =>
            {
                var (real, imaginary) = (0.0, 0.0);
                for (var i = 0; i < window; i++) (real, imaginary) = (real + x[i] * Math.Cos(2 * Math.PI * bin * i / fft), imaginary + x[i] * Math.Sin(2 * Math.PI * bin * i / fft));
                return real * real + imaginary * imaginary;
            })];
            for (var mel = 0; mel < M; mel++)
            {
                var sum = power.Select((one, bin) => (one, Hertz: (double)bin * Whole("rate") / fft))
                    .Sum(one => one.one * Math.Max(0, Math.Min((one.Hertz - corners[mel]) / (corners[mel + 1] - corners[mel]), (corners[mel + 2] - one.Hertz) / (corners[mel + 2] - corners[mel + 1]))));
                values.Add((Math.Log(sum + Number("floor")) - Number("mean")) / Number("std"));
            }
        }
        return [.. values];
    }

    [Fact]
    public void The_spectrogram_that_the_docs_describe_is_that_of_the_program()
    {
        using var scope = NewDisposeScope();
        using var network = SoundRun.Open(runs.Open("ast"));
        var sound = Description(Export("ast")).GetProperty("sound");
        var random = new Random(3);
        var batch = new SoundBatch([0], [0], sound.GetProperty("samples").GetInt32());
        // A tone, noise, and silence at the end.
        for (var i = 0; i < batch.Samples.Length * 3 / 4; i++) batch.Samples[i] = (float)(0.3 * Math.Sin(0.2 * i) + 0.05 * (random.NextDouble() - 0.5));
        var expected = network.FrontEnd.Of(batch, 0, 1);
        var actual = tensor(Spectrogram(batch.Samples, sound), expected.shape).to(ScalarType.Float32);
        OnnxModelTests.Close(expected, actual, "spectrogram");
    }
}
