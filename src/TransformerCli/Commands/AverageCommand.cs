using System.CommandLine;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Models;
using Transformers.Runs;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>average</c>: averages the weights of checkpoints.</summary>
static class AverageCommand
{
    static readonly string[] OnlyInTraining = ["init", "dropout", "inner_dropout", "drop"];

    public static Command Create(CliContext context)
    {
        var inputs = new Argument<string[]>("CHECKPOINT") { Description = "Checkpoint folders, or run folders for all their checkpoints", HelpName = "CHECKPOINT", Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Runs } };
        var output = new Option<string>("--output") { Description = "The new checkpoint's folder", HelpName = "DIR", Required = true };
        var last = new Option<int?>("--last") { Description = "Use only the last N checkpoints of a run folder", HelpName = "N" };
        return context.Create("average", """
            Averages the weights of checkpoints into one, which can be evaluated and used for generation.

            Example: transformer average runs/multi30k-de-en --last 5 --output runs/averaged
            """, [inputs, output, last], (parse, _) =>
        {
            var count = parse.AtLeast(1, last);
            List<Checkpoint> checkpoints = [.. parse.GetValue(inputs)!.SelectMany(path => Expand(path, count))];
            CheckModels(checkpoints);
            var made = CheckpointAverage.Average(checkpoints, parse.GetValue(output)!);
            return context.Print(parse, new { Schema = "transformer.average/1", Checkpoint = made.Folder, made.Step, Of = checkpoints.Select(one => one.Folder) }, writer => writer.WriteLine($"{made.Folder}: the mean of {Amount.Of(checkpoints.Count, "checkpoint")}, the last at step {made.Step}"));
        });
    }

    // Tensors of the same names and shapes may belong to different models, for example with other numbers of heads.
    static void CheckModels(IReadOnlyList<Checkpoint> checkpoints)
    {
        if (checkpoints.GroupBy(one => Path.GetFullPath(one.Folder)).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new CheckpointException(twice.Key, $"is given {twice.Count()} times, so it would count {twice.Count()} times in the mean", "name each checkpoint once");
        var first = ModelOf(checkpoints[0]);
        foreach (var other in checkpoints.Skip(1))
        {
            var differences = ConfigDifferences.Of(first, ModelOf(other), "model").Where(one => !one.Path.Split('.').Any(OnlyInTraining.Contains)).ToList();
            // The other settings of another kind of model do not correspond.
            if (differences.Find(one => one.Path == "model.kind") is { } kind) differences = [kind];
            if (differences.Count > 0)
                throw new CheckpointException(other.Folder, $"its model differs from that of {checkpoints[0].Folder}: {string.Join("; ", differences.Select(one => $"{one.Path} is {one.New ?? "not set"} here and {one.Old ?? "not set"} there"))}", "average checkpoints of the same model");
        }
    }

    static ModelConfig ModelOf(Checkpoint checkpoint) =>
        ConfigFile.Parse<RunConfig>(checkpoint.ReadText(CheckpointFiles.Config), checkpoint.PathOf(CheckpointFiles.Config)).Model;

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
