using System.CommandLine;
using System.Globalization;
using TransformerCli.Progress;
using Transformers.Benchmarks;
using Transformers.IO;
using Transformers.Native;

namespace TransformerCli.Commands;

/// <summary><c>bench step</c>: training steps of a model on random numbers.</summary>
static class BenchStepCommand
{
    internal static Command Create(CliContext context)
    {
        var source = new Argument<string>("CONFIG|RUN") { Description = "A config file, the name of a ready config, or a run folder", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "shakespeare-char" };
        var sets = new Option<string[]>("--set") { Description = "Change a setting, such as model.layers=12", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };
        var rows = new Option<int?>("--rows") { Description = "Sequences or images of a step [default: the config's micro-batch]", HelpName = "N" };
        var seconds = BenchDocument.SecondsOption();
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var command = new Command("step", """
            Measures training steps of a config's model on random numbers, and their share of the machine's peak.

            Example: transformer bench step gpt-stories --precision fp32
            """)
        {
            source, sets, rows, seconds, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            if (parse.GetValue(rows) is { } few and < 1) throw new UserException($"--rows ({few}) must be at least 1");
            var name = parse.GetValue(source)!;
            var config = RunOrConfig.Load(name, parse.GetValue(sets));
            var where = DeviceOption.Resolve(parse.GetValue(device));
            NativeLibraries.Load();
            var options = new StepBenchmarkOptions(where, DeviceOption.PrecisionOf(parse.GetValue(precision), where), BenchDocument.Seconds(parse, seconds));
            var result = StepBenchmarkConfig.Run(config, parse.GetValue(rows), options, name, note => context.Error.WriteLine($"note: {note}"));
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Step = result });
            else Print(context.Out, result);
            return ExitCodes.Done;
        });
        return command;
    }

    static void Print(TextWriter writer, StepBenchmarkResult result)
    {
        void Line(FormattableString text) => writer.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        Line($"{result.Model} with {result.Parameters:N0} parameters, {result.Precision}, {result.Device}");
        Line($"step         {1e3 * result.Seconds:0.0} ms, a quarter under {1e3 * result.FastSeconds:0.0}, three quarters under {1e3 * result.SlowSeconds:0.0}; {result.Steps} steps");
        Line($"speed        {ProgressText.Count(result.UnitsPerSecond)} {result.Unit}/s, {result.UnitsPerStep:N0} {result.Unit} a step");
        Line($"share        {100 * result.Utilisation:0} % of the peak of {result.PeakFlopsPerSecond / 1e9:0} GFLOP/s; {result.FlopsPerStep / 1e9:0.0} GFLOP a step");
        Line($"first loss   {result.FirstLoss:0.000}");
        Line($"peak memory  {ProgressText.Bytes(result.PeakMemoryBytes)}");
    }
}
