using TorchSharp;
using Transformers.Data.Audio;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.Onnx;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Transformers on spectrograms.</summary>
sealed class SoundKind : Kind<AstConfig, AudioDataConfig>
{
    const int AssumedClasses = 10;

    public override ModelInput Input => ModelInput.Sounds;

    public override bool Classifies => true;

    protected override TaskSetup CreateTask(RunConfig run, AudioDataConfig data, AstConfig model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        SoundTask.Prepare(run, data, model, options, observer, stop);

    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw EncoderKind.NoDecoder(run);
        using var network = SoundRun.Open(run, options.Device, options.Precision);
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var sounds = options.Processes.InTurns(() => network.OpenSounds(options.Data, options.Split, Path.Combine(options.Cache, "sounds")));
        var (split, indices) = sounds.Split(options.Split);
        var numbers = KnownClasses.NumbersOf(sounds.Classes, network.Classes, "recordings");
        var tally = new ClassifierTally(network.Classes, predictions.Add);
        List<int[]> parts = [.. indices.Chunk(options.BatchSize ?? 64)];
        foreach (var (scores, part) in options.Processes.DivideStream(parts.Counted(indices.Length, options.Progress, part => part.Length), ScoresOf).Zip(parts))
            tally.Add(scores, [.. part.Select(index => numbers[sounds.LabelOf(index)])], row => sounds.NameOf(part[row]));
        predictions.Complete();
        var metrics = ClassifierMetrics.Of(tally.Report);
        if (options.Data is null) metrics["centroid_top1"] = network.FrontEnd.CentroidAccuracy(sounds, indices);
        return tally.Result(run, name, split, metrics) with
        {
            Mistakes = tally.TakeMistakes(), Broken = sounds.Broken.Count == 0 ? null : [.. sounds.Broken.Select(problem => problem.ToString())],
        };

        float[] ScoresOf(int[] part)
        {
            cancel.ThrowIfCancellationRequested();
            return network.Scores(sounds.Batch(part, network.FrontEnd.Input.Samples));
        }
    }

    protected override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        NativeLibraries.Load();
        using var network = SoundRun.Open(run);
        var weights = OnnxExport.WeightsOf(network.Model, request);
        return OnnxExport.Write(run, request, weights, new() { Kind = NameOf(run), Task = "classify_sound", Labels = network.Classes, Sound = OnnxSoundInput.Of(network.FrontEnd.Input) },
            ("model.onnx", OnnxAst.Build((AstConfig)run.Config.Model, network.Model.Shape, weights)));
    }

    // centroid_top1 only for the run's own recordings.
    public override IReadOnlyList<string> EvaluationMetrics(TrainedRun run) =>
        ["loss", "top1", .. run.LoadClasses().Count > 5 ? new[] { "top5" } : [], "macro_f1", "calibration_error", "centroid_top1"];

    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        using var network = SoundRun.Open(run, device);
        var path = subject.Sound ?? throw new UserException("--sound must be given, with an audio file");
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
        long rows = batch.RowsOf("audio"), tokens = model.TokensOf(shape);
        return new() { Sound = shape, Classes = shape.Classes, Batches = [new(rows, tokens, 0, rows, rows * tokens)] };
    }

    private protected override DataProfile ProfileAlone(AstConfig model) =>
        throw new UserException("without data, an audio model has no sizes: they follow from data.seconds and data.mels", "give a config that also has data");

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
