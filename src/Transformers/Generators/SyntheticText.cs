namespace Transformers.Generators;

/// <summary>The generated text tasks.</summary>
public enum SyntheticKind
{
    /// <summary><see cref="TranslationGenerator"/>.</summary>
    Translation,
    /// <summary><see cref="CopyGenerator"/>.</summary>
    Copy,
    /// <summary><see cref="ReverseGenerator"/>.</summary>
    Reverse,
    /// <summary><see cref="SentimentGenerator"/>.</summary>
    Sentiment,
}

/// <summary>The files that were written.</summary>
/// <param name="Kind">The task.</param>
/// <param name="Folder">The folder.</param>
/// <param name="Train">Training examples.</param>
/// <param name="Validation">Validation examples.</param>
/// <param name="Test">Test examples.</param>
/// <param name="Files">The names of the files, in the folder.</param>
public sealed record SyntheticReport(SyntheticKind Kind, string Folder, long Train, long Validation, long Test, IReadOnlyList<string> Files);

/// <summary>Generated text tasks as sizes, streams and files.</summary>
public static class SyntheticText
{
    /// <summary>The default number of training examples.</summary>
    public static long DefaultSize(SyntheticKind kind) => kind switch
    {
        SyntheticKind.Translation => 50_000,
        SyntheticKind.Reverse => 40_000,
        SyntheticKind.Copy => 32_000,
        _ => 8_000,
    };

    /// <summary>The number of examples of a split, for a number of training examples.</summary>
    public static long SizeOf(SyntheticSplit split, long size) => split == SyntheticSplit.Train ? size : Math.Clamp(size / 20, 50, 1000);

    /// <summary>The generator of a task of sentence pairs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The task has labels, not pairs.</exception>
    public static ParallelGenerator PairsOf(SyntheticKind kind) => kind switch
    {
        SyntheticKind.Translation => new TranslationGenerator(),
        SyntheticKind.Copy => new CopyGenerator(),
        SyntheticKind.Reverse => new ReverseGenerator(),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a task of sentence pairs"),
    };

    /// <summary>Writes a task as files: <c>train</c>, <c>val</c> and <c>test</c>, each in two languages, or as TSV for labelled text.</summary>
    /// <param name="kind">The task.</param>
    /// <param name="folder">The folder; it is created if it does not exist, and files of these names in it are replaced once all are complete.</param>
    /// <param name="size">The number of training examples; validation and test have a twentieth each, from 50 to 1,000.</param>
    /// <param name="seed">The seed; the same seed always gives the same files, and a larger size adds examples at their ends.</param>
    /// <param name="cancel">Cancels the writing.</param>
    /// <exception cref="UserException">The size is out of range, or the folder cannot be written.</exception>
    public static SyntheticReport Write(SyntheticKind kind, string folder, long size, ulong seed, CancellationToken cancel = default)
    {
        if (size is < 1 or > 1_000_000_000) throw new UserException($"the size ({size}) must be from 1 to 1,000,000,000");
        List<PartialFile> parts = [];
        try
        {
            var files = new List<string>();
            foreach (var split in Enum.GetValues<SyntheticSplit>())
            {
                var count = SizeOf(split, size);
                if (kind == SyntheticKind.Sentiment) Labelled(split, count);
                else Pairs(PairsOf(kind), split, count);
            }
            foreach (var part in parts) part.Complete();
            return new SyntheticReport(kind, folder, size,
                SizeOf(SyntheticSplit.Validation, size), SizeOf(SyntheticSplit.Test, size), files);

            PartialFile Open(string name)
            {
                files.Add(name);
                parts.Add(new PartialFile(Path.Combine(folder, name)));
                return parts[^1];
            }

            void Pairs(ParallelGenerator generator, SyntheticSplit split, long count) =>
                Open($"{split.FileName()}.{generator.SourceLanguage}").Write(source => Open($"{split.FileName()}.{generator.TargetLanguage}").Write(target =>
                {
                    using var sources = WriterOf(source);
                    using var targets = WriterOf(target);
                    foreach (var pair in generator.Take(split, seed, count))
                    {
                        cancel.ThrowIfCancellationRequested();
                        sources.WriteLine(pair.Source);
                        targets.WriteLine(pair.Target);
                    }
                }));

            void Labelled(SyntheticSplit split, long count) => Open($"{split.FileName()}.tsv").Write(stream =>
            {
                using var file = WriterOf(stream);
                foreach (var example in new SentimentGenerator().Take(split, seed, count))
                {
                    cancel.ThrowIfCancellationRequested();
                    file.WriteLine($"{example.Text}\t{example.Label}");
                }
            });
        }
        finally
        {
            foreach (var part in parts) part.Dispose();
        }
    }

    static StreamWriter WriterOf(Stream stream) => new(stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true) { NewLine = "\n" };
}

/// <summary>The splits of a generated data set; no example (for a translation, no template) is in two of them.</summary>
public enum SyntheticSplit
{
    /// <summary>Training.</summary>
    Train,
    /// <summary>Validation.</summary>
    Validation,
    /// <summary>Test.</summary>
    Test,
}

static class Splits
{
    /// <summary>The split to which a text belongs, by a hash of its content alone: one in twenty for validation, and one in twenty for test.</summary>
    public static SyntheticSplit Of(string content)
    {
        // FNV-1a (Fowler, Noll, Vo), then a mix, since its low bits alone are weak.
        var hash = 14695981039346656037UL;
        foreach (var b in Encoding.UTF8.GetBytes(content)) hash = (hash ^ b) * 1099511628211UL;
        hash ^= hash >> 32;
        return (hash % 20) switch { 0 => SyntheticSplit.Validation, 1 => SyntheticSplit.Test, _ => SyntheticSplit.Train };
    }

    public static CounterRandom Random(ulong seed, SyntheticSplit split, long index) => new(seed * 3 + (ulong)split, (ulong)index);

    public static string FileName(this SyntheticSplit split) => split switch
    {
        SyntheticSplit.Train => "train",
        SyntheticSplit.Validation => "val",
        _ => "test",
    };
}
