using System.CommandLine;
using Transformers.Checkpoints;
using Transformers.IO;
using Transformers.Runs;

namespace TransformerCli.Commands;

/// <summary><c>average</c>: averages the weights of checkpoints.</summary>
static class AverageCommand
{
    public static Command Create(CliContext context)
    {
        var inputs = new Argument<string[]>("CHECKPOINT") { Description = "Checkpoint folders, or run folders for all their checkpoints", HelpName = "CHECKPOINT", Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Runs } };
        var output = new Option<string>("--output") { Description = "The new checkpoint's folder", HelpName = "DIR", Required = true };
        var last = new Option<int?>("--last") { Description = "Take only the last N checkpoints of a run folder", HelpName = "N" };
        return context.Create("average", """
            Averages the weights of checkpoints into one, which can be evaluated and used for generation.

            Example: transformer average runs/multi30k-de-en --last 5 --output runs/averaged
            """, [inputs, output, last], (parse, _) =>
        {
            var count = parse.AtLeast(1, last);
            List<Checkpoint> checkpoints = [.. parse.GetValue(inputs)!.SelectMany(path => Expand(path, count))];
            var made = CheckpointAverage.Average(checkpoints, parse.GetValue(output)!);
            return context.Print(parse, new { Schema = "transformer.average/1", Checkpoint = made.Folder, made.Step, Of = checkpoints.Select(one => one.Folder) }, writer => writer.WriteLine($"{made.Folder}: the mean of {Amount.Of(checkpoints.Count, "checkpoint")}, the last at step {made.Step}"));
        });
    }

    static IEnumerable<Checkpoint> Expand(string path, int? last)
    {
        if (File.Exists(Path.Combine(path, CheckpointFiles.Manifest)))
            return last is null ? [Checkpoint.Open(path)] : throw new UserException([new Problem($"is itself a checkpoint, but --last ({last}) selects from the checkpoints of a run", path, Hint: "leave --last out, or name the run's folder")]);
        using var run = RunFolder.OpenForReading(path);
        var steps = run.Checkpoints.Steps();
        if (last > steps.Count && steps.Count > 0)
            throw new UserException($"--last ({last}) must be at most {steps.Count}: {path} has only that many checkpoints", "training.checkpoint.keep sets how many are kept");
        return steps.Count == 0 ? throw new CheckpointException(path, "there are no checkpoints")
            : [.. steps.Take(last ?? int.MaxValue).Select(step => Checkpoint.Open(run.Checkpoints.PathOf(step)))];
    }
}
