using Transformers.Configs;
using Transformers.Generators;
using Transformers.IO;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Texts with classes, for encoders that classify.</summary>
[Kind("labelled")]
public sealed record LabelledDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["max_length"];

    /// <summary>Where the texts come from: a generator or a folder.</summary>
    public required LabelledSourceConfig Source { get; init; }

    /// <summary>How text becomes token ids.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>The maximum number of tokens of a text, including its two framing tokens; longer texts are truncated.</summary>
    [Between(3, 100_000)]
    public int MaxLength { get; init; } = 512;

    /// <summary>The fraction of the training texts that is held out for validation if the source has no validation split; nothing by default. The same texts are held out regardless of their order.</summary>
    [Between(0, 0.9)]
    public double? Holdout { get; init; }

    /// <summary>The splits, with what is held out and what the limit leaves.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public TextSplits<LabelledExample> Open() =>
        Source.Open().WithHoldout(Holdout, ContentOf).WithLimit(Limit, ContentOf, example => example.Label, "texts");

    static string ContentOf(LabelledExample example) => $"{example.Text}\t{example.Label}";
}

/// <summary>Where labelled texts come from: a generator or a folder.</summary>
public abstract record LabelledSourceConfig
{
    /// <summary>The splits.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public abstract TextSplits<LabelledExample> Open();

    /// <summary>The same kind of text from another folder, as with <c>--data</c>.</summary>
    public abstract LabelledSourceConfig At(string folder);
}

/// <summary>Labelled texts that the program generates, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedLabelsConfig : LabelledSourceConfig
{
    /// <summary>The task.</summary>
    public required LabelGenerator Generator { get; init; }

    /// <summary>The number of training texts; validation and test have a twentieth each, between 50 and 1,000.</summary>
    [Between(1, 100_000_000)]
    public int Size { get; init; } = 8_000;

    /// <summary>The seed of the texts; separate from the run's seed, so that runs with several seeds train on the same texts.</summary>
    public ulong Seed { get; init; } = 1;

    /// <inheritdoc/>
    public override TextSplits<LabelledExample> Open()
    {
        return new TextSplits<LabelledExample>(Split(SyntheticSplit.Train), Split(SyntheticSplit.Validation), [Split(SyntheticSplit.Test)]);

        TextSplit<LabelledExample> Split(SyntheticSplit split) =>
            new(split.FileName(), [], () => new SentimentGenerator().Take(split, Seed, SyntheticText.SizeOf(split, Size)));
    }

    /// <inheritdoc/>
    public override LabelledSourceConfig At(string folder) => new LabelledFolderConfig { Folder = folder };
}

/// <summary>The generators of labelled text.</summary>
public enum LabelGenerator
{
    /// <summary>Short reviews, positive or negative.</summary>
    Sentiment,
}

/// <summary>A folder with <c>train.tsv</c>, <c>val.tsv</c> and <c>test.tsv</c> (or <c>.csv</c>, <c>.jsonl</c>), each also as <c>.gz</c>.</summary>
[ByKey("folder")]
public sealed record LabelledFolderConfig : LabelledSourceConfig
{
    /// <summary>The folder, or a single file, all of whose texts are used for training.</summary>
    [NotEmpty]
    public required string Folder { get; init; }

    /// <summary>The text's column: its number from 0, or its name if the first line has names; for JSON lines the field.</summary>
    [NotEmpty]
    public string Text { get; init; } = "0";

    /// <summary>The label's column or field.</summary>
    [NotEmpty]
    public string Label { get; init; } = "1";

    /// <inheritdoc/>
    public override TextSplits<LabelledExample> Open() => LabelledFolder.Find(Folder, Text, Label);

    /// <inheritdoc/>
    public override LabelledSourceConfig At(string folder) => this with { Folder = folder };
}
