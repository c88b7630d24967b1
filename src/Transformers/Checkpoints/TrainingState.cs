using System.Text.Json;
using System.Text.Json.Serialization;
using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>The best validation so far.</summary>
/// <param name="Metric">The metric's name.</param>
/// <param name="Value">Its value; finite.</param>
/// <param name="Step">The step at which it was measured.</param>
public sealed record BestSoFar(string Metric, double Value, long Step);

/// <summary>The versions that wrote a checkpoint.</summary>
/// <param name="Program">This program's.</param>
/// <param name="Libtorch">libtorch's.</param>
/// <param name="Dotnet">.NET's.</param>
public sealed record WriterVersions(string Program, string Libtorch, string Dotnet);

/// <summary>What may differ between the run that saved and the one that resumes, and what may not.</summary>
/// <param name="Config">Hash of the resolved config; it may differ.</param>
/// <param name="Model">Hash of the part of the config that decides the weights' names and shapes; it may not differ.</param>
/// <param name="Tokenizer">Hash of the tokenizer, or empty where there is none; it may not differ.</param>
public sealed record StateHashes(string Config, string Model, string Tokenizer);

/// <summary>Everything besides tensors that training needs to go on bit for bit: the content of <c>state.json</c>.</summary>
public sealed record TrainingState
{
    /// <summary>The format's name and version.</summary>
    public const string SchemaName = "transformer.state/1";

    const int LongestFile = 16 << 20, MostEntries = 10_000, LargestThreads = 1 << 16;

    /// <summary>Always <see cref="SchemaName"/>.</summary>
    public string Schema { get; init; } = SchemaName;
    /// <summary>Optimizer steps done.</summary>
    public required long Step { get; init; }
    /// <summary>Target tokens seen.</summary>
    public required long Tokens { get; init; }
    /// <summary>Training examples seen.</summary>
    public required long Examples { get; init; }
    /// <summary>Seconds of training in all runs so far.</summary>
    public required double Seconds { get; init; }
    /// <summary>Where in the data training stands: named whole numbers (epoch, position in the epoch, seed, …).</summary>
    public required IReadOnlyDictionary<string, long> Sampler { get; init; }
    /// <summary>States of the random generators by purpose; base64 in the file.</summary>
    public IReadOnlyDictionary<string, byte[]> Generators { get; init; } = new Dictionary<string, byte[]>();
    /// <summary>Numbers of the schedule and the optimizer that are not tensors (steps in all, warm-up, loss scale, …).</summary>
    public required IReadOnlyDictionary<string, double> Schedule { get; init; }
    /// <summary>The latest metrics; may hold NaN and infinities.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();
    /// <summary>The best validation so far, if there was one.</summary>
    public BestSoFar? Best { get; init; }
    /// <summary>What the run was made from.</summary>
    public required StateHashes Hashes { get; init; }
    /// <summary>Precision of the arithmetic: <c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Threads that computed; another number may round differently.</summary>
    public required int Threads { get; init; }
    /// <summary>Who wrote it.</summary>
    public required WriterVersions Versions { get; init; }

    static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        NewLine = "\n",
        MaxDepth = 8,
    };

    /// <summary>The file's content.</summary>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public byte[] ToJson()
    {
        if (Mistake() is { } problem) throw new ArgumentException(problem);
        return [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];
    }

    /// <summary>Reads the file.</summary>
    /// <param name="path">A <c>state.json</c>.</param>
    /// <exception cref="UserException">It is missing, too large, not JSON, has unknown, missing or double keys, or a number out of its range.</exception>
    public static TrainingState Read(string path) => Parse(BoundedFile.ReadBytes(path, LongestFile), path);

    /// <summary>Reads the file's content.</summary>
    /// <param name="json">The bytes.</param>
    /// <param name="path">The file's name, for messages.</param>
    /// <exception cref="UserException">As for <see cref="Read"/>.</exception>
    public static TrainingState Parse(ReadOnlySpan<byte> json, string path)
    {
        try
        {
            var state = JsonSerializer.Deserialize<TrainingState>(json, Json) ?? throw new CheckpointException(path, "is not a training state");
            return state.Mistake() is { } problem ? throw new CheckpointException(path, problem) : state;
        }
        catch (JsonException e)
        {
            int? Number(long? n) => n is null ? null : (int)Math.Min(n.Value + 1, int.MaxValue);
            throw new UserException([new Problem($"is not a training state: {e.Message}", path, Number(e.LineNumber), Number(e.BytePositionInLine), e.Path)], e);
        }
        catch (InvalidOperationException e) // Half a surrogate pair in a text.
        {
            throw new CheckpointException(path, $"is not a training state: {e.Message}", inner: e);
        }
    }

    string? Mistake()
    {
        if (Schema != SchemaName) return $"schema ({MessageText.Quote(Schema)}) must be {SchemaName}; a newer version of the program may have written it";
        if (Step is < 0 or > CheckpointName.LargestStep) return $"step ({Step}) must be from 0 to {CheckpointName.LargestStep}";
        if (Tokens < 0) return $"tokens ({Tokens}) must not be negative";
        if (Examples < 0) return $"examples ({Examples}) must not be negative";
        if (!(Seconds >= 0) || double.IsInfinity(Seconds)) return $"seconds ({Seconds}) must be a number that is not negative";
        if (Threads is < 1 or > LargestThreads) return $"threads ({Threads}) must be from 1 to {LargestThreads}";
        if (Best is { } best && !double.IsFinite(best.Value)) return $"best.value ({best.Value}) must be finite";
        if (Best is { Step: < 0 }) return $"best.step ({Best.Step}) must not be negative";
        if (Generators.Any(g => g.Value is null)) return "generators must not hold null";
        return TooMany("sampler", Sampler.Count) ?? TooMany("generators", Generators.Count) ?? TooMany("schedule", Schedule.Count) ?? TooMany("metrics", Metrics.Count);
    }

    static string? TooMany(string what, int count) => count > MostEntries ? $"{what} must have at most {MostEntries} entries, not {count}" : null;
}
