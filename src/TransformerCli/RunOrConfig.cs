using Transformers.Checkpoints;
using Transformers.Evaluation;
using Transformers.Training;

namespace TransformerCli;

/// <summary>Commands that take a run's folder or a config.</summary>
static class RunOrConfig
{
    /// <summary>The config of a run or checkpoint, of a file, or a ready one by name.</summary>
    /// <param name="name">What the user gave.</param>
    /// <param name="sets">Settings laid over a config.</param>
    /// <param name="checkpoint">Which checkpoint of a run.</param>
    /// <returns>A <see cref="RunConfig"/>, or a <see cref="ModelFragment"/> where the config is a model alone.</returns>
    internal static object Load(string name, IReadOnlyList<string>? sets, string? checkpoint = null)
    {
        if (!Directory.Exists(name)) return ModelFragment.LoadOrRun([name], sets);
        // The run's own copy is there from the first step on, before any checkpoint.
        var file = Path.Combine(name, CheckpointFiles.Config);
        return checkpoint is null && File.Exists(file) ? ModelFragment.LoadOrRun([file], sets) : TrainedRun.Open(name, checkpoint).Config;
    }
}
