using System.Globalization;
using System.Runtime.InteropServices;
using Transformers.Checkpoints;
using Transformers.IO;
using Transformers.Runs;

// A process for tests to kill. It takes the role of training: its "weights" after step n depend on those after step n-1 alone, so
// that whoever loses or repeats a step ends with others.
//   train RUN STEPS WORDS now|background     trains on from the newest intact checkpoint, saving every step
//   hold RUN                                 takes the run folder and keeps it until standard input ends
try
{
    var policy = new CheckpointPolicy(2, "val_loss");
    using var run = RunFolder.OpenForTraining(args[1], policy);
    if (args[0] == "hold")
    {
        Console.WriteLine("held");
        Console.In.ReadLine();
        return 0;
    }
    return Train(run, policy, Number(args[2]), Number(args[3]), args[4] == "background");
}
catch (UserException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static int Train(RunFolder run, CheckpointPolicy policy, int steps, int words, bool background)
{
    ulong[] weights = new ulong[words], moments = new ulong[words];
    var generator = 88172645463325252UL;
    long step = 0;
    var newest = run.Checkpoints.FindNewestIntact(out var skipped);
    foreach (var s in skipped) Console.WriteLine($"skipped {s.Reason}");
    if (newest is not null)
    {
        Load(newest, CheckpointFiles.Model, weights);
        Load(newest, CheckpointFiles.Optimizer, moments);
        var state = newest.ReadState();
        generator = (ulong)state.Trainer.Sampler["noise"];
        step = state.Trainer.Step;
    }
    Console.WriteLine($"from {step}");
    using var metrics = run.OpenMetrics(step);
    using var saver = new BackgroundCheckpoints(run.Checkpoints, policy);
    while (step < steps)
    {
        step++;
        for (var i = 0; i < words; i++)
        {
            generator ^= generator << 13;
            generator ^= generator >> 7;
            generator ^= generator << 17;
            moments[i] = moments[i] * 3 + generator;
            weights[i] += moments[i];
        }
        metrics.Append(step, "train", ("loss", 1.0 / step));
        metrics.Flush();
        var snapshot = Snapshot(step, (ulong[])weights.Clone(), (ulong[])moments.Clone(), generator);
        if (background) saver.Begin(snapshot);
        else saver.SaveNow(snapshot);
        Console.WriteLine($"step {step}");
    }
    saver.Wait();
    run.WriteResult("{}");
    Console.WriteLine($"done {Crc32C.Of(MemoryMarshal.AsBytes<ulong>(weights)):x8}");
    return 0;
}

static void Load(Checkpoint from, string name, ulong[] into)
{
    using var file = from.OpenTensors(name);
    file.Span(file["words"]).CopyTo(MemoryMarshal.AsBytes(into.AsSpan()));
}

static CheckpointContents Snapshot(long step, ulong[] weights, ulong[] moments, ulong generator)
{
    TensorBytes Words(ulong[] words) => TensorBytes.FromMemory("words", SafetensorsDtype.U64, [words.Length], MemoryMarshal.AsBytes<ulong>(words).ToArray());
    return new CheckpointContents(step)
        .AddTensors(CheckpointFiles.Model, [Words(weights)])
        .AddTensors(CheckpointFiles.Optimizer, [Words(moments)])
        .AddText(CheckpointFiles.Config, "seed: 1\n")
        .AddState(new()
        {
            Trainer = new() { Step = step, Targets = step * 10, Seconds = step, Sampler = new Dictionary<string, long> { ["position"] = step, ["noise"] = (long)generator } },
            Hashes = new("", "", ""),
            Precision = "fp32",
            Threads = 1,
            Versions = new("0", "0", "0"),
        })
        .AddMetric("val_loss", Math.Abs(step % 7 - 3) + 1);
}
