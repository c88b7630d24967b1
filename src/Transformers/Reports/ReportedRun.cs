using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
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
