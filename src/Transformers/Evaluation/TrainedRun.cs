using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Decoding;
using Transformers.Models;
using Transformers.Runs;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Opens a trained run for generation and evaluation, from its folder or from one of its checkpoint folders.</summary>
public sealed class TrainedRun
{
    TrainedRun(Checkpoint checkpoint, RunConfig config)
    {
        Checkpoint = checkpoint;
        Config = config;
    }

    /// <summary>The checkpoint.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>The config that it was trained with.</summary>
    public RunConfig Config { get; }

    /// <summary>Opens a run, and verifies the checkpoint's bytes.</summary>
    /// <param name="path">A run folder, or a checkpoint folder.</param>
    /// <param name="which"><c>best</c>, <c>latest</c> or a step, of a run folder; null for the best, else the newest.</param>
    /// <exception cref="UserException">The run or checkpoint does not exist or is damaged.</exception>
    public static TrainedRun Open(string path, string? which = null)
    {
        if (!Directory.Exists(path))
            throw new UserException([File.Exists(path) ? new Problem("is a file, but a run folder is needed", path, Hint: HintForFile(path))
                : new Problem("the run folder does not exist", path, Hint: NearRun(path) is { } near ? $"did you mean {near}?" : "train one first: transformer train configs/gpt-stories.yaml")]);
        var (checkpoint, choice) = File.Exists(Path.Combine(path, CheckpointFiles.Manifest)) ? (RunFolder.OpenCheckpoint(path, which), null) : OfRun(path, which);
        var config = ConfigFile.Parse<RunConfig>(checkpoint.ReadText(CheckpointFiles.Config), checkpoint.PathOf(CheckpointFiles.Config));
        return new TrainedRun(checkpoint, config) { Choice = choice };
    }

    static string HintForFile(string path) => Path.GetFileName(path) switch
    {
        "latest" or "best" when Path.GetFileName(Path.GetDirectoryName(path)) == RunFolder.CheckpointsFolder => $"give the run's folder and --checkpoint {Path.GetFileName(path)}",
        CheckpointFiles.Model => "give the folder that contains it",
        _ => "a run folder is what train writes",
    };

    // Runs are usually in the folder runs, which is easily left out.
    static string? NearRun(string path) => Path.Combine("runs", path) is var below && Directory.Exists(below) ? below : Suggestion.NearPath(path) ?? Suggestion.NearPath(below);

    /// <summary>Which of a run's checkpoints was chosen and why, if the caller named none; null if there was no choice.</summary>
    public string? Choice { get; private init; }

    static (Checkpoint checkpoint, string? choice) OfRun(string path, string? which)
    {
        using var folder = RunFolder.OpenForReading(path);
        if (!Directory.Exists(Path.Combine(path, RunFolder.CheckpointsFolder)))
            throw new UserException([Directory.EnumerateDirectories(path, "seed-*").Order(StringComparer.Ordinal).FirstOrDefault() is { } first
                ? new Problem("the folder contains the runs of several seeds", path, Hint: $"name one of them, such as {first}")
                : File.Exists(folder.ConfigFile) ? new Problem("the run has saved no checkpoint yet", path, Hint: "train saves one every training.checkpoint.every steps and at its end")
                : new Problem("is not a run folder: it has no checkpoints", path, Hint: File.Exists(Path.Combine(path, "config.json")) ? $"transformer import {path} --output RUN turns another program's model into a run" : "a run folder is what train writes, such as runs/gpt-stories")]);
        if (which is not null) return (folder.Checkpoints.Open(which), null);
        var chosen = folder.Checkpoints.OpenBestOrLatest();
        return (chosen, WhyChosen(chosen, folder.Checkpoints));
    }

    static string WhyChosen(Checkpoint chosen, CheckpointStore store)
    {
        if (store.BestStep is null || !chosen.Manifest.Metrics.TryGetValue(TrainerOutputs.ValidationLoss, out var loss))
            return $"step {chosen.Step}, the newest checkpoint: no checkpoint has a validation";
        var newest = store.Steps()[0];
        return FormattableString.Invariant($"step {chosen.Step}, the checkpoint with the best validation (loss {loss:0.####})")
            + (newest == chosen.Step ? ", which is the newest" : $"; the newest is step {newest} (--checkpoint latest)");
    }

    /// <summary>The run's tokenizer.</summary>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public TextTokenizer LoadTokenizer() => LoadTokenizer(TokenizerPair.SourceNames.FirstOrDefault(Checkpoint.Has) ?? CheckpointFiles.Tokenizer);

    /// <summary>A tokenizer of the run.</summary>
    /// <param name="name">The file's name.</param>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public TextTokenizer LoadTokenizer(string name) => TokenizerFile.Load(Checkpoint.PathOf(name));

    /// <summary>The config's model, which must be of one kind: checked before any file that another kind lacks.</summary>
    /// <param name="wanted">What is needed, for the message.</param>
    /// <exception cref="UserException">The run is of a different kind.</exception>
    public T Require<T>(string wanted) where T : class => Config.Model as T
        ?? throw new UserException($"the run is of kind {KindAttribute.Of(Config.Model)}, but this needs {wanted}");

    /// <summary>Fills a model with the checkpoint's weights: their moving average, if there is one.</summary>
    /// <param name="model">A model of the config's shape, on any device.</param>
    public T Fill<T>(T model) where T : nn.Module
    {
        Checkpoint.Fill(Checkpoint.WeightsFile, model.state_dict().Select(named => (named.Key, named.Value)));
        model.eval();
        return model;
    }

    /// <summary>The run's language model.</summary>
    /// <param name="tokenizer">The run's tokenizer.</param>
    /// <exception cref="UserException">The run is of a different kind.</exception>
    public Gpt LoadLanguageModel(TextTokenizer tokenizer, Device device)
    {
        var shape = Require<GptConfig>("a language model (gpt)");
        return Fill(new Gpt(shape, shape.VocabularyFor(tokenizer)).to(device));
    }
}

/// <summary>The text models of a run, with the checkpoint's weights and in evaluation mode.</summary>
public static class TrainedRunModels
{
    /// <summary>The tokenizers of an encoder-decoder; the same object twice if both sides share one.</summary>
    /// <exception cref="UserException">A file is missing or damaged.</exception>
    public static (TextTokenizer source, TextTokenizer target) LoadTokenizers(this TrainedRun run)
    {
        var source = run.LoadTokenizer();
        return (source, TokenizerPair.TargetNames.FirstOrDefault(run.Checkpoint.Has) is { } target ? run.LoadTokenizer(target) : source);
    }

    /// <summary>The run's encoder-decoder.</summary>
    /// <param name="tokenizers">The run's tokenizers.</param>
    /// <exception cref="UserException">The run is of a different kind.</exception>
    public static Seq2Seq LoadSeq2Seq(this TrainedRun run, (TextTokenizer source, TextTokenizer target) tokenizers, Device device)
    {
        var shape = run.Require<Seq2SeqConfig>("an encoder-decoder (seq2seq)");
        var (source, target) = tokenizers;
        return run.Fill(new Seq2Seq(shape, shape.VocabularyFor(source), shape.VocabularyFor(target), ReferenceEquals(source, target)).to(device));
    }

    /// <summary>A translator with the run's encoder-decoder.</summary>
    /// <param name="precision">The type of products.</param>
    /// <param name="quantized">Whether the decoder's matrices have 8 bits.</param>
    /// <exception cref="UserException">The run is of a different kind.</exception>
    public static Translator LoadTranslator(this TrainedRun run, Device device, Precision precision = Precision.Fp32, bool quantized = false)
    {
        run.Require<Seq2SeqConfig>("an encoder-decoder (seq2seq)");
        var (source, target) = run.LoadTokenizers();
        return new Translator(run.LoadSeq2Seq((source, target), device), source, target, device) { Precision = precision, Quantized = quantized };
    }

    /// <summary>The run's encoder with its head.</summary>
    /// <param name="tokenizer">The run's tokenizer.</param>
    /// <exception cref="UserException">The run is of a different kind.</exception>
    public static EncoderModel LoadEncoder(this TrainedRun run, TextTokenizer tokenizer, Device device)
    {
        var shape = run.Require<EncoderConfig>("an encoder");
        var classes = run.Checkpoint.Has(CheckpointFiles.Classes) ? run.LoadClasses().Count : 0;
        return run.Fill(EncoderModel.Create(shape, shape.VocabularyFor(tokenizer), classes).to(device));
    }

    /// <summary>The names of the classes of a run that classifies.</summary>
    /// <exception cref="UserException">The run has no classes, or their file is damaged.</exception>
    public static IReadOnlyList<string> LoadClasses(this TrainedRun run)
    {
        var text = run.Checkpoint.ReadText(CheckpointFiles.Classes);
        try
        {
            if (JsonSerializer.Deserialize<List<string>>(text, JsonStyle.Options) is { Count: > 0 } names && !names.Contains(null!)) return names;
        }
        catch (JsonException)
        {
            // Reported below.
        }
        throw new UserException([new Problem("must be a JSON list of names", run.Checkpoint.PathOf(CheckpointFiles.Classes))]);
    }
}

/// <summary>Single tensors of a checkpoint, without its model.</summary>
public static class StoredWeights
{
    /// <summary>The first tensor whose name has an ending; from the moving average, if there is one.</summary>
    /// <param name="ending">The end of its name, such as <c>pos_emb.weight</c>.</param>
    /// <param name="dimensions">The number of its dimensions; null for any.</param>
    /// <returns>The tensor, or null if there is none with that name.</returns>
    /// <exception cref="UserException">The file is damaged.</exception>
    public static Tensor? Find(Checkpoint checkpoint, string ending, int? dimensions = null)
    {
        var name = checkpoint.WeightsFile;
        using var file = checkpoint.OpenTensors(name);
        var stored = file.Tensors.Where(one => one.Name.EndsWith(ending, StringComparison.Ordinal) && (dimensions ?? one.Shape.Count) == one.Shape.Count).OrderBy(one => one.Name, StringComparer.Ordinal).FirstOrDefault();
        return stored is null ? null : ModelTensors.Load(file, stored, checkpoint.PathOf(name));
    }
}
