using System.Text;

namespace Transformers.Configs;

/// <summary>Reads configs: YAML or JSON files, merged, with settings laid over them, bound strictly to records.</summary>
public static class ConfigFile
{
    /// <summary>The largest config file, in bytes; real ones have a few thousand.</summary>
    public const int MaximumBytes = 1 << 20;

    /// <summary>Reads files, lays each over those before it, then the settings, and binds the result.</summary>
    /// <typeparam name="T">The record to bind to: <see cref="RunConfig"/>, or a part of it.</typeparam>
    /// <param name="files">Paths of <c>.yaml</c>, <c>.yml</c> or <c>.json</c> files, or bare names of ready configs; at least one.</param>
    /// <param name="sets">Settings such as <c>model.layers=12</c>; the later wins.</param>
    /// <exception cref="UserException">With every problem found, each with file, line, column and path where it has them.</exception>
    /// <exception cref="ArgumentException">No files are given.</exception>
    public static T Load<T>(IReadOnlyList<string> files, IReadOnlyList<string>? sets = null) where T : class
    {
        if (files.Count == 0) throw new ArgumentException("At least one config is needed.", nameof(files));
        var problems = new ProblemList();
        var paths = new List<string>();
        var nodes = new List<ConfigNode>();
        foreach (var name in files)
            problems.Collect(() =>
            {
                var path = ReadyConfigs.Resolve(name);
                paths.Add(path);
                nodes.Add(ConfigText.Read(ReadBytes(path), path, problems));
            });
        return Bind<T>(nodes, sets ?? [], paths, problems);
    }

    /// <summary>Binds the text of one config.</summary>
    /// <param name="text">The config.</param>
    /// <param name="file">The name that messages show; a name that ends in <c>.json</c> makes it strict JSON, else it is YAML.</param>
    /// <param name="sets">Settings such as <c>model.layers=12</c>.</param>
    /// <exception cref="UserException">With every problem found.</exception>
    public static T Parse<T>(string text, string file = "config.yaml", IReadOnlyList<string>? sets = null) where T : class
    {
        var problems = new ProblemList();
        var nodes = new List<ConfigNode>();
        problems.Collect(() => nodes.Add(ConfigText.Read(Encoding.UTF8.GetBytes(text), file, problems)));
        return Bind<T>(nodes, sets ?? [], [file], problems);
    }

    /// <summary>Whether files, merged, give a model and neither data nor training: a fragment to inspect or to merge with others.</summary>
    /// <exception cref="UserException">A file cannot be read.</exception>
    public static bool IsFragment(IReadOnlyList<string> files)
    {
        var keys = new HashSet<string>();
        var problems = new ProblemList();
        foreach (var path in files.Select(ReadyConfigs.Resolve))
            if (ConfigText.Read(ReadBytes(path), path, problems) is MapNode map) keys.UnionWith(map.Entries.Select(e => e.Key));
        return keys.Contains("model") && !keys.Contains("data") && !keys.Contains("training");
    }

    /// <summary>Checks a record that was made or changed in code by the rules that a file must satisfy.</summary>
    /// <exception cref="UserException">With every problem found.</exception>
    public static void Check<T>(T config) where T : class => Parse<T>(ConfigWriter.ToYaml(config), "the config as changed");

    static T Bind<T>(List<ConfigNode> nodes, IReadOnlyList<string> sets, IReadOnlyList<string> files, ProblemList problems) where T : class
    {
        foreach (var set in sets)
            problems.Collect(() => nodes.Add(ConfigText.ReadSetting(set, problems)));
        // What could not be read would only be reported again, as missing.
        if (problems.Stopped) problems.ThrowIfAny(files);
        var merged = nodes.Aggregate((below, above) => ConfigMerge.Merge(typeof(T), below, above));
        var start = new Source(files[0], 1, 1);
        var value = new ConfigBinder(typeof(T), problems).Bind(typeof(T), merged, "", start);
        problems.ThrowIfAny(files);
        return (T)value!;
    }

    static byte[] ReadBytes(string path)
    {
        try
        {
            if (Directory.Exists(path)) throw new UserException([new Problem("is a folder, not a config", path, Hint: "give the file in it")]);
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var buffer = new byte[MaximumBytes + 1];
            var length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (length > MaximumBytes) throw new UserException([new Problem($"is larger than {MaximumBytes:N0} bytes, which no config is", path, Hint: "is this the data file?")]);
            return buffer[..length];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UserException([new Problem($"cannot be read: {exception.Message}", path)], exception);
        }
    }
}
