using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Evaluation;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>How a run's text is split: whether a token precedes each document, and into which rows validation and evaluation split it.</summary>
static class DocumentStarts
{
    /// <summary>The config with the setting decided. A resumed run keeps its setting; one without the setting in its config has no such token.</summary>
    /// <exception cref="UserException">The data or another run cannot be read.</exception>
    internal static RunConfig Resolve(RunConfig run, TrainingOptions options)
    {
        if (run.Data is not TextDataConfig { DocumentStart: null } data) return run;
        if (Recorded(options) is { } recorded) return run with { Data = data with { DocumentStart = recorded.DocumentStart } };
        return run with { Data = Resolve(data, options.TakenFrom is { } from && TrainedRun.Open(from) is var other && other.Checkpoint.Has(CheckpointFiles.Tokenizer) ? other.LoadTokenizer() : null) };
    }

    /// <summary>Text with the setting decided: by default the token is used if there is more than one document, and the tokenizer has it or can get it.</summary>
    /// <param name="data">The text.</param>
    /// <param name="tokenizer">The tokenizer, if it is not the config's.</param>
    internal static TextDataConfig Resolve(TextDataConfig data, TextTokenizer? tokenizer = null)
    {
        if (data.DocumentStart is not null) return data;
        try
        {
            return data with { DocumentStart = HasStarts(data, tokenizer) };
        }
        catch (UserException)
        {
            return data; // Preparation fails in the same way, and names the setting.
        }
    }

    static bool HasStarts(TextDataConfig data, TextTokenizer? tokenizer)
    {
        var folder = PreparedData.FolderOf(data.Source);
        if (folder is not null) tokenizer = TokenizerFile.Load(PreparedData.TokenizerPath(folder));
        else if (data.Tokenizer is FileTokenizerConfig file) tokenizer ??= TokenizerFile.Load(file.Path, file.Pattern);
        if (tokenizer is { EndOfTextId: null }) return false;
        return folder is null ? TextSources.HasSeveralDocuments(data.Source) : DataManifest.Load(folder).Train.Documents > 1;
    }

    // The text config of the run that is resumed; null for a new one.
    static TextDataConfig? Recorded(TrainingOptions options)
    {
        if (options.ResumeFrom is { } checkpoint) return TrainedRun.Open(checkpoint).Config.Data as TextDataConfig;
        var file = Path.Combine(options.Run, CheckpointFiles.Config);
        return File.Exists(file) ? ConfigFile.Load<RunConfig>([file]).Data as TextDataConfig : null;
    }

    /// <summary>The id before each document of training text; null if there is none.</summary>
    /// <exception cref="UserException">The config asks for it, but the tokenizer has no such token.</exception>
    internal static int? Before(TextDataConfig data, TextTokenizer tokenizer) => data.DocumentStart is not true ? null
        : tokenizer.EndOfTextId ?? throw new UserException([new Problem("(true) needs a tokenizer with an end-of-text token, and this one has none", Path: "data.document_start", Hint: "set it to false, or use a tokenizer with such a token")]);

    /// <summary>The id before a text that is given for evaluation: as in training if whole documents are packed, otherwise whenever the vocabulary has an end-of-text token.</summary>
    internal static int? BeforeGiven(DataConfig data, TextTokenizer tokenizer) =>
        data is TextDataConfig { Batches: PackedBatchesConfig } packed ? Before(packed, tokenizer) : tokenizer.EndOfTextId;

    /// <summary>Whether each text that is continued follows that token, as every document did in training.</summary>
    internal static bool BeforePrompts(DataConfig data) => data is TextDataConfig { Batches: PackedBatchesConfig, DocumentStart: true };

    /// <summary>A split in the same rows as in training, with each target once.</summary>
    /// <param name="batches">How training splits text.</param>
    /// <param name="text">The split.</param>
    /// <param name="start">The id before each document if whole documents are packed, otherwise before the first one; null for none.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">T.</param>
    /// <param name="limit">The maximum number of batches; null for all.</param>
    internal static IEnumerable<TextBatch> Cut(BatchesConfig batches, TokenSequence text, int? start, int rows, int length, long? limit = null)
    {
        if (batches is PackedBatchesConfig packed)
        {
            if (!new Documents(text, start).HaveTarget()) return [];
            return packed.Across ? new PackedDocuments(text, rows, length, 0, acrossBorders: true, start: start).InOrder(limit) : DocumentRows.Of(text, rows, length, start, limit);
        }
        if (start is { } id) text = new StartedText(text, id);
        return text.Count < 2 ? [] : new SequentialBlocks(text, rows, length).Epoch(limit);
    }
}
