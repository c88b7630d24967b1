using Transformers.Interchange.Onnx;
using static Transformers.Tests.Interchange.Onnx.OnnxModelTests;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange.Onnx;

/// <summary>Graphs of models of images with texts, of series and of sounds give, in ONNX Runtime, the numbers of the model.</summary>
[Collection("engine")]
public sealed class OnnxPairAndPatchTests : TensorTest
{
    static readonly NormConfig Post = new LayerNormConfig { Placement = NormPlacement.Post }, Pre = new LayerNormConfig();

    static StreamConfig Stream(int layers, int heads, int width) => new() { Layers = layers, Heads = heads, Width = width };

    static readonly VilbertConfig Patches = new() { Text = Stream(1, 2, 8), Image = Stream(2, 3, 12), CoLayers = 2, Width = 10, Patch = 3, Context = 12 };

    static readonly Dictionary<string, (VilbertConfig Model, PairShape Shape)> pairs = new()
    {
        ["patches, norms after"] = (Patches, new(19, 4, 9, 3)),
        ["patches, norms before, sinusoidal, gray"] = (Patches with { Norm = Pre, Positions = new SinusoidalImagePositionsConfig() }, new(19, 4, 6, 1)),
        ["patches, RMS norms before, no positions, SwiGLU, streams without layers"] = (Patches with
        {
            Norm = new RmsNormConfig(), Positions = new NoImagePositionsConfig(), CoLayers = 1, Text = Stream(0, 2, 8) with { FeedForward = new SwiGluConfig() }, Image = Stream(0, 2, 8),
        }, new(19, 4, 6, 3)),
        ["patches, no answers"] = (Patches, new(19, 0, 6, 3)),
        ["regions, norms after"] = (Patches with { Patch = null }, new(19, 4, 1, 5, 3)),
        ["regions, norms before"] = (Patches with { Patch = null, Norm = Pre }, new(19, 4, 1, 5)),
    };

    static readonly SeriesShape Window = new(24, 5, 4);
    static readonly PatchTstConfig PatchTst = new() { Patch = 6, Layers = 2, Heads = 2, Width = 16 };
    static readonly SeriesDecoderConfig Decoder = new() { Patch = 6, Layers = 2, Heads = 2, Width = 16 };

    static readonly Dictionary<string, ForecasterConfig> forecasters = new()
    {
        ["an encoder"] = PatchTst,
        ["an encoder over patches that overlap, rotary, the last season"] = PatchTst with { Stride = 3, Positions = new RotaryPositionsConfig(), Baseline = ForecastBaseline.Season },
        ["an encoder, norms after, no positions, one quantile, the last value"] = PatchTst with { Norm = Post, Positions = new NoPositionsConfig(), Quantiles = [0.5], Baseline = ForecastBaseline.Last },
        ["an encoder with calibrated quantiles"] = PatchTst with { Calibration = new() { Windows = 4 } },
        ["a decoder"] = Decoder,
        ["a decoder, RMS norms, sinusoidal, SwiGLU, the last season"] = Decoder with { Norm = new RmsNormConfig(), Positions = new SinusoidalPositionsConfig(), FeedForward = new SwiGluConfig(), Baseline = ForecastBaseline.Season },
        ["a decoder, rotary, norms after, four quantiles"] = Decoder with { Positions = new RotaryPositionsConfig(), Norm = Post, Quantiles = [0.05, 0.2, 0.7, 0.99] },
    };

    static readonly AstConfig Ast = new() { Patch = 4, Layers = 2, Heads = 2, Width = 16 };

    static readonly Dictionary<string, AstConfig> sounds = new()
    {
        ["a class token"] = Ast,
        ["patches that overlap and do not reach the end, mean, sinusoidal"] = Ast with { Stride = 3, Pool = ImagePooling.Mean, Positions = new SinusoidalImagePositionsConfig() },
        ["norms after, no positions, SwiGLU"] = Ast with { Norm = Post, Positions = new NoImagePositionsConfig(), FeedForward = new SwiGluConfig() },
    };

    public static TheoryData<string> Pairs => [.. pairs.Keys];
    public static TheoryData<string> Forecasters => [.. forecasters.Keys];
    public static TheoryData<string> Sounds => [.. sounds.Keys];

    [Theory, MemberData(nameof(Pairs))]
    public void A_model_of_two_streams_gives_the_same_answers_matches_and_vectors_for_texts_and_images_of_several_lengths(string name)
    {
        using var plain = no_grad();
        var (config, shape) = pairs[name];
        using var model = Drawn(new Vilbert(config, shape));
        var weights = new OnnxWeights(model, quantized: false);
        using var session = new OnnxSession(OnnxVilbert.Build(config, shape, weights));
        Assert.Empty(weights.Unused);
        using var generator = new Generator(5);
        foreach (var (lengths, counts, hides) in new (int[], int[], bool)[] { ([1], [1], false), ([12, 12], [3, 3], true), ([7, 2, 11], [2, 5, 1], true) })
        {
            var (B, T, R) = (lengths.Length, lengths.Max(), config.Patch is null ? counts.Max() : model.Patches);
            var ids = Ids(B, T, seed: T);
            var hidden = hides ? rand([B, R], generator: generator).gt(0.5).to(ScalarType.Float32) : null;
            var images = config.Patch is null ? new ImageTensors(randn([B, R, shape.Channels], generator: generator), rand([B, R, 5], generator: generator), counts, hidden)
                : new ImageTensors(randn([B, shape.Channels, shape.Size, shape.Size], generator: generator), Hidden: hidden);
            List<(string, Tensor)> inputs = [("input_ids", ids), ("attention_mask", Mask(lengths, T))];
            if (config.Patch is not null) inputs.Add(("pixel_values", images.Values));
            else inputs.AddRange([("region_features", images.Values), ("region_boxes", images.Boxes!), ("region_mask", Mask(counts, R))]);
            if (hidden is not null) inputs.Add(("hidden_regions", hidden));
            var outputs = session.Run(inputs);
            var (text, image) = model.forward(ids, lengths, images);
            var joint = model.Joint(text, image);
            Close(joint, outputs["joint"], "joint vector");
            Close(model.MatchLogits(joint), outputs["match_logits"], "match");
            if (shape.Answers > 0) Close(model.AnswerLogits(joint), outputs["logits"], "answers");
            else Assert.DoesNotContain("logits", outputs.Keys);
            for (var row = 0; row < B; row++)
            {
                Close(text[row, ..lengths[row]], outputs["text_hidden_state"][row, ..lengths[row]], $"text of row {row}");
                var seen = 1 + (config.Patch is null ? counts[row] : R);
                Close(image[row, ..seen], outputs["image_hidden_state"][row, ..seen], $"image of row {row}");
            }
        }
    }

    // As tables have them: large numbers, a constant, all but a few missing, none there.
    static double[][] Series(int length)
    {
        var random = new Random(7);
        double[] Drawn(Func<int, double> value) => [.. Enumerable.Range(0, length).Select(value)];
        return
        [
            Drawn(t => Math.Sin(t) + 0.1 * random.NextDouble()), Drawn(_ => 1e7 + random.NextDouble()), Drawn(_ => -3.25), Drawn(_ => 0), Drawn(t => t % 5 == 1 ? 1e-4 * random.NextDouble() : double.NaN),
            Drawn(t => t < length - 2 ? double.NaN : 40 + t), Drawn(_ => double.NaN),
        ];
    }

    static SeriesBatch Batch(double[][] series, int context, int horizon)
    {
        var batch = new SeriesBatch([.. series.Select((_, row) => new SeriesWindow(row, context))], context, horizon);
        for (var row = 0; row < series.Length; row++) batch.Fill(row, series[row]);
        return batch;
    }

    static (Tensor Values, Tensor Observed) Normalised(SeriesBatch batch) =>
        (tensor(batch.Values, [batch.Windows.Count, batch.Context]), tensor(batch.Observed, [batch.Windows.Count, batch.Context]));

    [Theory, MemberData(nameof(Forecasters))]
    public void A_forecaster_reads_the_numbers_of_tables_and_gives_the_same_forecasts_in_their_units(string name)
    {
        using var plain = no_grad();
        var config = forecasters[name];
        using var model = Drawn(SeriesModel.Create(config, Window));
        model.Calibration?.copy_(arange(Window.Horizon * config.Quantiles.Count, dtype: ScalarType.Float32).view(Window.Horizon, -1).sin());
        var weights = new OnnxWeights(model, quantized: false);
        using var session = new OnnxSession(config is PatchTstConfig encoder ? OnnxSeries.Build(encoder, model, weights) : OnnxSeries.Build((SeriesDecoderConfig)config, model, weights));
        Assert.Empty(weights.Unused);
        foreach (var rows in new[] { 1, 7 })
        {
            var series = Series(Window.Context)[..rows];
            var batch = Batch(series, Window.Context, Window.Horizon);
            var (values, observed) = Normalised(batch);
            using var forecast = model.Finish(model.Forecast(values, observed));
            var outputs = session.Run(("values", tensor(series.SelectMany(one => one).ToArray(), [rows, Window.Context])));
            Assert.Equal(new long[] { rows, Window.Horizon }, outputs["mean"].shape);
            Assert.Equal(new long[] { rows, Window.Horizon, config.Quantiles.Count }, outputs["quantiles"].shape);
            for (var row = 0; row < rows; row++)
                for (var step = 0; step < Window.Horizon; step++)
                {
                    double[] actual = [outputs["mean"][row, step].item<double>(), .. Enumerable.Range(0, config.Quantiles.Count).Select(q => outputs["quantiles"][row, step, q].item<double>())];
                    double[] expected = [.. Enumerable.Range(0, 1 + config.Quantiles.Count).Select(i => batch.Restore(row, forecast[row, step, i].item<float>()))];
                    foreach (var (one, other) in expected.Zip(actual))
                        Assert.True(Math.Abs(one - other) <= 1e-4 * batch.Scale[row], $"row {row}, step {step}: {other} instead of {one}, of a scale of {batch.Scale[row]}");
                }
        }
    }

    [Fact]
    public void A_classifier_of_series_gives_the_same_logits_for_the_numbers_of_tables()
    {
        using var plain = no_grad();
        foreach (var config in new[]
        {
            new SeriesClassifierConfig { Patch = 6, Layers = 2, Heads = 2, Width = 16 },
            new SeriesClassifierConfig { Patch = 6, Stride = 2, Layers = 1, Heads = 2, Width = 16, Norm = Post, Positions = new RotaryPositionsConfig() },
        })
        {
            using var model = Drawn(new SeriesClassifier(config, 24, classes: 3));
            var weights = new OnnxWeights(model, quantized: false);
            using var session = new OnnxSession(OnnxSeries.Build(config, 24, 3, weights));
            Assert.Empty(weights.Unused);
            foreach (var rows in new[] { 1, 7 })
            {
                var series = Series(24)[..rows];
                var (values, observed) = Normalised(Batch(series, 24, 0));
                Close(model.Logits(values, observed), session.Run(("values", tensor(series.SelectMany(one => one).ToArray(), [rows, 24])))["logits"], $"{rows} series");
            }
        }
    }

    [Theory, MemberData(nameof(Sounds))]
    public void A_network_over_spectrograms_gives_the_same_logits(string name)
    {
        using var plain = no_grad();
        var shape = new SoundShape(Frames: 22, Mels: 13, Classes: 5);
        using var model = Drawn(new Ast(sounds[name], shape));
        var weights = new OnnxWeights(model, quantized: false);
        using var session = new OnnxSession(OnnxAst.Build(sounds[name], shape, weights));
        Assert.Empty(weights.Unused);
        foreach (var rows in new[] { 1, 3 })
        {
            using var generator = new Generator(3);
            var spectrogram = randn([rows, shape.Frames, shape.Mels], generator: generator);
            Close(model.forward(spectrogram), session.Run(("input_values", spectrogram))["logits"], $"{rows} sounds");
        }
    }
}
