using System.Runtime.InteropServices;
using System.Text.Json;
using TorchSharp;
using Transformers.IO;
using Transformers.Native;

namespace Transformers.Reports;

/// <summary>Where a run was trained, and by which versions: a run's <c>machine.json</c>.</summary>
public sealed record MachineReport
{
    /// <summary>The file's name.</summary>
    public const string File = "machine.json";

    /// <summary>The operating system.</summary>
    public required string System { get; init; }
    /// <summary>The processor's name, where it tells it.</summary>
    public required string Processor { get; init; }
    /// <summary>Threads of one operation.</summary>
    public required int Threads { get; init; }
    /// <summary>The device that trained.</summary>
    public required string Device { get; init; }
    /// <summary>The instruction set that libtorch uses.</summary>
    public required string Instructions { get; init; }
    /// <summary>This program's version.</summary>
    public required string Program { get; init; }
    /// <summary>libtorch's version.</summary>
    public required string Libtorch { get; init; }
    /// <summary>.NET's version.</summary>
    public required string Dotnet { get; init; }

    /// <summary>This machine, with the engine loaded.</summary>
    public static MachineReport Here(torch.Device device)
    {
        var engine = NativeLibraries.Load();
        return new MachineReport
        {
            System = RuntimeInformation.OSDescription,
            Processor = ProcessorName() ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Threads = torch.get_num_threads(),
            Device = device.ToString(),
            Instructions = ProcessSettings.Instructions,
            Program = typeof(MachineReport).Assembly.GetName().Version?.ToString(3) ?? "",
            Libtorch = engine.Version,
            Dotnet = Environment.Version.ToString(),
        };
    }

    /// <summary>What a run's folder says, or null.</summary>
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

    /// <summary>As JSON.</summary>
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
            // Not Linux: the caller's fallback answers.
        }
        return null;
    }
}
