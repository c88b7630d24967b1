using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace Transformers.Checkpoints;

/// <summary>The progress of training: together with the tensors, all that a trainer needs to continue.</summary>
public sealed record TrainerState
{
    /// <summary>Steps done.</summary>
    [JsonRequired]
    public long Step { get; init; }
    /// <summary>Targets learned from.</summary>
    [JsonRequired]
    public long Targets { get; init; }
    /// <summary>Seconds of training in all runs so far, without validation.</summary>
    [JsonRequired]
    public double Seconds { get; init; }
    /// <summary>Steps of the optimizer.</summary>
    [JsonRequired]
    public long OptimizerSteps { get; init; }
    /// <summary>Mean loss of the last reported steps; NaN before the first report.</summary>
    public double TrainLoss { get; init; } = double.NaN;
    /// <summary>The best validation so far, if there was one.</summary>
    public BestSoFar? Best { get; init; }
    /// <summary>Validations since the best one.</summary>
    public int ValidationsSinceBest { get; init; }
    /// <summary>The step of the last validation; 0 before one.</summary>
    [JsonRequired]
    public long ValidatedStep { get; init; }
    /// <summary>Steps whose loss or gradient was not a number and that were skipped.</summary>
    public long SkippedSteps { get; init; }
    /// <summary>How often the run went back to an earlier checkpoint.</summary>
    public long RollBacks { get; init; }
    /// <summary>The number of pieces into which micro-batches are split to fit into memory.</summary>
    public int MicroPieces { get; init; } = 1;
    /// <summary>The position in the data: named whole numbers (epoch, batch, …).</summary>
    [JsonRequired]
    public IReadOnlyDictionary<string, long> Sampler { get; init; } = new Dictionary<string, long>();

    /// <summary>The state after a validation. A loss that is not a number is never the best.</summary>
    internal TrainerState Validated(long step, double loss, out bool best)
    {
        best = double.IsFinite(loss) && !(loss >= Best?.Loss);
        var state = this with { ValidatedStep = step };
        return best ? state with { Best = new(step, loss), ValidationsSinceBest = 0 } : state with { ValidationsSinceBest = ValidationsSinceBest + 1 };
    }

    internal string? Mistake()
    {
        if (Step is < 0 or > CheckpointName.LargestStep) return $"step ({Step}) must be from 0 to {CheckpointName.LargestStep}";
        foreach (var (name, count) in new[] { ("targets", Targets), ("optimizer_steps", OptimizerSteps), ("validated_step", ValidatedStep), ("validations_since_best", ValidationsSinceBest), ("skipped_steps", SkippedSteps), ("roll_backs", RollBacks) })
            if (count < 0) return $"{name} ({count}) must not be negative";
        if (!(Seconds >= 0) || double.IsInfinity(Seconds)) return $"seconds ({Seconds}) must be a number that is not negative";
        if (Best is { } best && !double.IsFinite(best.Loss)) return $"best.loss ({best.Loss}) must be finite";
        if (Best is { Step: < 0 }) return $"best.step ({Best.Step}) must not be negative";
        return MicroPieces < 1 ? $"micro_pieces ({MicroPieces}) must be at least 1" : null;
    }
}

/// <summary>The best validation so far.</summary>
/// <param name="Step">The step at which it was measured.</param>
/// <param name="Loss">Its loss in nats per target; finite.</param>
public sealed record BestSoFar(long Step, double Loss);

/// <summary>The versions that wrote a checkpoint.</summary>
/// <param name="Program">This program's.</param>
/// <param name="Libtorch">libtorch's.</param>
/// <param name="Dotnet">.NET's.</param>
public sealed record WriterVersions(string Program, string Libtorch, string Dotnet);

/// <summary>What may differ between the run that saved and the one that resumes, and what may not.</summary>
/// <param name="Config">Hash of the resolved config; it may differ.</param>
/// <param name="Model">Hash of the part of the config that decides the weights' names and shapes; it may not differ.</param>
/// <param name="Tokenizer">Hash of the tokenizer, or empty if there is none; it may not differ.</param>
public sealed record StateHashes(string Config, string Model, string Tokenizer);

/// <summary>Everything besides tensors that a run needs to continue bit for bit: the content of <c>state.json</c>.</summary>
public sealed record TrainingState
{
    /// <summary>The format's name and version.</summary>
    public const string SchemaName = "transformer.state/2";
    const string OldSchemaName = "transformer.state/1";
    const int LongestFile = 16 << 20, MostEntries = 10_000, LargestThreads = 1 << 16;

    /// <summary>Always <see cref="SchemaName"/>.</summary>
    public string Schema { get; init; } = SchemaName;
    /// <summary>The progress of training.</summary>
    public required TrainerState Trainer { get; init; }
    /// <summary>Hashes of what determines the run.</summary>
    public required StateHashes Hashes { get; init; }
    /// <summary>Precision of the arithmetic: <c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>The number of threads; another number may round differently.</summary>
    public required int Threads { get; init; }
    /// <summary>The versions of the programs that wrote it.</summary>
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
    /// <exception cref="UserException">It is missing, too large, not JSON, has unknown, missing or duplicate keys, or a number out of its range.</exception>
    public static TrainingState Read(string path) => Parse(BoundedFile.ReadBytes(path, LongestFile), path);

    /// <summary>Reads the file's content.</summary>
    /// <param name="json">The bytes.</param>
    /// <param name="path">The file's name, for messages.</param>
    /// <exception cref="UserException">As for <see cref="Read"/>.</exception>
    public static TrainingState Parse(ReadOnlySpan<byte> json, string path)
    {
        try
        {
            var old = json.IndexOf(System.Text.Encoding.UTF8.GetBytes($"\"{OldSchemaName}\"")) >= 0;
            var state = (old ? JsonSerializer.Deserialize<Version1>(json, Json)?.ToCurrent() : JsonSerializer.Deserialize<TrainingState>(json, Json))
                ?? throw new CheckpointException(path, "is not a training state");
            return state.Mistake() is { } problem ? throw new CheckpointException(path, problem) : state;
        }
        catch (JsonException e)
        {
            int? Number(long? n) => n is null ? null : (int)Math.Min(n.Value + 1, int.MaxValue);
            throw new UserException([new Problem($"is not a training state: {JsonStyle.ReasonOf(e)}", path, Number(e.LineNumber), Number(e.BytePositionInLine), e.Path)], e);
        }
        catch (InvalidOperationException e) // A lone surrogate in a text.
        {
            throw new CheckpointException(path, $"is not a training state: {e.Message}", inner: e);
        }
    }

    string? Mistake()
    {
        if (Schema != SchemaName) return $"schema ({MessageText.Quote(Schema)}) must be {SchemaName}; a newer version of the program may have written it";
        if (Threads is < 1 or > LargestThreads) return $"threads ({Threads}) must be from 1 to {LargestThreads}";
        if (Trainer.Sampler.Count > MostEntries) return $"sampler must have at most {MostEntries} entries, not {Trainer.Sampler.Count}";
        return Trainer.Mistake();
    }

    // The format of version 0.1.
    sealed record Version1(string Schema, long Step, long Tokens, long Examples, double Seconds, Dictionary<string, long> Sampler, Dictionary<string, double> Schedule,
        StateHashes Hashes, string Precision, int Threads, WriterVersions Versions,
        Version1.OldBest? Best = null, Dictionary<string, byte[]>? Generators = null, Dictionary<string, double>? Metrics = null)
    {
        internal sealed record OldBest(string Metric, double Value, long Step);

        internal TrainingState ToCurrent() => new()
        {
            Trainer = new()
            {
                Step = Step, Targets = Tokens, Seconds = Seconds, Sampler = Sampler,
                OptimizerSteps = (long)Schedule.GetValueOrDefault("optimizer_steps", Step),
                TrainLoss = Schedule.GetValueOrDefault("train_loss", double.NaN),
                Best = Best is { } best ? new(best.Step, best.Value) : null,
                ValidationsSinceBest = (int)Schedule.GetValueOrDefault("validations_since_best"),
                ValidatedStep = (long)Schedule.GetValueOrDefault("validated_step", Step),
                SkippedSteps = (long)Schedule.GetValueOrDefault("skipped_steps"),
                RollBacks = (long)Schedule.GetValueOrDefault("roll_backs"),
                MicroPieces = (int)Schedule.GetValueOrDefault("micro_pieces", 1),
            },
            Hashes = Hashes, Precision = Precision, Threads = Threads, Versions = Versions,
        };
    }
}

/// <summary>Copies tensors between the engine and safetensors files.</summary>
public static class ModelTensors
{
    /// <summary>Adds a file of tensors to a checkpoint, from copies that nothing else changes, so that it can be written in the background.</summary>
    /// <param name="contents">The checkpoint, which owns the copies from now on.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="tensors">Names and tensors, on any device.</param>
    public static CheckpointContents AddSnapshot(this CheckpointContents contents, string file, IEnumerable<(string name, Tensor tensor)> tensors)
    {
        using var plain = no_grad();
        var copies = new List<(string, Tensor)>();
        foreach (var (name, tensor) in tensors)
        {
            using var scope = NewDisposeScope();
            // Native memory: it is freed when the file is written, rather than when the garbage collector gets to it.
            var copy = tensor.detach().to(CPU, copy: true).contiguous().DetachFromDisposeScope();
            contents.Own(copy);
            copies.Add((name, copy));
        }
        return contents.AddTensors(file, copies);
    }

    /// <summary>Adds a file of tensors to a checkpoint without copying them.</summary>
    /// <param name="contents">The checkpoint.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="tensors">Names and tensors, contiguous and on the CPU; they must live, and must not change, until the file is written.</param>
    public static CheckpointContents AddTensors(this CheckpointContents contents, string file, IEnumerable<(string name, Tensor tensor)> tensors) =>
        contents.AddTensors(file, [.. tensors.Select(one =>
            TensorBytes.FromPointer(one.name, DtypeOf(one.tensor.dtype), one.tensor.shape, AddressOf(one.tensor), one.tensor.NumberOfElements * one.tensor.ElementSize, one.tensor))]);

    /// <summary>Fills tensors in place from a file; names and shapes must be exactly the file's.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="tensors">Names and tensors, on any device.</param>
    /// <param name="hint">The remedy if they do not match.</param>
    /// <exception cref="CheckpointException">A tensor is missing, unexpected, or of another shape or type.</exception>
    public static void Fill(SafetensorsFile file, string path, IEnumerable<(string name, Tensor tensor)> tensors, string hint = "it was saved by a model with a different shape")
    {
        using var plain = no_grad();
        var left = file.Header.Tensors.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            if (!file.Header.TryFind(name, out var stored))
                throw new CheckpointException(path, $"has no tensor {name}", hint);
            if (!stored.Shape.SequenceEqual(tensor.shape))
                throw new CheckpointException(path, $"{name} has the shape [{string.Join(", ", stored.Shape)}], but [{string.Join(", ", tensor.shape)}] is expected", hint);
            left.Remove(name);
            using var scope = NewDisposeScope();
            tensor.copy_(Load(file, stored, path));
        }
        if (left.Count > 0)
            throw new CheckpointException(path, $"has unexpected tensors: {string.Join(", ", left.Order().Take(5))}", hint);
    }

    /// <summary>Fills tensors in place from a file of a checkpoint; names and shapes must be exactly the file's.</summary>
    /// <inheritdoc cref="Fill(SafetensorsFile, string, IEnumerable{ValueTuple{string, Tensor}}, string)"/>
    public static void Fill(this Checkpoint checkpoint, string name, IEnumerable<(string name, Tensor tensor)> tensors, string hint = "it was saved by a model with a different shape")
    {
        using var file = checkpoint.OpenTensors(name);
        Fill(file, checkpoint.PathOf(name), tensors, hint);
    }

    /// <summary>One tensor of a file, on the CPU.</summary>
    public static Tensor Load(SafetensorsFile file, SafetensorsTensor stored, string path)
    {
        var tensor = empty([.. stored.Shape], dtype: TypeOf(stored.Dtype, path, stored.Name));
        if (tensor.numel() > 0) file.CopyTo(stored, AddressOf(tensor));
        return tensor;
    }

    // The address of the first byte; 0 if there is none.
    static unsafe nint AddressOf(Tensor dense)
    {
        if (dense.numel() == 0) return 0;
        using var flat = dense.view(-1);
        using var first = flat.narrow(0, 0, 1);
        fixed (byte* address = first.bytes) return (nint)address;
    }

    static SafetensorsDtype DtypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => SafetensorsDtype.F32,
        ScalarType.BFloat16 => SafetensorsDtype.BF16,
        ScalarType.Float16 => SafetensorsDtype.F16,
        ScalarType.Float64 => SafetensorsDtype.F64,
        ScalarType.Int64 => SafetensorsDtype.I64,
        ScalarType.Int32 => SafetensorsDtype.I32,
        ScalarType.Byte => SafetensorsDtype.U8,
        ScalarType.Bool => SafetensorsDtype.BOOL,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "a type that checkpoints do not support"),
    };

    static ScalarType TypeOf(SafetensorsDtype dtype, string path, string name) => dtype switch
    {
        SafetensorsDtype.F32 => ScalarType.Float32,
        SafetensorsDtype.BF16 => ScalarType.BFloat16,
        SafetensorsDtype.F16 => ScalarType.Float16,
        SafetensorsDtype.F64 => ScalarType.Float64,
        SafetensorsDtype.I64 => ScalarType.Int64,
        SafetensorsDtype.I32 => ScalarType.Int32,
        SafetensorsDtype.U8 => ScalarType.Byte,
        SafetensorsDtype.BOOL => ScalarType.Bool,
        _ => throw new CheckpointException(path, $"{name} has the type {dtype}, which the engine does not support"),
    };
}
