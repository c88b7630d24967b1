using Transformers.Configs;
using Transformers.Tokenizers;

namespace Transformers.Data;

/// <summary>The training data.</summary>
public abstract record DataConfig
{
    /// <summary>The number of training examples to use, to measure how the amount of data affects results: images, labelled texts or sentence pairs, spread evenly over classes; for running text, tokens from its beginning. A smaller limit's examples are among a larger one's, and the validation and test splits do not change. By default all.</summary>
    [AtLeast(1)]
    public long? Limit { get; init; }

    /// <summary>The settings, with all below them, that decide what a model sees of an example; a run that starts from another's weights names those that differ.</summary>
    public virtual IReadOnlyList<string> InputSettings() => [];

    /// <summary>How some of the data is held out for validation.</summary>
    public virtual string HoldoutHint() => "data.holdout holds out some of the training data";
}

/// <summary>Running text, for models that predict the next token.</summary>
[Kind("text")]
public sealed record TextDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["document_start"];

    /// <summary>Where the text comes from: a generator or files.</summary>
    public required TextSourceConfig Source { get; init; }

    /// <summary>How text becomes token ids.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>The fraction of the text that is held out for validation.</summary>
    [Between(0, 0.9)]
    public double Holdout { get; init; } = 0.05;

    /// <summary>Which part is held out.</summary>
    public HoldoutMode HoldoutMode { get; init; }

    /// <summary>How training and validation batches are formed from the text.</summary>
    public BatchesConfig Batches { get; init; } = new RandomBatchesConfig();

    /// <summary>Whether the end-of-text token also precedes each document, so that the model learns how documents begin; a character or word tokenizer then gets such a token. By default true if there is more than one document and the tokenizer has or can get the token; this is decided when training starts, and the run records it.</summary>
    public bool? DocumentStart { get; init; }
}

/// <summary>Which part of a text is held out for validation.</summary>
public enum HoldoutMode
{
    /// <summary>The end of the text if there are fewer than 100 documents, else whole documents.</summary>
    Auto,
    /// <summary>The end of the text, by characters, as in nanoGPT; a document may be split in two.</summary>
    Tail,
    /// <summary>Whole documents, chosen by a hash of their content, so that adding data does not change the choice.</summary>
    Documents,
}

/// <summary>Where text comes from: a generator or files.</summary>
public abstract record TextSourceConfig;

/// <summary>Text that the program generates, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedTextConfig : TextSourceConfig
{
    /// <summary>The generator.</summary>
    public required TextGeneratorKind Generator { get; init; }

    /// <summary>How much text to write, for example <c>20MB</c>.</summary>
    [Between(1_000, 1e12)]
    public ByteSize Size { get; init; } = new(20_000_000);

    /// <summary>The seed of the text; separate from the run's seed, so that runs with several seeds train on the same text.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>The generators of text.</summary>
public enum TextGeneratorKind
{
    /// <summary>Short English stories.</summary>
    Stories,
}

/// <summary>Text that is read from files.</summary>
[ByKey("files")]
public sealed record TextFilesConfig : TextSourceConfig, IChecked
{
    /// <summary>Files and folders, in this order: plain text, <c>.jsonl</c>, a <c>.json</c> array, and each compressed as <c>.gz</c>. Relative paths are relative to the working directory.</summary>
    [NotEmpty]
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>Which files in folders are read, as patterns such as <c>**/*.cs</c>; by default, those whose content is text.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Include { get; init; }

    /// <summary>The field of a JSON line that contains the text.</summary>
    [NotEmpty]
    public string TextField { get; init; } = "text";

    /// <summary>The line between two documents of a plain file, for example <c>&lt;|endoftext|&gt;</c>; without it, <c>document</c> determines what a document is.</summary>
    [NotEmpty]
    public string? Separator { get; init; }

    /// <summary>What counts as a document in a plain file, without a separator.</summary>
    public DocumentUnit Document { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Separator is null || Document == DocumentUnit.File, "document", $"(line) and {check.At("separator")} must not both be given", "keep one of them");
        for (var i = 0; i < Files.Count; i++)
            check.That(!string.IsNullOrWhiteSpace(Files[i]) && !Files[i].Contains('\0'), $"files[{i}]", "must be a path");
    }
}

/// <summary>What a document of a plain file is.</summary>
public enum DocumentUnit
{
    /// <summary>The whole file.</summary>
    File,
    /// <summary>Each line; blank lines are skipped.</summary>
    Line,
}

/// <summary>How training batches are formed from text.</summary>
public abstract record BatchesConfig;

/// <summary>Windows that start anywhere in the text, drawn at random.</summary>
[Kind("random")]
public sealed record RandomBatchesConfig : BatchesConfig;

/// <summary>Consecutive windows, each token once per epoch, in a new order every epoch.</summary>
[Kind("sequential")]
public sealed record SequentialBatchesConfig : BatchesConfig;

/// <summary>Windows that are filled with whole documents; validation reads whole documents too.</summary>
[Kind("packed")]
public sealed record PackedBatchesConfig : BatchesConfig
{
    /// <summary>Whether a token may attend to earlier documents in the window.</summary>
    public bool Across { get; init; }
}
