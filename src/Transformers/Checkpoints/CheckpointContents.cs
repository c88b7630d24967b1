using System.Text;
using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>Names of the files that a checkpoint holds.</summary>
public static class CheckpointFiles
{
    /// <summary>The weights.</summary>
    public const string Model = "model.safetensors";
    /// <summary>The optimizer's tensors.</summary>
    public const string Optimizer = "optimizer.safetensors";
    /// <summary>The weights' exponential moving average, where there is one.</summary>
    public const string Average = "ema.safetensors";
    /// <summary>Everything else that training needs to go on: see <see cref="TrainingState"/>.</summary>
    public const string State = "state.json";
    /// <summary>The resolved config.</summary>
    public const string Config = "config.yaml";
    /// <summary>The names of the classes, where the model classifies texts.</summary>
    public const string Classes = "classes.json";
    /// <summary>The tokenizer, where the model has one.</summary>
    public const string Tokenizer = "tokenizer.json";
    /// <summary>Marks a checkpoint that was saved only because its validation was the best so far: it goes when a better one comes, and does not count among the newest.</summary>
    public const string BestOnly = "best_only";
    /// <summary>Sizes and checksums of the others; written last.</summary>
    public const string Manifest = "manifest.json";
}

/// <summary>One file of a checkpoint to be written.</summary>
/// <param name="Name">A plain file name.</param>
/// <param name="Write">Writes the content. In the background this runs on another thread, so what it reads must be a snapshot.</param>
public sealed record CheckpointFile(string Name, Action<Stream> Write);

/// <summary>What one checkpoint is to hold.</summary>
/// <param name="step">Optimizer steps done, at least 0: the checkpoint's name and age.</param>
public sealed class CheckpointContents(long step) : IDisposable
{
    readonly List<CheckpointFile> files = [];
    readonly List<IDisposable> owned = [];
    readonly Dictionary<string, double> metrics = new(StringComparer.Ordinal);

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; } = step is >= 0 and <= CheckpointName.LargestStep ? step
        : throw new ArgumentOutOfRangeException(nameof(step), step, $"a step must be from 0 to {CheckpointName.LargestStep}");

    /// <summary>The files, in the order in which they are written.</summary>
    public IReadOnlyList<CheckpointFile> Files => files;

    /// <summary>The validation metrics at this step, by which the best checkpoints are chosen.</summary>
    public IReadOnlyDictionary<string, double> Metrics => metrics;

    /// <summary>Hands over what the content reads from; it is disposed of with this object.</summary>
    public CheckpointContents Own(IDisposable source)
    {
        owned.Add(source);
        return this;
    }

    /// <summary>Disposes of what was handed over; nothing can be written any more.</summary>
    public void Dispose()
    {
        foreach (var source in owned) source.Dispose();
        owned.Clear();
    }

    /// <summary>Adds a file of tensors.</summary>
    public CheckpointContents AddTensors(string name, IReadOnlyList<TensorBytes> tensors) =>
        Add(name, stream => SafetensorsWriter.WriteTo(stream, tensors, TensorNames.Metadata, file: name));

    /// <summary>Adds a file of text, in UTF-8.</summary>
    public CheckpointContents AddText(string name, string text) => AddBytes(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Adds a file by its bytes.</summary>
    public CheckpointContents AddBytes(string name, ReadOnlyMemory<byte> bytes) => Add(name, stream => stream.Write(bytes.Span));

    /// <summary>Adds <c>state.json</c>.</summary>
    public CheckpointContents AddState(TrainingState state) => Add(CheckpointFiles.State, stream => stream.Write(state.ToJson()));

    /// <summary>Adds a file of any kind.</summary>
    /// <param name="name">A plain file name.</param>
    /// <param name="write">Writes the content; it may run on another thread.</param>
    public CheckpointContents Add(string name, Action<Stream> write)
    {
        if (name.Contains('/') || IO.SafePath.Problem(name) is not null || name.EndsWith(IO.DurableFile.TemporarySuffix, StringComparison.Ordinal) || name == CheckpointFiles.Manifest)
            throw new ArgumentException($"{name} cannot be the name of a checkpoint's file", nameof(name));
        if (files.Exists(f => f.Name == name)) throw new ArgumentException($"the checkpoint has a file {name} already", nameof(name));
        files.Add(new(name, write));
        return this;
    }

    /// <summary>Adds a validation metric. One that is not finite is left out: it is never the best.</summary>
    public CheckpointContents AddMetric(string name, double value)
    {
        if (double.IsFinite(value)) metrics[name] = value;
        return this;
    }
}
