using TorchSharp;
using Transformers.Configs;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Reports;

/// <summary>The contents of a report on one run, read from its folder.</summary>
/// <param name="Name">The folder's name.</param>
/// <param name="Config">The config.</param>
/// <param name="Curve">The metrics.</param>
/// <param name="Samples">The samples, in the order of their steps.</param>
/// <param name="Pictures">The newest pictures of its model: name and SVG document.</param>
/// <param name="Result">The result; null for a run that has not finished.</param>
/// <param name="Machine">The machine that trained it.</param>
public sealed record ReportedRun(
    string Name, RunConfig Config, RunCurve Curve, IReadOnlyList<SampleEvent> Samples, IReadOnlyList<(string Name, string Svg)> Pictures,
    TrainResult? Result, MachineReport? Machine)
{
    /// <summary>Reads a run's folder, finished or not.</summary>
    /// <exception cref="UserException">The run does not exist, or its config cannot be read.</exception>
    public static ReportedRun Read(RunFolder folder)
    {
        if (SpecialFile.IsDenied(folder.ConfigFile)) throw new UserException([new Problem("permission denied", folder.FullPath)]);
        if (!File.Exists(folder.ConfigFile)) throw new UserException([new Problem("is not a run: it has no config.yaml", folder.FullPath)]);
        var name = Path.GetFileName(folder.FullPath);
        return new ReportedRun(
            Name: name,
            Config: ConfigFile.Load<RunConfig>([folder.ConfigFile]),
            Curve: new RunCurve(name, [.. MetricsLog.Read(folder.MetricsFile)]),
            Samples: SampleLog.Read(folder.SamplesFile),
            Pictures: PictureLog.Read(folder.FullPath),
            Result: TrainResult.Read(folder),
            Machine: MachineReport.Read(Path.Combine(folder.FullPath, MachineReport.File)));
    }

    /// <summary>The numbers of the table of results, by name.</summary>
    public IReadOnlyList<(string Name, double Value)> Numbers()
    {
        if (Result is not { } result)
            return Curve.Events.Count == 0 ? [] : [("steps so far", Curve.Events.Max(one => one.Step))];
        var numbers = new List<(string, double)> { ("steps", result.Steps), ("seconds", result.Seconds), ("parameters", result.Parameters) };
        if (result.TrainLoss is { } train) numbers.Add(("train_loss", train));
        if (result.ValLoss is { } val) numbers.Add(("val_loss", val));
        if (result.Best is { } best) numbers.AddRange([("best val_loss", best.ValLoss), ("best step", best.Step)]);
        numbers.AddRange(result.Metrics.Select(metric => (metric.Key, metric.Value)));
        if (result.TokensPerSecond is { } tokens) numbers.Add(("tokens/s", tokens));
        if (result.ImagesPerSecond is { } images) numbers.Add(("images/s", images));
        numbers.Add(("peak memory (MiB)", result.PeakMemoryBytes / (double)(1 << 20)));
        return numbers;
    }

    /// <summary>Every setting of a config by its path.</summary>
    public static IReadOnlyDictionary<string, string> Settings(RunConfig config)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        Flatten(ConfigWriter.ToJson(config), "", settings);
        return settings;
    }

    static void Flatten(JsonNode? node, string path, Dictionary<string, string> settings)
    {
        if (node is JsonObject map)
            foreach (var (key, value) in map) Flatten(value, path.Length == 0 ? key : $"{path}.{key}", settings);
        else settings[path] = node?.ToJsonString(JsonStyle.Options) ?? "null";
    }

    /// <summary>The ready-made config of the run's name; null if there is none.</summary>
    public RunConfig? Preset()
    {
        if (ReadyConfigs.List().FirstOrDefault(entry => Path.GetFileName(entry.Name) == Name) is not { } ready) return null;
        try
        {
            return ModelFragment.LoadOrRun([ready.Path]) as RunConfig;
        }
        catch (UserException)
        {
            return null;
        }
    }
}

/// <summary>The machine and the versions that trained a run: its <c>machine.json</c>.</summary>
/// <param name="System">The operating system.</param>
/// <param name="Processor">The processor's name, or its architecture if the system does not report the name.</param>
/// <param name="Threads">The number of threads.</param>
/// <param name="Device">The device that trained.</param>
/// <param name="Instructions">The instruction set that libtorch uses.</param>
/// <param name="Program">This program's version.</param>
/// <param name="Libtorch">libtorch's version.</param>
/// <param name="Dotnet">.NET's version.</param>
public sealed record MachineReport(
    string System, string Processor, int Threads, string Device, string Instructions, string Program, string Libtorch, string Dotnet)
{
    /// <summary>The file's name.</summary>
    public const string File = "machine.json";

    /// <summary>Describes this machine; loads libtorch.</summary>
    public static MachineReport Here(torch.Device device)
    {
        var engine = NativeLibraries.Load();
        return new MachineReport(
            System: RuntimeInformation.OSDescription,
            Processor: ProcessorName() ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Threads: torch.get_num_threads(),
            Device: device.ToString(),
            Instructions: ProcessSettings.Instructions,
            Program: typeof(MachineReport).Assembly.GetName().Version?.ToString(3) ?? "",
            Libtorch: engine.Version,
            Dotnet: Environment.Version.ToString());
    }

    /// <summary>Reads the file; null if it does not exist or is not such a report.</summary>
    public static MachineReport? Read(string path)
    {
        try
        {
            return global::System.IO.File.Exists(path) ? JsonSerializer.Deserialize<MachineReport>(BoundedFile.ReadBytes(path, 1 << 20), JsonStyle.Options) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The report as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonStyle.Options) + "\n";

    static string? ProcessorName()
    {
        try
        {
            foreach (var line in global::System.IO.File.ReadLines("/proc/cpuinfo"))
                if (line.StartsWith("model name", StringComparison.Ordinal)) return line[(line.IndexOf(':') + 1)..].Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not on Linux; the caller has a fallback.
        }
        return null;
    }
}

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
