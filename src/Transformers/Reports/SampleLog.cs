using System.Text.Json;
using Transformers.IO;
using Transformers.Training;

namespace Transformers.Reports;

/// <summary>Outputs of the model after a step.</summary>
/// <param name="Step">The step.</param>
/// <param name="Samples">The texts.</param>
public sealed record SampleEvent(long Step, IReadOnlyList<string> Samples);

/// <summary>Keeps a run's samples in <c>samples.jsonl</c>, a line a step, for its report.</summary>
/// <param name="path">The file.</param>
public sealed class SampleLog(string path) : ITrainingObserver
{
    const int LargestFile = 64 << 20;
    readonly List<SampleEvent> events = [];

    /// <summary>Goes on from a step; what was written after it is dropped.</summary>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public void Open(long step)
    {
        events.Clear();
        events.AddRange(Read(path).Where(one => one.Step <= step));
        if (File.Exists(path)) Write();
    }

    /// <inheritdoc/>
    public void OnRollback(long step) => Open(step);

    /// <inheritdoc/>
    public void OnSamples(long step, IReadOnlyList<string> samples)
    {
        events.RemoveAll(one => one.Step == step);
        events.Add(new(step, samples));
        Write();
    }

    void Write()
    {
        try
        {
            DurableFile.WriteText(path, string.Concat(events.Select(one => JsonSerializer.Serialize(one, JsonStyle.Options) + "\n")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", path)], exception);
        }
    }

    /// <summary>The samples of a file; lines that are none are passed over.</summary>
    /// <exception cref="UserException">It cannot be read, or is larger than 64 MiB.</exception>
    public static IReadOnlyList<SampleEvent> Read(string path)
    {
        if (!File.Exists(path)) return [];
        var events = new List<SampleEvent>();
        foreach (var line in BoundedFile.ReadText(path, LargestFile).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            try
            {
                if (JsonSerializer.Deserialize<SampleEvent>(line, JsonStyle.Options) is { Samples: not null } one) events.Add(one);
            }
            catch (JsonException)
            {
                // A line that another program spoilt is no reason for a report to fail.
            }
        return events;
    }
}
