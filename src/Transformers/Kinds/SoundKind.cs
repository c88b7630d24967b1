using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data.Audio;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
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

    private protected override SmallModel OneOfEachBlock(AstConfig model, DataProfile data) =>
        new(new Ast(model with { Layers = 1 }, data.Sound!.Value), ("blocks.", [model.Layers]));

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

/// <summary>Classifies recordings.</summary>
/// <remarks>The spectrogram is computed on the model's device. Validation uses no masks, shifts or label smoothing.</remarks>
sealed class SoundTask(Ast model, SoundDataset sounds, SoundInput input, RunConfig run, Device device)
    : PatchClassifierTask<SoundBatch>(model, sounds.Classes, run, device, "audio", 0x736F756E64, sounds.Train.Length, sounds.Validation, ((AstConfig)run.Model).TokensOf(model.Shape))
{
    readonly SoundFrontEnd front = new(input, device);
    readonly AudioAugmentConfig augment = ((AudioDataConfig)run.Data).Augment;

    /// <summary>Opens the recordings and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig run, AudioDataConfig data, AstConfig network, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        if (data.Source is GeneratedAudioConfig) observer.OnPreparing("synthesising recordings", 0);
        var sounds = SoundDataset.Open(data, run.Seed, generated: Path.Combine(options.Cache, "sounds"), cancel: stop.Token);
        if (sounds.Train.Length == 0) throw new UserException("there are no training recordings that can be read", sounds.Broken.Select(problem => problem.ToString()).FirstOrDefault());
        LabelledNotes.CheckClasses(sounds.Classes, "recordings");
        observer.Note($"{sounds.Train.Length:N0} training, {sounds.Validation.Length:N0} validation and {Amount.Of(sounds.Test.Length, "test recording")} of {Amount.Of(sounds.Classes.Count, "class", "classes")}");
        foreach (var warning in sounds.Warnings) observer.Warn(warning);
        var input = options.TakenFrom is { } from ? InputOf(TrainedRun.Open(from), from, data) : SoundFrontEnd.Measure(sounds, SoundShape.SamplesOf(data), data.Mels);
        using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
        var model = new Ast(network, SoundShape.Of(data, sounds.Classes.Count), generator).to(options.Device);
        var files = new Dictionary<string, byte[]>
        {
            [SoundInput.FileName] = Encoding.UTF8.GetBytes(input.ToJson()),
            [CheckpointFiles.Classes] = JsonSerializer.SerializeToUtf8Bytes(sounds.Classes, JsonStyle.Options),
        };
        return new TaskSetup
        {
            Task = new SoundTask(model, sounds, input, run, options.Device),
            Files = files,
            UnitsOf = targets => targets * (double)network.TokensOf(model.Shape),
            Labels = sounds.Classes,
            FilesHash = Convert.ToHexStringLower(SHA256.HashData([.. files[SoundInput.FileName], .. files[CheckpointFiles.Classes]])),
        };
    }

    // The loaded weights were trained on spectrograms with this mean, standard deviation and number of bands.
    static SoundInput InputOf(TrainedRun run, string from, AudioDataConfig data)
    {
        var there = SoundInput.Parse(run.Checkpoint.ReadText(SoundInput.FileName), run.Checkpoint.PathOf(SoundInput.FileName));
        if (there.Mels != data.Mels)
            throw new UserException([new Problem($"data.mels ({data.Mels}) must be {there.Mels}, as in {from}, whose weights are used", Path: "data.mels", Hint: $"--set data.mels={there.Mels}, or leave --from out")]);
        return there with { Samples = SoundShape.SamplesOf(data) };
    }

    private protected override SoundBatch Draw(int rows, SampleRandom random)
    {
        var (frames, mels, _) = ((Ast)Model).Shape;
        return sounds.Draw(rows, front.Input.Samples, frames, mels, augment, random);
    }

    private protected override SoundBatch Read(int[] examples) => sounds.Batch(examples, front.Input.Samples);

    private protected override long[] LabelsOf(SoundBatch batch) => batch.Labels;

    private protected override Tensor Logits(SoundBatch batch, int first, int rows, RandomPosition random)
    {
        Tensor spectrogram;
        using (no_grad()) spectrogram = front.Of(batch, first, rows);
        return ((Ast)Model).Logits(spectrogram, random: random).to(ScalarType.Float32);
    }

    public override void Dispose()
    {
        base.Dispose();
        front.Dispose();
    }
}
