using System.CommandLine;
using Transformers.Benchmarks;
using Transformers.IO;

namespace TransformerCli.Commands;

/// <summary>What the parts of <c>bench</c> print with <c>--json</c>: what was measured, and nothing of the rest.</summary>
sealed record BenchDocument(string Schema)
{
    public KernelBenchmarkResult? Kernels { get; init; }
    public StepBenchmarkResult? Step { get; init; }
    public IReadOnlyList<GenerationBenchmarkResult>? Generate { get; init; }
    public TokenizerBenchmarkResult? Text { get; init; }
    public ImageBenchmarkResult? Images { get; init; }

    internal static Option<double> SecondsOption() => new("--seconds") { Description = "About how long to measure, after the warm-up", HelpName = "S", DefaultValueFactory = _ => 8 };

    internal static double Seconds(ParseResult parse, Option<double> option)
    {
        var seconds = parse.GetValue(option);
        return seconds is >= 0 and <= 3600 ? seconds : throw new UserException(FormattableString.Invariant($"--seconds ({seconds}) must lie between 0 and 3600"));
    }
}
