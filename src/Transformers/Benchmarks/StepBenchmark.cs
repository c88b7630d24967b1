using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Measures training steps on a batch of random numbers: forward, backward, clipping and AdamW.</summary>
public static class StepBenchmark
{
    const int WarmSteps = 4, FewestSteps = 5;

    /// <summary>Steps of a decoder-only model over rows of its whole context.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="rows">B.</param>
    public static StepBenchmarkResult Text(GptConfig shape, int vocabulary, int rows, StepBenchmarkOptions options)
    {
        long tokens = (long)rows * shape.Context;
        return Measure(shape, new DataProfile { Vocabulary = vocabulary, Batches = [new(rows, shape.Context, 0, tokens, tokens)] }, smoothing: 0, options);
    }

    /// <summary>Steps of an image model.</summary>
    /// <param name="shape">The network.</param>
    /// <param name="images">The images and the classes.</param>
    /// <param name="rows">B.</param>
    public static StepBenchmarkResult Images(ModelConfig shape, ImageShape images, int rows, StepBenchmarkOptions options) =>
        Measure(shape, new DataProfile { Image = images, Classes = images.Classes, Batches = [new(rows, 0, 0, rows, rows)] }, smoothing: 0, options);

    /// <summary>Steps of an encoder-decoder over pairs without padding; tokens of both sides count.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="vocabulary">V of both sides.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">Tokens of each side.</param>
    /// <param name="smoothing">The fraction of the probability that is spread over all tokens.</param>
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
        using var threads = options.Device.type == DeviceType.CPU ? new StepThreads() : null;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < options.Seconds || times.Count < FewestSteps)
        {
            var started = Stopwatch.GetTimestamp();
            Step();
            times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            threads?.Add(shape.Units, times[^1]);
        }
        times.Sort();
        return new StepBenchmarkResult(
            Model: KindAttribute.Of(config),
            Parameters: model.parameters().Sum(parameter => parameter.numel()),
            Precision: Precisions.NameOf(precision),
            Device: options.Device.ToString(),
            Unit: data.Unit,
            UnitsPerStep: (int)shape.Units,
            Steps: times.Count,
            Seconds: times[times.Count / 2],
            FastSeconds: times[times.Count / 4],
            SlowSeconds: times[3 * times.Count / 4],
            FirstLoss: first,
            FlopsPerStep: data.FlopsOf(config).Of(shape),
            PeakFlopsPerSecond: MachinePeaks.FlopsPerSecond(options.Device, precision),
            PeakMemoryBytes: ProcessMemory.Peak);
    }
}

/// <summary>Options of a measurement.</summary>
/// <param name="Device">The device.</param>
/// <param name="Precision">The type of products.</param>
/// <param name="Seconds">About how long to measure, after the warm-up.</param>
public sealed record StepBenchmarkOptions(Device Device, Precision Precision, double Seconds);

/// <summary>The measured training steps.</summary>
/// <param name="Model">The kind of model.</param>
/// <param name="Parameters">Its parameters.</param>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c>.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Unit">What throughput counts: <c>tokens</c> or <c>images</c>.</param>
/// <param name="UnitsPerStep">Units of a step.</param>
/// <param name="Steps">Steps that were measured.</param>
/// <param name="Seconds">Seconds of the median step.</param>
/// <param name="FastSeconds">The lower quartile of the steps' seconds.</param>
/// <param name="SlowSeconds">The upper quartile of the steps' seconds.</param>
/// <param name="FirstLoss">The loss of the first step, before any update: near the logarithm of the number of classes.</param>
/// <param name="FlopsPerStep">Operations of a step.</param>
/// <param name="PeakFlopsPerSecond">The machine's measured peak, operations per second.</param>
/// <param name="PeakMemoryBytes">The most resident bytes of the process so far.</param>
public sealed record StepBenchmarkResult(
    string Model, long Parameters, string Precision, string Device, string Unit, int UnitsPerStep, int Steps, double Seconds, double FastSeconds,
    double SlowSeconds, double FirstLoss, double FlopsPerStep, double PeakFlopsPerSecond, long PeakMemoryBytes)
{
    /// <summary>Units per second of the median step.</summary>
    public double UnitsPerSecond => UnitsPerStep / Seconds;
    /// <summary>The fraction of that peak which a step reaches.</summary>
    public double Utilisation => FlopsPerStep / Seconds / PeakFlopsPerSecond;
}

/// <summary>Measures the training steps of a config on random numbers, without its data.</summary>
public static class StepBenchmarkConfig
{
    const int AssumedRows = 8;

    /// <summary>Measures the model of a config.</summary>
    /// <param name="config">A <see cref="RunConfig"/> or a <see cref="ModelFragment"/>.</param>
    /// <param name="rows">Sequences or images of a step; null for the config's micro-batch.</param>
    /// <param name="run">The run whose tokenizer gives the vocabulary, if any.</param>
    /// <param name="note">Called with each assumption.</param>
    /// <exception cref="UserException">The model alone does not say how large its input is.</exception>
    public static StepBenchmarkResult Run(object config, int? rows, StepBenchmarkOptions options, string? run, Action<string> note)
    {
        var training = config as RunConfig;
        var model = training?.Model ?? ((ModelFragment)config).Model;
        var notes = new List<string>();
        int? tokens = run is not null && File.Exists(TokenizerPair.PathIn(run)) ? TokenizerFile.Load(TokenizerPair.PathIn(run)).VocabularySize : null;
        var profile = Kind.For(model).ProfileStep(model, new StepRequest(training, Rows, shape => shape.Vocabulary ?? tokens ?? VocabularyOf(training?.Data, notes), tokens, notes));
        var result = StepBenchmark.Measure(model, profile, profile.Smoothing, options);
        foreach (var one in notes) note(one);
        return result;

        int Rows(int length)
        {
            if (rows is { } given) return given;
            if (training?.Training.Batch is { } batch) return batch.Micro ?? batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
            notes.Add($"a batch of {AssumedRows} is assumed; --rows sets another size");
            return AssumedRows;
        }
    }

    // The vocabulary that the config's tokenizer will have.
    static int VocabularyOf(DataConfig? data, List<string> notes)
    {
        switch (data)
        {
            case TextDataConfig text: return DataProfile.VocabularyOf(text, notes);
            case ParallelDataConfig { Tokenizer: BpeTokenizerConfig bpe }: return bpe.Vocabulary;
            case null: throw new UserException("without data, model.vocabulary must be given to measure a model", "for example --set model.vocabulary=50257");
            default:
                notes.Add($"the vocabulary comes from the text, which was not read: {DataProfile.AssumedCharacters} tokens are assumed");
                return DataProfile.AssumedCharacters;
        }
    }
}
