using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.IO;
using Transformers.Models;
using Transformers.Runs;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Opens what a run left, for generation and evaluation: from a run folder, or from one of its checkpoint folders.</summary>
public sealed class TrainedRun
{
    TrainedRun(Checkpoint checkpoint, RunConfig config)
    {
        Checkpoint = checkpoint;
        Config = config;
    }

    /// <summary>The checkpoint.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>The config that it was trained by.</summary>
    public RunConfig Config { get; }

    /// <summary>Opens a run, and verifies the checkpoint's bytes.</summary>
    /// <param name="path">A run folder, or a checkpoint folder.</param>
    /// <param name="which"><c>best</c>, <c>latest</c> or a step, of a run folder; null for the best, else the newest.</param>
    /// <exception cref="UserException">There is no such run or checkpoint, or it is damaged.</exception>
    public static TrainedRun Open(string path, string? which = null)
    {
        if (!Directory.Exists(path))
            throw new UserException([new Problem("there is no such run folder", path, Hint: "train one first: transformer train configs/gpt-stories.yaml")]);
        var checkpoint = File.Exists(Path.Combine(path, CheckpointFiles.Manifest)) ? RunFolder.OpenCheckpoint(path, which) : OfRun(path, which);
        var config = ConfigFile.Parse<RunConfig>(checkpoint.ReadText(CheckpointFiles.Config), checkpoint.PathOf(CheckpointFiles.Config));
        return new TrainedRun(checkpoint, config);
    }

    static Checkpoint OfRun(string path, string? which)
    {
        using var folder = RunFolder.OpenForReading(path);
        if (!Directory.Exists(Path.Combine(path, RunFolder.CheckpointsFolder)))
            throw new UserException([Directory.EnumerateDirectories(path, "seed-*").Order(StringComparer.Ordinal).FirstOrDefault() is { } first
                ? new Problem("the folder holds the runs of several seeds", path, Hint: $"name one of them, such as {first}")
                : File.Exists(folder.ConfigFile) ? new Problem("the run has saved no checkpoint yet", path, Hint: "train saves one every training.checkpoint.every steps and at its end")
                : new Problem("is no run folder: it has no checkpoints", path, Hint: "a run folder is what train writes, such as runs/gpt-stories")]);
        return which is null ? folder.Checkpoints.OpenBestOrLatest() : folder.Checkpoints.Open(which);
    }

    /// <summary>The run's tokenizer.</summary>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public TextTokenizer LoadTokenizer() => LoadTokenizer(TokenizerPair.SourceNames.FirstOrDefault(Checkpoint.Has) ?? CheckpointFiles.Tokenizer);

    /// <summary>A tokenizer of the run.</summary>
    /// <param name="name">The file's name.</param>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public TextTokenizer LoadTokenizer(string name) => TokenizerFile.Load(Checkpoint.PathOf(name));

    /// <summary>The config's model, which must be of one kind: told before any file that another kind lacks is looked for.</summary>
    /// <param name="wanted">What is needed, for the message.</param>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public T Require<T>(string wanted) where T : ModelConfig => Config.Model as T
        ?? throw new UserException($"the run is of kind {KindAttribute.Of(Config.Model)}, and this needs {wanted}");

    /// <summary>Fills a model with the checkpoint's weights: their moving average, where there is one.</summary>
    /// <param name="model">A model of the config's shape, on any device.</param>
    public T Fill<T>(T model) where T : nn.Module
    {
        var name = Checkpoint.WeightsFile;
        using (var file = Checkpoint.OpenTensors(name))
            ModelTensors.Fill(file, Checkpoint.PathOf(name), model.state_dict().Select(named => (named.Key, named.Value)));
        model.eval();
        return model;
    }

    /// <summary>The run's language model.</summary>
    /// <param name="tokenizer">The run's tokenizer.</param>
    /// <param name="device">Where it is to be.</param>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public Gpt LoadLanguageModel(TextTokenizer tokenizer, Device device)
    {
        var shape = Require<GptConfig>("a language model (gpt)");
        return Fill(new Gpt(shape, shape.VocabularyFor(tokenizer)).to(device));
    }
}
