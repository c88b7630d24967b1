using Transformers.Configs;
using Transformers.IO;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>Finds out whether a folder holds the result of a run already.</summary>
static class FinishedRun
{
    /// <summary>The result of a run that has nothing left to do; null for any other.</summary>
    /// <exception cref="UserException">The folder holds the finished run of another model or of other data, one that began otherwise, or a damaged result.</exception>
    internal static TrainResult? ResultOf(RunFolder folder, RunConfig config, TrainingOptions options)
    {
        if (!folder.IsFinished) return null;
        var before = ConfigFile.Load<RunConfig>([folder.ConfigFile]);
        CheckSame(folder, before, config);
        // Who names a checkpoint wants to resume from it.
        if (options.ResumeFrom is not null) return null;
        if (TrainResult.Read(folder) is not { } result) return null;
        if (result.Steps < config.Training.Steps && (result.Stopped != TrainResult.Patience || IsMorePatient(before, config))) return null;
        if (options.From is { } from && !(result.From is { } began && ConfigDifferences.SamePath(began, from)))
            throw new UserException([new Problem($"holds a finished run, and --from ({from}) starts a new one", folder.FullPath, Hint: "name another folder with --run")]);
        return result;
    }

    static bool IsMorePatient(RunConfig before, RunConfig now) =>
        now.Training.Validate.Patience is not { } patience || patience > before.Training.Validate.Patience;

    // A config may train longer or otherwise and still be the same run; another model or other data are another one.
    static void CheckSame(RunFolder folder, RunConfig before, RunConfig now)
    {
        foreach (var (part, old, asked) in new (string, object, object)[] { ("model", before.Model, now.Model), ("data", before.Data, now.Data) })
            if (ConfigDifferences.Of(old, asked, part) is [var first, ..])
                throw new UserException([new Problem($"holds a finished run of another config: {first.Path} is {first.Old ?? "not set"} there and {first.New ?? "not set"} here", folder.FullPath, Hint: "name another folder with --run")]);
    }
}
