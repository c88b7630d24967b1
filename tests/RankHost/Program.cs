using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;
using Transformers.Native;
using Transformers.Processes;
using Transformers.Training;
using static TorchSharp.torch;

// One of the processes that a launcher starts for a test; without a launcher, one process alone.
//   exchange PIECE_BYTES             checks every exchange against numbers that each process can compute for all, prints "ok …"
//   train CACHE RUN=CONFIG[@STEP]…   trains, to the end or a step, each config in its folder; leaves RUN.RANK.jsonl: a line for each step and validation
try
{
    ProcessSettings.Threads = 1;
    var launch = Launch.Read();
    var piece = args[0] == "exchange" ? int.Parse(args[1], CultureInfo.InvariantCulture) : MpiCommunicator.DefaultPieceBytes;
    using Communicator processes = launch is null ? Communicator.Single : launch.Join(piece);
    NativeLibraries.Load(cuda: false);
    if (args[0] == "exchange") Exchanges.Check(processes);
    else
        foreach (var run in args[2..]) Recorder.Train(run.Split('=', '@'), args[1], processes);
    return 0;
}
catch (UserException exception)
{
    Console.Error.WriteLine($"error: {exception.Message}");
    return 2;
}

static class Exchanges
{
    internal static void Check(Communicator processes)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16 })
            foreach (var count in new[] { 1, 3, 5 * processes.Size, 1000, 100_003, 60_000 * processes.Size }) CheckSums(processes, type, count);
        CheckOthers(processes);
        CheckStatistics(processes);
        using var half = processes.Split(processes.Rank % 2, processes.Rank);
        Require(half.Size == (processes.Size + 1 - processes.Rank % 2) / 2, "the size of a group");
        Require(half.Rank == processes.Rank / 2, "the rank in a group");
        CheckSums(half, ScalarType.Float32, 1000, first: processes.Rank % 2, every: 2);
        Console.WriteLine($"ok {processes.Rank} of {processes.Size}, {processes.LocalRank} of {processes.LocalSize} here, {processes.Library}");
    }

    static void CheckSums(Communicator processes, ScalarType type, int count, int first = 0, int every = 1)
    {
        using var scope = NewDisposeScope();
        var own = Numbers(first + processes.Rank * every, count, type);
        var wanted = Numbers(first, count, type).to(type == ScalarType.BFloat16 ? ScalarType.Float32 : type);
        for (var rank = 1; rank < processes.Size; rank++) wanted = wanted + Numbers(first + rank * every, count, type);
        wanted = wanted.to(type);

        var sum = own.clone();
        processes.AllReduce(sum);
        Require(sum.eq(wanted).all().item<bool>(), $"the sum of {count} numbers of {type} in the order of the ranks");
        if (count % processes.Size != 0) return;
        var part = count / processes.Size;
        var scattered = own.clone();
        processes.ReduceScatter(scattered);
        Require(scattered.narrow(0, part * processes.Rank, part).eq(wanted.narrow(0, part * processes.Rank, part)).all().item<bool>(), $"this process's part of the sum of {count} of {type}");
        var gathered = zeros_like(own);
        gathered.narrow(0, part * processes.Rank, part).copy_(wanted.narrow(0, part * processes.Rank, part));
        processes.AllGather(gathered);
        Require(gathered.eq(wanted).all().item<bool>(), $"all parts of {count} of {type}");
    }

    static void CheckOthers(Communicator processes)
    {
        using var scope = NewDisposeScope();
        var last = processes.Size - 1;
        var given = Numbers(processes.Rank, 70_001, ScalarType.Float32);
        processes.Broadcast(given, last);
        Require(given.eq(Numbers(last, 70_001, ScalarType.Float32)).all().item<bool>(), "a tensor of the last process");
        Require(processes.Broadcast(new[] { $"ä {processes.Rank}" })[0] == "ä 0", "an object of the first process");
        var all = processes.Collect(new string('x', processes.Rank * 1000));
        Require(all.Select(text => text.Length).SequenceEqual(Enumerable.Range(0, processes.Size).Select(rank => rank * 1000)), "objects of all processes, in order");
        Span<double> counts = [processes.Rank, 1];
        processes.AllReduce(counts);
        Require(counts[0] == last * (last + 1) / 2 && counts[1] == processes.Size, "the sum of a few numbers");
        Require(processes.FindDifferent("same") is null, "a value that all have");
        Require(processes.FindDifferent(processes.Rank == last ? "other" : "same") == last, "the process that has another value");
        Require(processes.InTurns(() => processes.Rank) == processes.Rank, "turns");
        processes.Barrier();
    }

    // The last process has seen no part of the batch.
    static void CheckStatistics(Communicator processes)
    {
        using var scope = NewDisposeScope();
        var config = new ResnetConfig { Size = 8, Classes = 2, Width = 3, Layers = [1, 1] };
        using var model = new Resnet(config, ImageShape.Of(config));
        foreach (var (i, (_, buffer)) in model.named_buffers().Index()) buffer.copy_(Numbers(processes.Rank + 100 * i, (int)buffer.numel(), ScalarType.Float32));
        BatchStatistics.Of(model, processes)!.Average(counts: processes.Rank < processes.Size - 1);
        foreach (var (i, (name, buffer)) in model.named_buffers().Index())
        {
            var mean = stack(Enumerable.Range(0, processes.Size - 1).Select(rank => Numbers(rank + 100 * i, (int)buffer.numel(), ScalarType.Float32))).mean([0L]);
            Require(buffer.allclose(mean, atol: 1e-6), $"the mean of {name} over the processes that have seen a part of the batch");
        }
    }

    static Tensor Numbers(int rank, int count, ScalarType type) => (arange(count, dtype: ScalarType.Float64) * 0.37 + rank).sin().to(type);

    static void Require(bool holds, string what)
    {
        if (!holds) throw new InvalidOperationException($"wrong: {what}");
    }
}

sealed class Recorder(string file) : ITrainingObserver
{
    readonly List<string> lines = [];
    nn.Module? model;
    string weights = "";

    internal static void Train(string[] words, string cache, Communicator processes)
    {
        var recorder = new Recorder(string.Create(CultureInfo.InvariantCulture, $"{words[0]}.{processes.Rank}.jsonl"));
        var options = new TrainingOptions
        {
            Run = words[0], Cache = cache, Processes = processes, BeforeSteps = task => recorder.model = task.Model,
            MaxSteps = words.Length > 2 ? long.Parse(words[2], CultureInfo.InvariantCulture) : null,
        };
        TrainingRun.Start(ConfigFile.Load<RunConfig>([words[1]]), options, recorder);
        File.WriteAllLines(recorder.file, recorder.lines);
    }

    readonly string file = file;

    public void OnStep(long step, long steps)
    {
        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (_, tensor) in model!.state_dict()) hash.AppendData(MemoryMarshal.AsBytes(tensor.detach().to(ScalarType.Float32).contiguous().data<float>().ToArray().AsSpan()));
        weights = Convert.ToHexString(hash.GetHashAndReset())[..16];
        lines.Add(JsonSerializer.Serialize(new { step, weights }));
    }

    public void OnLog(StepReport report) => lines.Add(JsonSerializer.Serialize(new { step = report.Step, loss = report.Loss, norm = report.GradientNorm }));

    public void OnValidation(ValidationReport report) => lines.Add(JsonSerializer.Serialize(new { step = report.Step, val_loss = report.Loss, targets = report.Targets, metrics = report.Metrics },
        new JsonSerializerOptions { NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals }));
}
