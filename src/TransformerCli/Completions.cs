using System.CommandLine.Completions;
using System.Text.Json.Nodes;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Runs;
using Transformers.Training;

namespace TransformerCli;

/// <summary>Completions for configs, runs and settings; System.CommandLine has the rest.</summary>
static class Completions
{
    const int MostRuns = 200;

    /// <summary>Names of the ready-made configs; shells add file names themselves.</summary>
    internal static IEnumerable<string> Configs(CompletionContext _) => ReadyConfigs.List().Select(config => config.Name);

    /// <summary>Run folders below <c>runs</c>.</summary>
    internal static IEnumerable<string> Runs(CompletionContext _) => !Directory.Exists("runs") ? []
        : Directory.EnumerateDirectories("runs").Where(folder => Directory.Exists(Path.Combine(folder, RunFolder.CheckpointsFolder))).Order(StringComparer.Ordinal).Take(MostRuns);

    /// <summary>The settings of the configs on the line, as <c>--set</c> names them.</summary>
    internal static IEnumerable<string> Settings(CompletionContext context)
    {
        var given = context.ParseResult.CommandResult.Children.OfType<System.CommandLine.Parsing.ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value).ToList();
        try
        {
            return given.Count == 0 ? [] : Leaves(ConfigWriter.ToJson(ModelFragment.LoadOrRun(given)), "").Select(path => path + "=");
        }
        catch (UserException)
        {
            return [];
        }
    }

    static IEnumerable<string> Leaves(JsonNode? node, string path) => node is JsonObject mapping
        ? mapping.SelectMany(entry => Leaves(entry.Value, path.Length == 0 ? entry.Key : $"{path}.{entry.Key}"))
        : [path];
}
