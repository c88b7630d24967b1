using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Measures whole training steps on a batch of random numbers: forward, backward, clipping and AdamW, without data and loop.</summary>
public static class StepBenchmark
{
    const int WarmSteps = 4, FewestSteps = 5;

    /// <summary>Steps of a decoder-only model over rows of its whole context.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="rows">B.</param>
    /// <param name="options">Where, how, and how long.</param>
    public static StepBenchmarkResult Text(GptConfig shape, int vocabulary, int rows, StepBenchmarkOptions options)
    {
        long tokens = (long)rows * shape.Context;
        return Measure(shape, new DataProfile { Vocabulary = vocabulary, Batches = [new(rows, shape.Context, 0, tokens, tokens)] }, smoothing: 0, options);
    }

    /// <summary>Steps of a network over images.</summary>
    /// <param name="shape">The network.</param>
    /// <param name="images">The images and the classes.</param>
    /// <param name="rows">B.</param>
    /// <param name="options">Where, how, and how long.</param>
    public static StepBenchmarkResult Images(ImageModelConfig shape, ImageShape images, int rows, StepBenchmarkOptions options) =>
        Measure(shape, new DataProfile { Image = images, Classes = images.Classes, Batches = [new(rows, 0, 0, rows, rows)] }, smoothing: 0, options);

    /// <summary>Steps of an encoder-decoder over pairs without padding; tokens of both sides count.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="vocabulary">V of both sides.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">Tokens of each side.</param>
    /// <param name="smoothing">The share of the probability spread over all tokens.</param>
    /// <param name="options">Where, how, and how long.</param>
    public static StepBenchmarkResult Pairs(Seq2SeqConfig shape, int vocabulary, int rows, int length, double smoothing, StepBenchmarkOptions options) =>
        Measure(shape, Seq2SeqKind.ProfileStep(shape, vocabulary, rows, length), smoothing, options);

    internal static StepBenchmarkResult Measure(ModelConfig config, DataProfile data, double smoothing, StepBenchmarkOptions options)
    {
        using var inputs = NewDisposeScope();
        using var work = StepWork.Create(config, data, smoothing, options.Device);
        var (model, shape) = (work.Model, data.Batches[0]);
        var lossOf = work.Batch(shape);
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1e-3, Betas = (0.9, 0.99), WeightDecay = 0.1 }, model);
        var precision = Precisions.Resolve(options.Precision, options.Device);
        Precisions.Apply(model, precision);
        model.train();
        double Step()
        {
            using var scope = NewDisposeScope();
            var loss = lossOf();
            Gradients.Backward(loss);
            var norm = optimizer.GradientNorm();
            optimizer.Step(1e-3, norm > 1 ? 1 / norm : 1);
            optimizer.ZeroGradients();
            return loss.item<float>();
        }
        var first = Step();
        for (var i = 1; i < WarmSteps; i++) Step();
        var times = new List<double>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < options.Seconds || times.Count < FewestSteps)
        {
            var started = Stopwatch.GetTimestamp();
            Step();
            times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        times.Sort();
        return new StepBenchmarkResult
        {
            Model = KindAttribute.Of(config),
            Parameters = model.parameters().Sum(parameter => parameter.numel()),
            Precision = precision == Precision.Bf16 ? "bf16" : "fp32",
            Device = options.Device.ToString(),
            Unit = data.Unit,
            UnitsPerStep = (int)shape.Units,
            Steps = times.Count,
            Seconds = times[times.Count / 2],
            FastSeconds = times[times.Count / 4],
            SlowSeconds = times[3 * times.Count / 4],
            FirstLoss = first,
            FlopsPerStep = data.FlopsOf(config).Of(shape),
            PeakFlopsPerSecond = MachinePeaks.FlopsPerSecond(options.Device, precision),
            PeakMemoryBytes = ProcessMemory.Peak,
        };
    }
}

/// <summary>Where a step is measured, and for how long.</summary>
/// <param name="Device">The device.</param>
/// <param name="Precision">The type of products.</param>
/// <param name="Seconds">About how long, after the warm-up.</param>
public sealed record StepBenchmarkOptions(Device Device, Precision Precision, double Seconds);

/// <summary>What training steps took.</summary>
public sealed record StepBenchmarkResult
{
    /// <summary>The kind of model.</summary>
    public required string Model { get; init; }
    /// <summary>Its parameters.</summary>
    public required long Parameters { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Where it ran.</summary>
    public required string Device { get; init; }
    /// <summary>What throughput counts: <c>tokens</c> or <c>images</c>.</summary>
    public required string Unit { get; init; }
    /// <summary>Units of a step.</summary>
    public required int UnitsPerStep { get; init; }
    /// <summary>Steps that were measured.</summary>
    public required int Steps { get; init; }
    /// <summary>Seconds of the median step.</summary>
    public required double Seconds { get; init; }
    /// <summary>Seconds that a quarter of the steps stayed under.</summary>
    public required double FastSeconds { get; init; }
    /// <summary>Seconds that three quarters of the steps stayed under.</summary>
    public required double SlowSeconds { get; init; }
    /// <summary>The loss of the first step, before any update: near the logarithm of the number of classes.</summary>
    public required double FirstLoss { get; init; }
    /// <summary>Operations of a step.</summary>
    public required double FlopsPerStep { get; init; }
    /// <summary>The machine's measured peak, operations a second.</summary>
    public required double PeakFlopsPerSecond { get; init; }
    /// <summary>The most resident bytes of the process so far.</summary>
    public required long PeakMemoryBytes { get; init; }
    /// <summary>Units a second of the median step.</summary>
    public double UnitsPerSecond => UnitsPerStep / Seconds;
    /// <summary>The fraction of that peak which a step reaches.</summary>
    public double Utilisation => FlopsPerStep / Seconds / PeakFlopsPerSecond;
}
