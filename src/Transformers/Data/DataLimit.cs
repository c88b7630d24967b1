namespace Transformers.Data;

/// <summary>Chooses the training examples that <c>data.limit</c> keeps: the same number of each class, as far as possible. A smaller limit's examples are among a larger one's.</summary>
static class DataLimit
{
    /// <summary>Chooses examples.</summary>
    /// <param name="classes">The class of each example.</param>
    /// <param name="inOrder">Orders the examples of a class; the first ones are kept. Receives the index of the class and its examples.</param>
    /// <param name="limit">How many are wanted.</param>
    /// <param name="what">What the examples are called, such as <c>images</c>.</param>
    /// <returns>The examples that are kept, in their order.</returns>
    /// <exception cref="UserException">There are fewer.</exception>
    internal static int[] Choose<T>(IReadOnlyList<T> classes, Func<int, int[], IEnumerable<int>> inOrder, long limit, string what) where T : IComparable<T>
    {
        CheckEnough(limit, classes.Count, what);
        var groups = Enumerable.Range(0, classes.Count).GroupBy(example => classes[example]).OrderBy(group => group.Key).Select(group => group.ToArray()).ToArray();
        var quotas = Quotas([.. groups.Select(group => group.Length)], (int)limit);
        return [.. groups.SelectMany((group, number) => inOrder(number, group).Take(quotas[number])).Order()];
    }

    /// <summary>Chooses labelled examples at random, with the run's seed.</summary>
    /// <param name="train">All training examples.</param>
    /// <param name="labelOf">The class of one.</param>
    /// <param name="limit">How many are wanted; null for all.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="what">What the examples are called.</param>
    /// <exception cref="UserException">There are fewer.</exception>
    internal static int[] Draw(int[] train, Func<int, int> labelOf, long? limit, ulong seed, string what) => limit is not { } most ? train
        : [.. Choose([.. train.Select(labelOf)], (label, examples) =>
        {
            new SampleRandom(seed, 0x6C696D6974, (ulong)label).Shuffle(examples.AsSpan());
            return examples;
        }, most, what).Select(example => train[example])];

    /// <summary>Refuses a limit above the number of examples: a curve over sizes would have mislabelled points.</summary>
    /// <exception cref="UserException">There are fewer.</exception>
    internal static void CheckEnough(long limit, long available, string what)
    {
        if (limit > available)
            throw new UserException([new Problem($"data.limit ({limit}) must be at most the number of training {what} ({available})", Path: "data.limit", Hint: "lower it, or leave it out to train on all")]);
    }

    /// <summary>How many examples each class contributes: the same number, or all if it has fewer; the first classes contribute one more each to make up a remainder.</summary>
    internal static int[] Quotas(IReadOnlyList<int> available, int limit)
    {
        int low = 0, high = limit;
        while (low < high)
        {
            var middle = low + (high - low + 1) / 2;
            if (available.Sum(count => (long)Math.Min(count, middle)) <= limit) low = middle;
            else high = middle - 1;
        }
        var quotas = available.Select(count => Math.Min(count, low)).ToArray();
        var left = limit - quotas.Sum();
        for (var number = 0; left > 0; number++)
            if (available[number] > low)
            {
                quotas[number]++;
                left--;
            }
        return quotas;
    }
}

/// <summary>Examples up to a limit, the same ones regardless of their order: a hash of their content decides.</summary>
/// <param name="read">Reads all examples.</param>
/// <param name="contentOf">The content of an example.</param>
/// <param name="classOf">Its class; the same for all if there are none.</param>
/// <param name="limit">How many are kept.</param>
/// <param name="what">What the examples are called.</param>
sealed class ContentLimit<T>(Func<IEnumerable<T>> read, Func<T, string> contentOf, Func<T, string> classOf, long limit, string what)
{
    readonly Lazy<HashSet<int>> chosen = new(() =>
    {
        var (hashes, classes) = (new List<ulong>(), new List<string>());
        foreach (var example in read())
        {
            hashes.Add(ContentHash.Of(contentOf(example)));
            classes.Add(classOf(example));
        }
        return [.. DataLimit.Choose(classes, (_, examples) => examples.OrderBy(example => hashes[example]).ThenBy(example => example), limit, what)];
    });

    internal IEnumerable<T> Kept() => read().Where((_, example) => chosen.Value.Contains(example));
}

/// <summary>A number that depends on a text alone.</summary>
static class ContentHash
{
    internal static ulong Of(string text) => BitConverter.ToUInt64(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));
}

/// <summary>One split of texts or of sentence pairs: its name and how to read it.</summary>
/// <param name="Name">The name of its file without language and extension: <c>train</c>, <c>val</c>, <c>test_2016_flickr</c>.</param>
/// <param name="Files">The files that are read; none if it is generated.</param>
/// <param name="Read">Reads it from the start, as a stream.</param>
public sealed record TextSplit<T>(string Name, IReadOnlyList<string> Files, Func<IEnumerable<T>> Read);

/// <summary>The splits of a set of texts or of sentence pairs.</summary>
/// <param name="Train">The training split.</param>
/// <param name="Validation">The validation split, if there is one.</param>
/// <param name="Tests">The test splits, by name.</param>
public sealed record TextSplits<T>(TextSplit<T> Train, TextSplit<T>? Validation, IReadOnlyList<TextSplit<T>> Tests)
{
    /// <summary>The first test split, if there is one.</summary>
    public TextSplit<T>? Test => Tests.Count > 0 ? Tests[0] : null;

    /// <summary>The splits, with part of the training examples held out if there is no validation split.</summary>
    internal TextSplits<T> WithHoldout(double? fraction, Func<T, string> contentOf)
    {
        if (Validation is not null || fraction is not > 0) return this;
        var held = new ContentHoldout<T>(Train.Read, contentOf, fraction.Value);
        return this with { Train = Train with { Read = () => held.Kept() }, Validation = new("val", Train.Files, () => held.Held()) };
    }

    /// <summary>The splits with a limited number of training examples, spread evenly over groups; all of them if there is no limit.</summary>
    internal TextSplits<T> WithLimit(long? limit, Func<T, string> contentOf, Func<T, string> groupOf, string what)
    {
        if (limit is not { } most) return this;
        var limited = new ContentLimit<T>(Train.Read, contentOf, groupOf, most, what);
        return this with { Train = Train with { Read = () => limited.Kept() } };
    }

    /// <summary>The split with a name; without a name the first test split, else the validation split.</summary>
    /// <param name="name">Its name, or null.</param>
    /// <param name="file">Whether the examples are those of a single named file, which is evaluated as a whole.</param>
    /// <exception cref="UserException">The split does not exist.</exception>
    internal TextSplit<T> Choose(string? name, bool file) => name switch
    {
        null => Test ?? Validation ?? (file ? Train with { Name = "data" } : null),
        "train" => Train,
        "validation" => Validation,
        "test" => Test,
        _ => Tests.FirstOrDefault(test => test.Name == name),
    } ?? throw new UserException($"no split named {name ?? "test or validation"}",
        $"the splits are {string.Join(", ", ["train", .. Validation is null ? [] : new[] { "validation" }, .. Tests.Select(test => test.Name)])}");
}

/// <summary>Divides examples by a hash of their content: the same ones are held out regardless of their order, and one that occurs twice is on one side.</summary>
sealed class ContentHoldout<T>(Func<IEnumerable<T>> read, Func<T, string> contentOf, double fraction)
{
    readonly Lazy<ulong> greatest = new(() =>
    {
        var hashes = read().Select(example => ContentHash.Of(contentOf(example))).Distinct().Order().ToArray();
        if (hashes.Length < 2) throw new UserException("holding out needs at least two different examples", "leave data.holdout out");
        return hashes[Math.Clamp((int)Math.Round(fraction * hashes.Length), 1, hashes.Length - 1) - 1];
    });

    public IEnumerable<T> Kept() => read().Where(example => ContentHash.Of(contentOf(example)) > greatest.Value);

    public IEnumerable<T> Held() => read().Where(example => ContentHash.Of(contentOf(example)) <= greatest.Value);
}
