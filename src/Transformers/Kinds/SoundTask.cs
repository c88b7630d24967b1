using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
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

/// <summary>Classifies recordings.</summary>
/// <remarks>The spectrogram is computed on the model's device. Validation uses no masks, shifts or label smoothing.</remarks>
sealed class SoundTask : ClassifierTask<SoundBatch>
{
    readonly Ast model;
    readonly SoundDataset sounds;
    readonly SoundFrontEnd front;
    readonly AudioDataConfig data;
    readonly TrainingConfig config;
    readonly Device device;
    readonly ModelFlops flops;
    readonly ulong seed;
    readonly int batchSize, tokens;
    readonly Prefetcher<SoundBatch> batches;

    /// <summary>Creates a task on recordings.</summary>
    public SoundTask(Ast model, SoundDataset sounds, SoundInput input, RunConfig run, Device device) : base(sounds.Classes)
    {
        (this.model, this.sounds, this.device, config, data) = (model, sounds, device, run.Training, (AudioDataConfig)run.Data);
        front = new SoundFrontEnd(input, device);
        flops = ModelFlops.OfTokens(run.Model, vocabulary: 0, model.Shape.Classes);
        seed = SeedStreams.Of(run.Seed, "batches");
        batchSize = config.Batch.RowsOf("audio");
        tokens = (int)((AstConfig)run.Model).TokensOf(model.Shape);
        Micro = new MicroSize(config.Batch.Micro);
        batches = new Prefetcher<SoundBatch>(Draw, Math.Max(1, sounds.Train.Length / batchSize));
    }

    /// <summary>Opens the recordings and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig run, AudioDataConfig data, AstConfig network, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        if (data.Source is GeneratedAudioConfig) observer.OnPreparing("speaking", 0);
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

    SoundBatch Draw(DataPosition position) =>
        sounds.Draw(batchSize, front.Input.Samples, model.Shape.Frames, model.Shape.Mels, data.Augment, new SampleRandom(seed, 0x736F756E64, (ulong)position.Epoch, (ulong)position.Next));

    public override nn.Module Model => model;

    // A patch is a token.
    public override string Unit => "tokens";

    protected override IBatchStream<SoundBatch> Stream => batches;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = batches.Next();
        return Slices(batch.Labels.Length, (first, rows) => new Sounds(this, batch, first, rows, config.LabelSmoothing, report: null));
    }

    public override IEnumerable<MicroBatch> Validation(int? count)
    {
        if (BeginReport(count) is not { } report) yield break;
        foreach (var part in sounds.Validation.Chunk(Math.Max(Micro.Of(batchSize), 64)).Take(count ?? int.MaxValue))
            yield return new Sounds(this, sounds.Batch(part, front.Input.Samples), 0, part.Length, smoothing: 0, report);
    }

    public override bool HasValidation => sounds.Validation.Length > 0;

    public override void Dispose()
    {
        base.Dispose();
        front.Dispose();
        model.Dispose();
    }

    /// <summary>Some recordings of a batch.</summary>
    sealed class Sounds(SoundTask task, SoundBatch batch, int first, int rows, double smoothing, ClassificationReport? report) : MicroBatch(rows, (long)rows * task.tokens, first)
    {
        public override double Flops => task.flops.Of(new(rows, task.tokens, 0, rows, Units));

        public override LossSum LossSum(RandomPosition random)
        {
            var labels = batch.Labels[first..(first + rows)];
            Tensor spectrogram;
            using (no_grad()) spectrogram = task.front.Of(batch, first, rows);
            var logits = task.model.Logits(spectrogram, random: random).to(ScalarType.Float32);                       // [B, N]
            report?.AddBatch(logits, labels);
            return Layers.LossSum.Of(logits, tensor(labels).SendTo(task.device), smoothing);
        }
    }
}
