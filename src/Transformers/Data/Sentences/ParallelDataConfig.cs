using Transformers.Configs;
using Transformers.Generators;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Sentences and their translations, for encoder-decoders.</summary>
[Kind("parallel")]
public sealed record ParallelDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["max_length"];

    /// <summary>Where the pairs come from: a generator, a folder or files.</summary>
    public required ParallelSourceConfig Source { get; init; }

    /// <summary>How text becomes token ids; for both sides, unless <c>target_tokenizer</c> is given.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>How the target's text becomes token ids, if it has its own vocabulary.</summary>
    public TokenizerConfig? TargetTokenizer { get; init; }

    /// <summary>The maximum number of tokens on each side; longer pairs are not used for training.</summary>
    [Between(1, 100_000)]
    public int MaxLength { get; init; } = 256;

    /// <summary>The maximum ratio of the two sides' lengths; pairs that exceed it are not used for training.</summary>
    [AtLeast(1)]
    public double? MaxRatio { get; init; }

    /// <summary>The fraction of the training pairs that is held out for validation if the source has no validation split; nothing by default. The same pairs are held out regardless of their order.</summary>
    [Between(0, 0.9)]
    public double? Holdout { get; init; }

    /// <summary>The splits, with what is held out and what the limit leaves.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public TextSplits<SentencePair> Open() =>
        Source.Open().WithHoldout(Holdout, ContentOf).WithLimit(Limit, ContentOf, _ => "", "pairs");

    static string ContentOf(SentencePair pair) => $"{pair.Source}\t{pair.Target}";

    /// <summary>The pairs to train on.</summary>
    public ParallelFilter Filter() => new() { MaximumTokens = MaxLength, MaximumRatio = MaxRatio ?? double.PositiveInfinity };
}

/// <summary>Where sentence pairs come from: a generator, a folder or files.</summary>
public abstract record ParallelSourceConfig
{
    /// <summary>The splits.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public abstract TextSplits<SentencePair> Open();

    /// <summary>The same kind of text from another folder, as with <c>--data</c>.</summary>
    public abstract ParallelSourceConfig At(string folder);
}

/// <summary>Sentence pairs that the program generates, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedPairsConfig : ParallelSourceConfig
{
    /// <summary>The task.</summary>
    public required PairGenerator Generator { get; init; }

    /// <summary>The number of training pairs; validation and test have a twentieth each, between 50 and 1,000.</summary>
    [Between(1, 100_000_000)]
    public int? Size { get; init; }

    /// <summary>The seed of the pairs; separate from the run's seed, so that runs with several seeds train on the same pairs.</summary>
    public ulong Seed { get; init; } = 1;

    SyntheticKind Kind => Generator switch
    {
        PairGenerator.Translation => SyntheticKind.Translation,
        PairGenerator.Copy => SyntheticKind.Copy,
        _ => SyntheticKind.Reverse,
    };

    /// <inheritdoc/>
    public override TextSplits<SentencePair> Open()
    {
        var (generator, size) = (SyntheticText.PairsOf(Kind), Size ?? SyntheticText.DefaultSize(Kind));
        return new TextSplits<SentencePair>(Split(SyntheticSplit.Train), Split(SyntheticSplit.Validation), [Split(SyntheticSplit.Test)]);

        TextSplit<SentencePair> Split(SyntheticSplit split) =>
            new(split.FileName(), [], () => generator.Take(split, Seed, SyntheticText.SizeOf(split, size)));
    }

    /// <inheritdoc/>
    public override ParallelSourceConfig At(string folder)
    {
        var generator = SyntheticText.PairsOf(Kind);
        return new ParallelFolderConfig { Folder = folder, From = generator.SourceLanguage, To = generator.TargetLanguage };
    }
}

/// <summary>The generators of sentence pairs.</summary>
public enum PairGenerator
{
    /// <summary>English into an invented language.</summary>
    Translation,
    /// <summary>Sequences of ten symbols into themselves.</summary>
    Copy,
    /// <summary>Sequences of up to 25 numbers into their reversal.</summary>
    Reverse,
}

/// <summary>A folder with <c>train.de</c>, <c>train.en</c>, <c>val.de</c>, … (or <c>train.tsv</c>, <c>train.csv</c>, <c>train.jsonl</c>), each also as <c>.gz</c>.</summary>
[ByKey("folder")]
public sealed record ParallelFolderConfig : ParallelSourceConfig
{
    /// <summary>The folder, or a single <c>.tsv</c>, <c>.csv</c> or <c>.jsonl</c> file, all of whose pairs are used for training.</summary>
    [NotEmpty]
    public required string Folder { get; init; }

    /// <summary>The source language, which is the files' extension; for JSON lines the name of the field.</summary>
    [NotEmpty]
    public required string From { get; init; }

    /// <summary>The target language.</summary>
    [NotEmpty]
    public required string To { get; init; }

    /// <inheritdoc/>
    public override TextSplits<SentencePair> Open() => ParallelFolder.Find(Folder, From, To);

    /// <inheritdoc/>
    public override ParallelSourceConfig At(string folder) => this with { Folder = folder };
}

/// <summary>Sentence pairs from named files: each split is two aligned files, or one <c>.tsv</c>, <c>.csv</c> or <c>.jsonl</c> file.</summary>
[ByKey("train")]
public sealed record ParallelFilesConfig : ParallelSourceConfig, IChecked
{
    /// <summary>The training files.</summary>
    [NotEmpty]
    public required IReadOnlyList<string> Train { get; init; }

    /// <summary>The validation files.</summary>
    public IReadOnlyList<string>? Validation { get; init; }

    /// <summary>The test files.</summary>
    public IReadOnlyList<string>? Test { get; init; }

    /// <summary>The source's field of a JSON line, for example <c>translation.de</c>.</summary>
    [NotEmpty]
    public string From { get; init; } = "source";

    /// <summary>The target's field of a JSON line.</summary>
    [NotEmpty]
    public string To { get; init; } = "target";

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        foreach (var (key, files) in new[] { ("train", Train), ("validation", Validation), ("test", Test) })
            check.That(files is null || files.Count == 2 || (files.Count == 1 && IsTable(files[0])), key,
                "must be two aligned files, or one .tsv, .csv or .jsonl file");
    }

    static bool IsTable(string file) => TextLines.EndingOf(file) is ".tsv" or ".csv" or ".jsonl";

    /// <inheritdoc/>
    public override TextSplits<SentencePair> Open() =>
        new(Split("train", Train)!, Split("validation", Validation), Split("test", Test) is { } test ? [test] : []);

    TextSplit<SentencePair>? Split(string name, IReadOnlyList<string>? files) => files switch
    {
        null => null,
        [var source, var target] => new(name, files, () => ParallelFiles.ReadPair(source, target)),
        [var file] when TextLines.EndingOf(file) is ".tsv" or ".csv" => new(name, files, () => ParallelFiles.ReadTable(file, [From.ToLowerInvariant(), To.ToLowerInvariant()])),
        [var file] => new(name, files, () => ParallelFiles.ReadJsonLines(file, From, To)),
        _ => throw new ArgumentException("A split is two files or one", nameof(files)),
    };

    /// <inheritdoc/>
    public override ParallelSourceConfig At(string folder) => new ParallelFolderConfig { Folder = folder, From = From, To = To };
}
