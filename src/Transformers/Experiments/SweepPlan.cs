using Transformers.Configs;
using Transformers.Training;

namespace Transformers.Experiments;

/// <summary>What a sweep varies: a setting's values, or config files that are merged over the config.</summary>
/// <param name="Name">The setting's path, such as <c>data.limit</c>; for files, their subject, such as <c>model</c>.</param>
/// <param name="Values">The values as they were given, or the names of the files.</param>
/// <param name="AreFiles">Whether the values are files.</param>
public sealed record SweepFactor(string Name, IReadOnlyList<string> Values, bool AreFiles)
{
    static readonly string[] Sections = ["data", "model", "training"];

    /// <summary>Reads <c>data.limit=500,1000,2000</c> or <c>model=vit.yaml,resnet.yaml</c>.</summary>
    /// <exception cref="UserException">It is neither.</exception>
    public static SweepFactor Parse(string text)
    {
        var equals = text.IndexOf('=');
        var name = equals < 0 ? "" : text[..equals].Trim();
        if (name.Length == 0) throw Bad("must be a setting and its values", "for example --vary data.limit=500,1000,2000 or --vary model=vit.yaml,resnet.yaml");
        var values = Split(text[(equals + 1)..]).Select(value => value.Trim()).ToList();
        if (values.Contains("")) throw Bad("has an empty value", "separate values by single commas");
        // As in 1,000 or 0,001, which are not single numbers here: no value has leading zeros.
        if (values.Find(value => value is ['0', _, ..] && value.All(char.IsAsciiDigit)) is { } padded) throw Bad($"has the value {padded}, which starts with 0", Commas);
        if (values.GroupBy(value => value).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Bad($"has the value {twice.Key} twice", twice.Key.Length == 3 && twice.Key.All(char.IsAsciiDigit) ? $"give each value once; {Commas}" : "give each value once");
        if (name == "seed") throw Bad("varies the seed", "--seeds N trains each point with N seeds");
        return new SweepFactor(name, values, values.TrueForAll(IsFile) || Sections.Contains(name) && !values.Exists(value => value.StartsWith('{')));

        UserException Bad(string message, string hint) => new([new Problem($"({text}) {message}", Path: "--vary", Hint: hint)]);
    }

    const string Commas = "commas separate values: numbers have a decimal point and no thousands separators";

    /// <summary>A warning about two values that may be one number with a thousands separator; null for any others.</summary>
    internal string? Warning => Values is [{ Length: 1 or 2 } first, { Length: 3 } second] && (first + second).All(char.IsAsciiDigit)
        ? $"--vary {Name}={first},{second} gives two values, {first} and {second}; if one is meant, write {first}{second}" : null;

    static bool IsFile(string value) => Path.GetExtension(value).ToLowerInvariant() is ".yaml" or ".yml" or ".json";

    // At commas outside brackets and quotes.
    static IEnumerable<string> Split(string values)
    {
        var (depth, quote, start) = (0, '\0', 0);
        for (var i = 0; i < values.Length; i++)
        {
            var c = values[i];
            if (quote != '\0') quote = c == quote ? '\0' : quote;
            else if (c is '"' or '\'') quote = c;
            else if (c is '[' or '{') depth++;
            else if (c is ']' or '}') depth--;
            else if (c == ',' && depth == 0)
            {
                yield return values[start..i];
                start = i + 1;
            }
        }
        yield return values[start..];
    }

    /// <summary>A value as tables, figures and folders show it.</summary>
    internal string Label(string value) => AreFiles ? Path.GetFileNameWithoutExtension(value) : value;

    /// <summary>The last part of its name.</summary>
    internal string ShortName => Name[(Name.LastIndexOf('.') + 1)..];

    /// <summary>The values as numbers; null if one is not a number.</summary>
    internal IReadOnlyList<double>? Numbers
    {
        get
        {
            var numbers = Values.Select(value => NumberOf(value)).OfType<double>().ToList();
            return !AreFiles && numbers.Count == Values.Count ? numbers : null;
        }
    }

    internal static double? NumberOf(string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
        : ByteSize.TryParse(value, out var size) ? size.Bytes : null;
}

/// <summary>One run of a sweep.</summary>
/// <param name="Settings">The value of each factor, by its name.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Config">The whole config.</param>
/// <param name="Folder">The run's folder.</param>
public sealed record SweepPoint(IReadOnlyDictionary<string, string> Settings, ulong Seed, RunConfig Config, string Folder)
{
    /// <summary>Such as <c>data.limit 500, model vit, seed 1337</c>.</summary>
    public override string ToString() => string.Join(", ", [.. Settings.Select(one => $"{one.Key} {one.Value}"), $"seed {Seed}"]);
}

/// <summary>The grid of a sweep's runs; every config is read and checked before the first run.</summary>
/// <param name="Output">The folder of the sweep.</param>
/// <param name="Factors">What is varied.</param>
/// <param name="Seeds">The seeds of every point.</param>
/// <param name="Points">All runs: the last factor changes fastest, and seeds faster still.</param>
public sealed record SweepPlan(string Output, IReadOnlyList<SweepFactor> Factors, IReadOnlyList<ulong> Seeds, IReadOnlyList<SweepPoint> Points)
{
    const int MostRuns = 10_000;

    /// <summary>The factor on the horizontal axis: the first one whose values are distinct numbers; null for none.</summary>
    public SweepFactor? Across => Factors.FirstOrDefault(factor => factor is { Numbers.Count: > 1 });

    /// <summary>Reads all configs of a grid.</summary>
    /// <param name="configs">The config files; later ones override earlier ones.</param>
    /// <param name="sets">Settings for all runs.</param>
    /// <param name="factors">What is varied; overrides the settings.</param>
    /// <param name="seeds">The number of seeds: the config's own and those after it.</param>
    /// <param name="output">The folder of the sweep.</param>
    /// <param name="change">A further change to every config.</param>
    /// <exception cref="UserException">A config is invalid; the message lists every problem of every config.</exception>
    public static SweepPlan Create(IReadOnlyList<string> configs, IReadOnlyList<string> sets, IReadOnlyList<SweepFactor> factors, int seeds, string output, Func<RunConfig, RunConfig>? change = null)
    {
        if (factors.Count == 0) throw new UserException("--vary must be given: what differs between the runs", "for example --vary data.limit=500,1000,2000");
        if (factors.GroupBy(factor => factor.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new UserException($"--vary {twice.Key} is given twice", "give its values in one list, separated by commas");
        if (seeds < 1) throw new UserException($"--seeds ({seeds}) must be at least 1");
        var count = factors.Aggregate((long)seeds, (product, factor) => Math.Min(int.MaxValue, product * factor.Values.Count));
        if (count > MostRuns) throw new UserException($"the sweep would have {count:N0} runs, but at most {MostRuns:N0} are allowed", "give fewer values to --vary, or fewer --seeds");

        var (problems, points, all) = (new List<Problem>(), new List<SweepPoint>(), new List<ulong>());
        foreach (var values in Grid(factors))
        {
            var chosen = factors.Zip(values).ToList();
            try
            {
                var config = ConfigFile.Load<RunConfig>(
                    [.. configs, .. chosen.Where(one => one.First.AreFiles).Select(one => one.Second)],
                    [.. sets, .. chosen.Where(one => !one.First.AreFiles).Select(one => $"{one.First.Name}={one.Second}")]);
                if (change is not null) config = change(config);
                if (config.Seed > ulong.MaxValue - (ulong)(seeds - 1)) throw new UserException($"--seeds ({seeds}) goes beyond the largest seed, {ulong.MaxValue}: the config has seed {config.Seed}", "set a smaller seed");
                for (var i = 0UL; i < (ulong)seeds; i++)
                {
                    var seed = config.Seed + i;
                    if (!all.Contains(seed)) all.Add(seed);
                    points.Add(new SweepPoint(chosen.ToDictionary(one => one.First.Name, one => one.First.Label(one.Second)), seed, config with { Seed = seed },
                        Path.Combine(output, FolderOf(factors, chosen.Select(one => one.First.Label(one.Second)), seed))));
                }
            }
            catch (UserException exception)
            {
                problems.AddRange(exception.Problems.Select(problem => Named(problem, chosen)).Where(problem => !problems.Contains(problem)));
            }
        }
        if (problems.Count > 0) throw new UserException(problems);
        if (points.GroupBy(point => point.Folder).FirstOrDefault(group => group.Count() > 1) is { } same)
            throw new UserException($"two runs of the sweep would have the folder {same.Key}", "give the values of --vary different names");
        return new SweepPlan(output, factors, all, points);
    }

    static IEnumerable<IReadOnlyList<string>> Grid(IEnumerable<SweepFactor> factors) =>
        factors.Aggregate<SweepFactor, IEnumerable<IReadOnlyList<string>>>([[]], (rows, factor) => rows.SelectMany(row => factor.Values.Select(value => (IReadOnlyList<string>)[.. row, value])));

    // The varied settings are passed on as settings, but the user gave them with --vary.
    static Problem Named(Problem problem, IEnumerable<(SweepFactor Factor, string Value)> chosen) =>
        problem is { File: "--set", Path: { } path } && chosen.Any(one => path == one.Factor.Name || path.StartsWith(one.Factor.Name + ".", StringComparison.Ordinal)) ? problem with { File = "--vary" } : problem;

    static string FolderOf(IReadOnlyList<SweepFactor> factors, IEnumerable<string> labels, ulong seed)
    {
        var shortNames = factors.Select(factor => factor.ShortName).Distinct().Count() == factors.Count;
        return string.Join('_', factors.Zip(labels, (factor, label) => $"{(shortNames ? factor.ShortName : factor.Name)}-{Clean(label)}").Append(string.Create(CultureInfo.InvariantCulture, $"seed-{seed}")));
    }

    // Letters, digits, dots and hyphens, which suit any file system and shell.
    static string Clean(string label)
    {
        var clean = new StringBuilder();
        foreach (var c in label)
            if (char.IsAsciiLetterOrDigit(c) || c is '.' or '-') clean.Append(c);
            else if (clean.Length > 0 && clean[^1] != '-') clean.Append('-');
        return clean.ToString().Trim('-', '.');
    }
}
