using System.CommandLine;
using System.Globalization;
using TransformerCli.Output;
using Transformers.Experiments;
using Transformers.IO;
using Transformers.Processes;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>sweep</c>: trains a grid of runs and fits a power law to their results.</summary>
static class SweepCommand
{
    public static Command Create(CliContext context)
    {
        var configs = CommonOptions.Configs();
        var (sets, data, include, device, precision) = (CommonOptions.Sets(), CommonOptions.Data(), CommonOptions.Include(), CommonOptions.Device(), CommonOptions.Precision("the config's"));
        var vary = new Option<string[]>("--vary") { Description = "A setting and its values, such as data.limit=500,1000,2000, or model=FILE,FILE: configs that are merged over the others; may be repeated", HelpName = "k=v,v", AllowMultipleArgumentsPerToken = true, Required = true, CompletionSources = { Completions.Settings } };
        var seeds = new Option<int>("--seeds") { Description = "Train each point of the grid with N seeds: the config's and those after it", HelpName = "N", DefaultValueFactory = _ => 1 };
        var output = CommonOptions.Output("The sweep's folder [default: runs/<config name>-sweep]", "DIR");
        var metric = new Option<string?>("--metric") { Description = "The result to compare by [default: accuracy of a classifier, else val_loss]", HelpName = "NAME" };
        var split = new Option<string?>("--split") { Description = "Evaluate the best checkpoint of each run on this split, and compare by that", HelpName = "SPLIT", CompletionSources = { "test", "validation" } };
        var maxTime = TrainCommand.MaxTime();
        return context.Create("sweep", """
            Trains a grid of runs, one after the other, and prints their results; the same command continues a sweep that was stopped.
            For a numeric factor, it draws a figure and fits a power law, a + b·N^-α, with its uncertainty.

            Example: transformer sweep vit-digits --vary data.limit=500,1000,2000,4000 --vary model.layers=2,6 --seeds 3
            """, [configs, vary, seeds, output, metric, split, sets, data, include, maxTime, device, precision], (parse, _) =>
        {
            if (Launch.Read() is { } launch)
            {
                context.Muted = launch.Rank > 0;
                throw new UserException($"sweep is for one process, but {launch.Launcher} started {launch.Size}", "train divides a run among processes");
            }
            var files = parse.GetValue(configs)!;
            List<string> settings = [.. parse.GetValue(sets) ?? []];
            if (parse.GetValue(precision) is { } asked) settings.Add($"training.precision={asked}");
            var folder = parse.GetValue(output) ?? Path.Combine("runs", $"{Path.GetFileNameWithoutExtension(files[^1])}-sweep");
            var plan = SweepPlan.Create(files, settings, [.. parse.GetValue(vary)!.Select(SweepFactor.Parse)], parse.GetValue(seeds), folder,
                config => DataOverride.Apply(config, parse.GetValue(data), parse.Patterns(include)));
            var options = new SweepOptions
            {
                Metric = parse.GetValue(metric),
                Split = parse.GetValue(split),
                Training = new TrainingOptions { Run = folder, MaxTime = TrainCommand.DurationOf(parse.GetValue(maxTime)), Device = parse.ResolveDevice(context, device) },
            };
            var stop = new StopRequest();
            using var signals = new Signals(stop);
            using var reporter = new TrainingReporter(context, parse, folder);
            var result = Sweep.Start(plan, options, reporter, stop);
            context.Print(parse, result, writer => Print(writer, result));
            return ExitCodes.Of(result.Stopped) is not ExitCodes.Done and var code ? code
                : result.Runs.Any(run => run.State == "diverged") ? ExitCodes.Diverged : ExitCodes.Done;
        });
    }

    static void Print(TextWriter writer, SweepResult result)
    {
        var finished = result.Runs.Count(run => run.State == "finished");
        writer.WriteLine($"runs         {finished} of {result.Runs.Count} finished in {result.Output}, {Duration(result.Seconds)} of training");
        foreach (var run in result.Runs.Where(run => run.State == "diverged")) writer.WriteLine($"diverged     {run.Run}");
        if (result.Metric is { } metric)
        {
            var table = new TextTable([.. result.Factors.Keys, ">runs", $">{metric}", ">deviation", ">seconds"]);
            foreach (var mean in result.Means)
                table.Add([.. result.Factors.Keys.Select(factor => mean.Settings[factor]), $"{mean.Runs}", Number(mean.Mean), mean.Deviation is { } deviation ? Number(deviation) : "", $"{mean.Seconds:0}"]);
            table.Write(writer);
        }
        foreach (var fit in result.Fits)
            writer.WriteLine($"{(fit.Settings.Count > 0 ? string.Join(", ", fit.Settings.Values) + ": " : "")}{fit.Quantity} = {(fit.A is { } a ? $"a + b·N^-α, a {Text(a)}, " : "b·N^-α, ")}b {Text(fit.B)}, α {Text(fit.Alpha)} (95 % intervals)");
        foreach (var crossing in result.Crossings) writer.WriteLine(Describe(crossing));
        if (result.Stopped is { } reason) writer.WriteLine($"stopped      {reason}; the same command continues");
    }

    static string Describe(SweepCrossing crossing)
    {
        var both = $"{crossing.First} and {crossing.Second}";
        var fraction = $"{crossing.Fraction:P0} of resampled fits cross below {Rounded(crossing.UpTo)}";
        if (crossing.At is not { } at) return $"{both}: the fitted laws do not cross below {Rounded(crossing.UpTo)} ({fraction})";
        var interval = $"{Rounded(at.Low)} to {(at.High is { } high ? Rounded(high) : $"beyond {Rounded(crossing.UpTo)}")}";
        return $"{both}: the fitted laws cross at {Rounded(at.Value)} (95 %: {interval}; {fraction}){(crossing.Measured ? "" : ", which is extrapolated")}";
    }

    static string Text(Estimate estimate) => $"{Number(estimate.Value)} ({Number(estimate.Low)} to {(estimate.High is { } high ? Number(high) : "∞")})";

    static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);

    // To three significant digits.
    static string Rounded(double value)
    {
        if (value == 0) return "0";
        var unit = Math.Pow(10, Math.Floor(Math.Log10(Math.Abs(value))) - 2);
        return (Math.Round(value / unit) * unit).ToString("#,0.#####", CultureInfo.InvariantCulture);
    }

    static string Duration(double seconds) => seconds < 120 ? $"{seconds:0} s" : seconds < 7200 ? $"{seconds / 60:0} min" : $"{seconds / 3600:0.0} h";
}
