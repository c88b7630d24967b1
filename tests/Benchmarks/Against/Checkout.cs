using System.Globalization;

namespace Benchmarks.Against;

/// <summary>A built checkout, which runs its programs.</summary>
/// <param name="Root">Its folder.</param>
/// <param name="Work">A folder for what it writes.</param>
/// <param name="Seconds">The approximate seconds that a run measures.</param>
sealed record Checkout(string Root, string Work, double Seconds)
{
    string Program => Path.Combine(Root, "artifacts", "bin", "TransformerCli", "release", "transformer.dll");
    string Benchmarks => Path.Combine(Root, "artifacts", "bin", "Benchmarks", "release", "Benchmarks.dll");

    /// <summary>Checks that what the rows need has been built.</summary>
    /// <exception cref="ArgumentException">Something is missing; the message has the remedy.</exception>
    internal void Check(bool benchmarks)
    {
        if (!Directory.Exists(Root)) throw new ArgumentException($"--against: {Root} does not exist");
        if (!File.Exists(Program)) throw new ArgumentException($"--against: {Root} has no {Path.GetRelativePath(Root, Program)}: run scripts/setup there first");
        if (benchmarks && !File.Exists(Benchmarks))
            throw new ArgumentException($"--against: {Root} has no {Path.GetRelativePath(Root, Benchmarks)}: run 'dotnet build tests/Benchmarks -c Release' there first, or choose other rows");
        Directory.CreateDirectory(Work);
    }

    /// <summary>Runs a row of the benchmark program.</summary>
    internal Measurement Row(string name, string precision) => Measurement.OfLine(ChildProcess.Run(Work, Benchmarks, name, precision).Output);

    /// <summary>Measures the same model in plain TorchSharp code.</summary>
    internal Measurement Plain(string row, string precision) => Measurement.OfLine(ChildProcess.Run(Work, Benchmarks, "plain", row, precision, Number(Seconds)).Output);

    /// <summary>Measures training steps of a config, on random numbers.</summary>
    internal Measurement Step(string config, int rows, string precision) =>
        Measurement.OfStep(Transformer("bench", "step", config, "--rows", $"{rows}", "--precision", precision, "--seconds", Number(Seconds)).Output);

    /// <summary>Measures sampling with a model of 85.7 million parameters, which is trained for one step the first time.</summary>
    internal Measurement Sample(string config, int prompts)
    {
        var run = Path.Combine(Work, "large");
        if (!Directory.Exists(run)) Transformer("train", config, "--run", run, "--max-steps", "1");
        var (output, peak) = Transformer("bench", "generate", run, "--prompts", $"{prompts}", "--tokens", "255", "--seconds", Number(Seconds));
        return Measurement.OfGeneration(output, peak);
    }

    /// <summary>Trains a ready-made config for a number of steps, as a user does, but without the translations of its validation.</summary>
    internal Measurement Train(string name, int steps)
    {
        var run = Fresh();
        var (output, _) = Transformer("train", ReadyConfig(name), "--run", run, "--max-steps", $"{steps}", "--set", "training.validate.sentences=0");
        Directory.Delete(run, recursive: true);
        return Measurement.OfTraining(output);
    }

    /// <summary>Seconds from the start of the process until the first training step of a small config is reported, the median of three.</summary>
    internal Measurement Start()
    {
        List<double> times = [.. Enumerable.Range(0, 3).Select(_ =>
        {
            var run = Fresh();
            var seconds = ChildProcess.SecondsUntil("step 1/", Work, Program, "train", ReadyConfig("copy"), "--run", run, "--max-steps", "1", "--set", "training.log.every=1", "--device", "cpu");
            Directory.Delete(run, recursive: true);
            return seconds;
        })];
        return new(Statistics.Median(times));
    }

    (string Output, long Peak) Transformer(params IEnumerable<string> line) => ChildProcess.Run(Work, [Program, .. line, "--device", "cpu", "--json", "--quiet"]);

    string ReadyConfig(string name) => Path.Combine(Root, "configs", name + ".yaml");

    string Fresh() => Path.Combine(Work, Path.GetRandomFileName());

    static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}
