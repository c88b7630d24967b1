using Transformers.Configs;
using Transformers.Tokenizers;

namespace Transformers.Data;

/// <summary>The training data; closed by <c>kind</c>.</summary>
public abstract record DataConfig
{
    /// <summary>The number of training examples, so that runs show what more data do: images, labelled texts or sentence pairs, taken evenly over classes; of running text tokens, from its beginning. A smaller limit's examples are among a larger one's, and what is held out stays the same. By default all.</summary>
    [AtLeast(1)]
    public long? Limit { get; init; }

    /// <summary>The settings, with all below them, that decide what a model sees of an example: a run that starts from another's weights names those that differ.</summary>
    public virtual IReadOnlyList<string> InputSettings() => [];

    /// <summary>How some of the data is held out for validation.</summary>
    public virtual string HoldoutHint() => "data.holdout takes some of the training data";
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

    /// <summary>How training and validation batches are cut from the text.</summary>
    public BatchesConfig Batches { get; init; } = new RandomBatchesConfig();

    /// <summary>Whether the end-of-text token precedes each document too, so that the model learns how documents begin; a tokenizer of characters or words then gets such a token. By default, where training starts: true for more than one document, if the tokenizer has or can get the token. The run records it.</summary>
    public bool? DocumentStart { get; init; }
}

/// <summary>Which part of a text is held out for validation.</summary>
public enum HoldoutMode
{
    /// <summary>The end of the text below 100 documents, else whole documents.</summary>
    Auto,
    /// <summary>The end of the text by characters, as nanoGPT takes it; a document may be cut in two.</summary>
    Tail,
    /// <summary>Whole documents, chosen by a hash of their content, so that adding data does not change the choice.</summary>
    Documents,
}

/// <summary>Where text comes from: a generator or files.</summary>
public abstract record TextSourceConfig;

/// <summary>Text that the program writes itself, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedTextConfig : TextSourceConfig
{
    /// <summary>The generator.</summary>
    public required TextGeneratorKind Generator { get; init; }

    /// <summary>How much text to write, for example <c>20MB</c>.</summary>
    [Between(1_000, 1e12)]
    public ByteSize Size { get; init; } = new(20_000_000);

    /// <summary>The seed of the text; apart from the run's seed, so that runs with several seeds train on the same text.</summary>
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
    /// <summary>Files and folders, in this order: plain text, <c>.jsonl</c>, a <c>.json</c> array, and each compressed as <c>.gz</c>. Relative paths start at the working folder.</summary>
    [NotEmpty]
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>Which files of folders are read, as patterns such as <c>**/*.cs</c>; without it, those whose content is text.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Include { get; init; }

    /// <summary>The field of a JSON line that holds the text.</summary>
    [NotEmpty]
    public string TextField { get; init; } = "text";

    /// <summary>The line between two documents of a plain file, for example <c>&lt;|endoftext|&gt;</c>; without it, <c>document</c> says what a document is.</summary>
    [NotEmpty]
    public string? Separator { get; init; }

    /// <summary>What a document of a plain file is, without a separator.</summary>
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
    /// <summary>Each line; blank lines are left out.</summary>
    Line,
}

/// <summary>How training batches are cut from text; closed by <c>kind</c>.</summary>
public abstract record BatchesConfig;

/// <summary>Windows that start anywhere in the text, drawn at random.</summary>
[Kind("random")]
public sealed record RandomBatchesConfig : BatchesConfig;

/// <summary>Windows side by side, each token once an epoch, in a new order every epoch.</summary>
[Kind("sequential")]
public sealed record SequentialBatchesConfig : BatchesConfig;

/// <summary>Windows that are filled with whole documents; validation reads whole documents too.</summary>
[Kind("packed")]
public sealed record PackedBatchesConfig : BatchesConfig
{
    /// <summary>Whether a token may attend to the documents before its own in the window.</summary>
    public bool Across { get; init; }
}
