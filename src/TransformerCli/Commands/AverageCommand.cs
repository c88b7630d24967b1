using System.CommandLine;
using Transformers.Checkpoints;
using Transformers.IO;
using Transformers.Runs;

namespace TransformerCli.Commands;

/// <summary><c>average</c>: averages the weights of checkpoints.</summary>
static class AverageCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var inputs = new Argument<string[]>("CHECKPOINT") { Description = "Checkpoint folders, or run folders, which stand for all their checkpoints", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("--out") { Description = "The new checkpoint's folder", HelpName = "DIR", Required = true };
        var last = new Option<int?>("--last") { Description = "Of a run folder, take its last N checkpoints only", HelpName = "N" };
        var command = new Command("average", """
            Averages the weights of checkpoints into one, which can be generated from and evaluated.

            Example: transformer average runs/multi30k-de-en --last 5 --out runs/averaged
            """)
        {
            inputs, output, last,
        };
        context.Handle(command, (parse, _) =>
        {
            if (parse.GetValue(last) is < 1 and var count) throw new UserException($"--last ({count}) must be at least 1");
            List<Checkpoint> checkpoints = [.. parse.GetValue(inputs)!.SelectMany(path => Expand(path, parse.GetValue(last)))];
            var made = CheckpointAverage.Average(checkpoints, parse.GetValue(output)!);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new Report("transformer.average/1", made.Folder, made.Step, [.. checkpoints.Select(one => one.Folder)]));
            else context.Out.WriteLine($"{made.Folder}: the mean of {checkpoints.Count} checkpoints, the last of step {made.Step}");
            return ExitCodes.Done;
        });
        return command;
    }

    static IEnumerable<Checkpoint> Expand(string path, int? last)
    {
        if (File.Exists(Path.Combine(path, CheckpointFiles.Manifest)))
            return last is null ? [Checkpoint.Open(path)] : throw new UserException([new Problem($"is itself a checkpoint, and --last ({last}) chooses from a run's", path, Hint: "leave --last out, or name the run's folder")]);
        using var run = RunFolder.OpenForReading(path);
        var steps = run.Checkpoints.Steps();
        if (last > steps.Count && steps.Count > 0)
            throw new UserException($"--last ({last}) must be at most {steps.Count}: so many checkpoints has {path}", "training.checkpoint.keep says how many stay");
        return steps.Count == 0 ? throw new CheckpointException(path, "there are no checkpoints")
            : [.. steps.Take(last ?? int.MaxValue).Select(step => Checkpoint.Open(run.Checkpoints.PathOf(step)))];
    }

    sealed record Report(string Schema, string Checkpoint, long Step, IReadOnlyList<string> Of);
}
