using Transformers.IO;

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
    internal static void CheckEnough(long limit, long there, string what)
    {
        if (limit > there)
            throw new UserException([new Problem($"data.limit ({limit}) must be at most the number of training {what} ({there})", Path: "data.limit", Hint: "lower it, or leave it out to train on all")]);
    }

    /// <summary>How many examples each class contributes: the same number, or all if it has fewer; the first classes contribute one more each to make up a remainder.</summary>
    internal static int[] Quotas(IReadOnlyList<int> there, int limit)
    {
        int low = 0, high = limit;
        while (low < high)
        {
            var middle = low + (high - low + 1) / 2;
            if (there.Sum(count => (long)Math.Min(count, middle)) <= limit) low = middle;
            else high = middle - 1;
        }
        var quotas = there.Select(count => Math.Min(count, low)).ToArray();
        var left = limit - quotas.Sum();
        for (var number = 0; left > 0; number++)
            if (there[number] > low)
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
