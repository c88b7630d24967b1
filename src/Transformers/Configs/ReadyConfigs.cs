using Transformers.IO;

namespace Transformers.Configs;

/// <summary>The configs that come with the program, found by bare name: <c>gpt-stories</c>, <c>vit-b16</c>.</summary>
public static class ReadyConfigs
{
    static readonly string[] Extensions = [".yaml", ".yml", ".json"];

    /// <summary>A ready-made config.</summary>
    /// <param name="Name">Its bare name, without folder and extension.</param>
    /// <param name="Path">Its file.</param>
    /// <param name="Summary">The first line of its opening comment.</param>
    public sealed record Entry(string Name, string Path, string Summary);

    /// <summary>The folder of ready-made configs: beside the executable, or in the checkout above it; null if there is neither.</summary>
    public static string? Folder { get; } = FindFolder();

    /// <summary>All ready-made configs: runs by name, then the presets in <c>models</c> by name.</summary>
    public static IReadOnlyList<Entry> List()
    {
        if (Folder is null) return [];
        return [.. Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
            .Where(path => Extensions.Contains(Path.GetExtension(path)) && Path.GetFileName(path) != "schema.json")
            .Select(path => new Entry(Path.GetFileNameWithoutExtension(path), path, SummaryOf(path)))
            .OrderBy(entry => Path.GetDirectoryName(entry.Path), StringComparer.Ordinal).ThenBy(entry => entry.Name, StringComparer.Ordinal)];
    }

    /// <summary>The file that a user means: the path itself if it exists, else the ready-made config of that name.</summary>
    /// <exception cref="UserException">There is neither.</exception>
    public static string Resolve(string name)
    {
        if (File.Exists(name) || Directory.Exists(name)) return name;
        if (List().FirstOrDefault(entry => entry.Name == name) is { } ready) return ready.Path;
        var names = List().Select(entry => entry.Name).ToList();
        var near = Suggestion.For(Path.GetFileNameWithoutExtension(name), names);
        throw new UserException([new Problem("the config does not exist", name,
            Hint: name.IndexOf('=') > 0 ? $"a setting follows --set: --set {name}"
                : near is not null ? $"did you mean the ready-made config {near}?" : names.Count > 0 ? $"give a file or a ready-made config: {string.Join(", ", names)}" : "give a file")]);
    }

    static string SummaryOf(string path)
    {
        var first = File.ReadLines(path).FirstOrDefault() ?? "";
        return first.StartsWith('#') ? first.TrimStart('#', ' ') : "";
    }

    static string? FindFolder()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "configs");
        if (Directory.Exists(beside)) return beside;
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "TransformerCli.sln")) && Directory.Exists(Path.Combine(folder, "configs")))
                return Path.Combine(folder, "configs");
        return null;
    }
}
