using Transformers.IO;

namespace Transformers.Data.Sentences;

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
