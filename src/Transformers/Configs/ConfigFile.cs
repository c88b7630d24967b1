namespace Transformers.Configs;

/// <summary>Reads configs: merges YAML or JSON files, then settings, and binds the result strictly to records.</summary>
public static class ConfigFile
{
    /// <summary>The largest config file, in bytes; real ones have a few thousand.</summary>
    public const int MaximumBytes = 1 << 20;

    /// <summary>Reads files, merges each over the previous ones and then the settings over all, and binds the result.</summary>
    /// <typeparam name="T">The record to bind to.</typeparam>
    /// <param name="files">Paths of <c>.yaml</c>, <c>.yml</c> or <c>.json</c> files, or bare names of ready-made configs; at least one.</param>
    /// <param name="sets">Settings such as <c>model.layers=12</c>; the later wins.</param>
    /// <exception cref="UserException">With every problem found, each with file, line, column and path where it has them.</exception>
    /// <exception cref="ArgumentException">No files are given.</exception>
    public static T Load<T>(IReadOnlyList<string> files, IReadOnlyList<string>? sets = null) where T : class => Open<T>(files, sets).Config;

    /// <summary>As <see cref="Load{T}"/>, and remembers the position of each setting, for problems that are found later (a data file that does not exist).</summary>
    /// <inheritdoc cref="Load{T}"/>
    public static LoadedConfig<T> Open<T>(IReadOnlyList<string> files, IReadOnlyList<string>? sets = null) where T : class
    {
        var problems = new ProblemList();
        var (nodes, paths) = ReadAll(files, sets, problems);
        return Bind<T>(nodes, paths, problems);
    }

    /// <summary>As <see cref="Load{T}"/>, for files that have either a whole config or one section of it.</summary>
    /// <typeparam name="TPart">The record of a config with that section alone.</typeparam>
    /// <typeparam name="TWhole">The record of a whole config.</typeparam>
    /// <param name="section">The section's key.</param>
    /// <param name="files">As for <see cref="Load{T}"/>.</param>
    /// <param name="sets">As for <see cref="Load{T}"/>.</param>
    /// <exception cref="UserException">With every problem found.</exception>
    public static object LoadPartOrWhole<TPart, TWhole>(string section, IReadOnlyList<string> files, IReadOnlyList<string>? sets = null) where TPart : class where TWhole : class
    {
        var problems = new ProblemList();
        var (nodes, paths) = ReadAll(files, sets, problems);
        var keys = nodes.OfType<MapNode>().SelectMany(map => map.Entries).Select(entry => entry.Key).Where(key => key != "$schema").Distinct();
        return keys.SequenceEqual([section]) ? Bind<TPart>(nodes, paths, problems).Config : Bind<TWhole>(nodes, paths, problems).Config;
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
        ReadSettings(nodes, sets, problems);
        return Bind<T>(nodes, [file], problems).Config;
    }

    /// <summary>The text of a config file, unchanged.</summary>
    /// <exception cref="UserException">It cannot be read, or is too large or not text.</exception>
    public static string ReadText(string path) => ConfigText.Decode(ReadBytes(path), path);

    /// <summary>Checks a record that was made or changed in code by the rules that a file must satisfy.</summary>
    /// <exception cref="UserException">With every problem found.</exception>
    public static void Check<T>(T config) where T : class => Parse<T>(ConfigWriter.ToYaml(config), "the config as changed");

    static (List<ConfigNode> Nodes, List<string> Paths) ReadAll(IReadOnlyList<string> files, IReadOnlyList<string>? sets, ProblemList problems)
    {
        if (files.Count == 0) throw new ArgumentException("At least one config is needed.", nameof(files));
        var paths = new List<string>();
        var nodes = new List<ConfigNode>();
        foreach (var name in files)
            problems.Collect(() =>
            {
                var path = ReadyConfigs.Resolve(name);
                paths.Add(path);
                nodes.Add(ConfigText.Read(ReadBytes(path), path, problems));
            });
        ReadSettings(nodes, sets, problems);
        return (nodes, paths);
    }

    static void ReadSettings(List<ConfigNode> nodes, IReadOnlyList<string>? sets, ProblemList problems)
    {
        // Settings are first merged with each other and then, together, over the files, so that a kind and its settings may come in any
        // order.
        ConfigNode? all = null;
        foreach (var set in sets ?? [])
            problems.Collect(() =>
            {
                var setting = ConfigText.ReadSetting(set, problems);
                all = all is null ? setting : ConfigMerge.Merge(null, all, setting);
            }, vital: false);
        if (all is not null) nodes.Add(all);
    }

    static LoadedConfig<T> Bind<T>(List<ConfigNode> nodes, IReadOnlyList<string> files, ProblemList problems) where T : class
    {
        // What could not be read would only be reported again, as missing.
        if (problems.Stopped) problems.ThrowIfAny(files);
        var merged = nodes.Aggregate((below, above) => ConfigMerge.Merge(typeof(T), below, above));
        var start = new Source(files[0], 1, 1);
        var value = new ConfigBinder(typeof(T), problems).Bind(typeof(T), merged, "", start);
        problems.ThrowIfAny(files);
        return new LoadedConfig<T>((T)value!, (MapNode)merged, start);
    }

    static byte[] ReadBytes(string path)
    {
        try
        {
            if (Directory.Exists(path)) throw new UserException([new Problem("is a folder, not a config", path, Hint: "give the file in it")]);
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var buffer = new byte[MaximumBytes + 1];
            var length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (length > MaximumBytes) throw new UserException([new Problem($"is larger than {MaximumBytes:N0} bytes, the maximum for a config", path, Hint: "is this the data file?")]);
            return buffer[..length];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UserException([new Problem($"cannot be read: {InputFile.ReasonOf(exception)}", path)], exception);
        }
    }
}

/// <summary>A config with the positions of its settings.</summary>
/// <typeparam name="T">The record.</typeparam>
public sealed class LoadedConfig<T> where T : class
{
    readonly MapNode tree;
    readonly Source start;

    internal LoadedConfig(T config, MapNode tree, Source start)
    {
        Config = config;
        this.tree = tree;
        this.start = start;
    }

    /// <summary>The record.</summary>
    public T Config { get; }

    /// <summary>The problem with the file, line and column of the setting that its path names; unchanged if it has no path or already has a
    /// file.</summary>
    public Problem Locate(Problem problem)
    {
        if (problem.Path is null || problem.File is not null) return problem;
        var (file, line, column) = tree.Locate(problem.Path, start);
        return problem with { File = file, Line = line, Column = column };
    }

    /// <summary>Runs something that depends on the config; problems get the position of the setting that caused them.</summary>
    /// <exception cref="UserException">The action threw one; its problems now have positions.</exception>
    public TResult WithPositions<TResult>(Func<T, TResult> action)
    {
        try
        {
            return action(Config);
        }
        catch (UserException exception) when (exception.Problems.Any(p => p.Path is not null && p.File is null))
        {
            throw new UserException([.. exception.Problems.Select(Locate)], exception);
        }
    }
}

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
