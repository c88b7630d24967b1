using TorchSharp;
using Transformers.Data.Audio;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Transformers over spectrograms.</summary>
sealed class SoundKind : Kind<AstConfig, AudioDataConfig>
{
    const int AssumedClasses = 10, MostMistakes = 20;

    public override ModelInput Input => ModelInput.Sounds;

    public override bool Classifies => true;

    protected override TaskSetup CreateTask(RunConfig run, AudioDataConfig data, AstConfig model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        SoundTask.Prepare(run, data, model, options, observer, stop);

    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw EncoderKind.NoDecoder(run);
        using var network = SoundRun.Open(run, options.Device, options.Precision);
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var sounds = network.OpenSounds(options.Data, Path.Combine(options.Cache, "sounds"));
        var (split, indices) = sounds.Split(options.Split);
        // A folder may hold some of the classes only.
        int[] idOf = [.. sounds.Classes.Select(label => network.Classes.Index().First(known => known.Item == label).Index)];
        var report = new ClassificationReport(network.Classes);
        var mistakes = new List<ImageMistake>();
        double loss = 0;
        foreach (var part in indices.Chunk(options.BatchSize ?? 64))
        {
            cancel.ThrowIfCancellationRequested();
            var scores = network.Scores(sounds.Batch(part, network.FrontEnd.Input.Samples));
            for (var row = 0; row < part.Length; row++)
            {
                var own = scores.AsSpan(row * network.Classes.Count, network.Classes.Count);
                var label = idOf[sounds.LabelOf(part[row])];
                report.Add(own, label);
                loss -= Probabilities.LogOf(own, label);
                var probabilities = Probabilities.Of(own);
                var best = Probabilities.Best(probabilities);
                predictions.Add(new PredictionLine(sounds.NameOf(part[row]), network.Classes[best], network.Classes[label], probabilities[best]));
                if (best != label) mistakes.Add(new ImageMistake(sounds.NameOf(part[row]), network.Classes[label], network.Classes[best], probabilities[best], probabilities[label]));
            }
        }
        var metrics = new Dictionary<string, double> { ["loss"] = loss / indices.Length, ["top1"] = report.Accuracy };
        if (network.Classes.Count > 5) metrics["top5"] = report.TopK(5);
        (metrics["macro_f1"], metrics["calibration_error"]) = (report.MacroF1, report.CalibrationError);
        if (options.Data is null) metrics["centroid_top1"] = network.FrontEnd.CentroidAccuracy(sounds, indices);
        return new EvaluationResult
        {
            Run = name,
            Checkpoint = run.Checkpoint.Step,
            Split = split,
            Examples = indices.Length,
            Metrics = metrics,
            Confusion = report.ConfusionRows(),
            Labels = report.Labels,
            Classes = report.Classes(),
            Mistakes = [.. mistakes.OrderBy(mistake => mistake.LabelProbability).Take(MostMistakes)],
        };
    }

    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        using var network = SoundRun.Open(run, device);
        var path = subject.Sound ?? throw new UserException("--sound must be given: the file of a recording");
        using var scope = NewDisposeScope();
        using var inference = no_grad();
        return SpectrogramPlot.Attention(network.Model, network.FrontEnd.Of(network.Read(path), 0, 1), Path.GetFileName(path));
    }

    private protected override DataProfile ReadProfile(RunConfig run, AudioDataConfig data, AstConfig model, TrainingOptions options)
    {
        var sounds = SoundDataset.Open(data, run.Seed, generated: Path.Combine(options.Cache, "sounds"));
        return Profile(SoundShape.Of(data, sounds.Classes.Count), model, run.Training.Batch);
    }

    private protected override DataProfile AssumeProfile(AudioDataConfig data, AstConfig model, BatchConfig batch) =>
        Profile(SoundShape.Of(data, AssumedClasses), model, batch) with { Notes = [$"{AssumedClasses} classes are assumed"] };

    static DataProfile Profile(SoundShape shape, AstConfig model, BatchConfig batch)
    {
        long rows = batch.Sequences ?? throw new UserException("training.batch.sequences must be given for sounds"), tokens = model.TokensOf(shape);
        return new() { Sound = shape, Classes = shape.Classes, Batches = [new(rows, tokens, 0, rows, rows * tokens)] };
    }

    private protected override DataProfile ProfileAlone(AstConfig model) =>
        throw new UserException("a model of sounds alone has no sizes: they follow from data.seconds and data.mels", "give a config with data too");

    private protected override IReadOnlyList<ParameterShape> ListParameters(AstConfig model, DataProfile data)
    {
        using var one = new Ast(model with { Layers = 1 }, data.Sound!.Value);
        return ParameterTable.Repeat(ParameterTable.Of(one), ("blocks.", [model.Layers]));
    }

    private protected override StepWork CreateWork(AstConfig config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = new Ast(config, data.Sound!.Value, generator).to(device);
        return new(model, shape =>
        {
            var (frames, mels, classes) = model.Shape;
            var spectrogram = randn([shape.Rows, frames, mels], device: device);
            var labels = StepWork.Labels(shape.Rows, classes, device);
            return () => LossSum.Of(model.Logits(spectrogram).to(ScalarType.Float32), labels, smoothing).Objective;
        });
    }
}
