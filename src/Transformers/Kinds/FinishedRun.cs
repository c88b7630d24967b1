using System.Text.Json.Nodes;
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
        if (options.From is { } from && !(result.From is { } began && SamePath(began, from)))
            throw new UserException([new Problem($"holds a finished run, and --from ({from}) starts a new one", folder.FullPath, Hint: "name another folder with --run")]);
        return result;
    }

    static bool IsMorePatient(RunConfig before, RunConfig now) =>
        now.Training.Validate.Patience is not { } patience || patience > before.Training.Validate.Patience;

    // A config may train longer or otherwise and still be the same run; another model or other data are another one.
    static void CheckSame(RunFolder folder, RunConfig before, RunConfig now)
    {
        var (there, here) = (ConfigWriter.ToJson(before), ConfigWriter.ToJson(now));
        foreach (var part in (string[])["model", "data"])
            if (Difference(there[part], here[part], part) is { } difference)
                throw new UserException([new Problem($"holds a finished run of another config: {difference}", folder.FullPath, Hint: "name another folder with --run")]);
    }

    static string? Difference(JsonNode? there, JsonNode? here, string path)
    {
        if (there is JsonObject old && here is JsonObject asked)
            return old.Select(entry => entry.Key).Union(asked.Select(entry => entry.Key))
                .Select(key => Difference(old[key], asked[key], $"{path}.{key}")).FirstOrDefault(found => found is not null);
        return Same(there, here) ? null : $"{path} is {Shown(there)} there and {Shown(here)} here";
    }

    static bool Same(JsonNode? one, JsonNode? other) => JsonNode.DeepEquals(one, other) || (one, other) switch
    {
        (JsonArray list, JsonArray others) => list.Count == others.Count && list.Zip(others).All(pair => Same(pair.First, pair.Second)),
        (JsonValue text, JsonValue another) => text.TryGetValue<string>(out var path) && another.TryGetValue<string>(out var same) && SamePath(path, same),
        _ => false,
    };

    // One file has many names: data/x, ./data/x and the absolute one.
    static bool SamePath(string one, string other) =>
        one.Length > 0 && other.Length > 0 && !one.Contains('\0') && !other.Contains('\0')
        && Path.TrimEndingDirectorySeparator(Path.GetFullPath(one)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(other));

    static string Shown(JsonNode? value) => value?.ToJsonString(JsonStyle.Options) ?? "not set";
}
