using System.Text.Json;
using Transformers.IO;
using Transformers.Training;

namespace Transformers.Reports;

/// <summary>Texts that the model generated after a step.</summary>
/// <param name="Step">The step.</param>
/// <param name="Samples">The texts.</param>
public sealed record SampleEvent(long Step, IReadOnlyList<string> Samples);

/// <summary>Keeps a run's samples in <c>samples.jsonl</c>, one line for each step, for its report.</summary>
/// <param name="path">The file.</param>
public sealed class SampleLog(string path) : ITrainingObserver
{
    const int LargestFile = 64 << 20;
    readonly List<SampleEvent> events = [];

    /// <summary>Continues from a step; samples of later steps are dropped.</summary>
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
            throw new UserException([new Problem($"cannot be written: {OutputFile.ReasonOf(exception)}", path)], exception);
        }
    }

    /// <summary>Reads the samples of a file; other lines are skipped.</summary>
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
                // One bad line must not make a report fail.
            }
        return events;
    }
}

/// <summary>Keeps the newest pictures of a run's model as <c>pictures/NAME.svg</c>, for its report.</summary>
/// <param name="folder">The run's folder.</param>
/// <param name="warn">Called once if they cannot be written.</param>
public sealed class PictureLog(string folder, Action<string> warn) : ITrainingObserver
{
    const int LargestFile = 16 << 20;
    const string Subfolder = "pictures";
    bool failed;

    /// <inheritdoc/>
    public void OnPictures(long step, IReadOnlyList<ModelPicture> pictures)
    {
        if (failed || pictures.Count == 0) return;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, Subfolder));
            foreach (var picture in pictures) DurableFile.WriteText(Path.Combine(folder, Subfolder, picture.Name + ".svg"), picture.Svg);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            failed = true;
            warn($"the figures of the model cannot be written: {OutputFile.ReasonOf(exception)}");
        }
    }

    /// <summary>The pictures of a run's folder, by name.</summary>
    /// <exception cref="UserException">One cannot be read, or is larger than 16 MiB.</exception>
    public static IReadOnlyList<(string Name, string Svg)> Read(string folder)
    {
        var pictures = Path.Combine(folder, Subfolder);
        if (!Directory.Exists(pictures)) return [];
        return [.. Directory.GetFiles(pictures, "*.svg").Order(StringComparer.Ordinal)
            .Select(file => (Path.GetFileNameWithoutExtension(file), BoundedFile.ReadText(file, LargestFile)))];
    }
}
