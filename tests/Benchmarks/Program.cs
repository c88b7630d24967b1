using System.Globalization;
using Benchmarks;

// One row of the comparison with PyTorch a call, so that the two sides can be run in turn: see scripts/bench.
// Prints one number: units a second, or microseconds for `ops`. `kneser-ney RUN` compares a run with an n-gram model.
var row = args.Length > 0 ? args[0] : "";
if (row == "kneser-ney")
{
    KneserNeyBaseline.Print(args[1]);
    return;
}
var precision = args.Length > 1 ? args[1] : "auto";
var result = row switch
{
    "ops" => OperatorBenchmark.MicrosecondsOfSmallAdd(),
    "train-s" => TrainingBenchmark.TokensPerSecond(TrainingBenchmark.S, precision),
    "train-m" => TrainingBenchmark.TokensPerSecond(TrainingBenchmark.M, precision),
    "sample-m" => TrainingBenchmark.SampledTokensPerSecond(TrainingBenchmark.M, prompts: 1),
    "sample-m-32" => TrainingBenchmark.SampledTokensPerSecond(TrainingBenchmark.M, prompts: 32),
    _ => throw new ArgumentException("a row is one of ops, train-s, train-m, sample-m, sample-m-32"),
};
Console.WriteLine(result.ToString("F3", CultureInfo.InvariantCulture));
