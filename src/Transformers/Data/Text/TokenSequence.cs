namespace Transformers.Data.Text;

/// <summary>The token ids of a split, in order, with the borders of its documents; read at any position, by any thread.</summary>
public abstract class TokenSequence : IDisposable
{
    /// <summary>The number of tokens.</summary>
    public abstract long Count { get; }

    /// <summary>The number of documents.</summary>
    public abstract long DocumentCount { get; }

    /// <summary>V: every id is below this.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Copies the tokens from <paramref name="start"/> on.</summary>
    /// <param name="start">Position of the first, from 0.</param>
    /// <param name="tokens">Filled to its end.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches beyond the sequence.</exception>
    /// <exception cref="ShardException">A shard contains an id outside the vocabulary.</exception>
    public abstract void Read(long start, Span<int> tokens);

    /// <summary>The position after the last token of a document.</summary>
    /// <param name="document">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The document does not exist.</exception>
    public abstract long DocumentEnd(long document);

    /// <summary>The position of the first token of a document.</summary>
    /// <param name="document">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The document does not exist.</exception>
    public long DocumentStart(long document) => document == 0 ? 0 : DocumentEnd(document - 1);

    /// <summary>Unmaps the files.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>Refuses a range that reaches beyond the sequence.</summary>
    protected void CheckRange(long start, int count)
    {
        if (start < 0 || start > Count - count)
            throw new ArgumentOutOfRangeException(nameof(start), start, $"{count} tokens from there reach beyond the {Count} of the sequence");
    }
}

/// <summary>The documents of a split, each with the token before it if there is one.</summary>
/// <param name="Data">The split.</param>
/// <param name="Start">The id before each document; null for none.</param>
readonly record struct Documents(TokenSequence Data, int? Start)
{
    int Added => Start is null ? 0 : 1;

    /// <summary>The number of documents.</summary>
    public long Count => Data.DocumentCount;

    /// <summary>The number of tokens of a document, including the one before it.</summary>
    public long LengthOf(long document) => Data.DocumentEnd(document) - Data.DocumentStart(document) + Added;

    /// <summary>Copies tokens of a document.</summary>
    /// <param name="document">Its number.</param>
    /// <param name="offset">The first one, from 0: the token before the document, if there is one.</param>
    /// <param name="tokens">Filled to its end.</param>
    public void Read(long document, long offset, Span<int> tokens)
    {
        if (Start is { } start && offset == 0 && tokens.Length > 0)
        {
            tokens[0] = start;
            tokens = tokens[1..];
            offset = 1;
        }
        if (tokens.Length > 0) Data.Read(Data.DocumentStart(document) + offset - Added, tokens);
    }

    /// <summary>Whether any document has a target; a sampler would search a split without any forever.</summary>
    public bool HaveTarget()
    {
        for (long i = 0; i < Count; i++)
            if (LengthOf(i) >= 2) return true;
        return false;
    }
}

/// <summary>A text with a token before it.</summary>
/// <param name="text">The text; disposed of by its owner.</param>
/// <param name="id">The token.</param>
sealed class StartedText(TokenSequence text, int id) : TokenSequence
{
    public override long Count => text.Count + 1;
    public override long DocumentCount => text.DocumentCount;
    public override int VocabularySize => text.VocabularySize;
    public override long DocumentEnd(long document) => text.DocumentEnd(document) + 1;

    public override void Read(long start, Span<int> tokens)
    {
        CheckRange(start, tokens.Length);
        if (start == 0 && tokens.Length > 0)
        {
            tokens[0] = id;
            tokens = tokens[1..];
            start = 1;
        }
        if (tokens.Length > 0) text.Read(start - 1, tokens);
    }
}

/// <summary>The beginning of a text; its last document may be cut.</summary>
sealed class TextBeginning : TokenSequence
{
    readonly TokenSequence text;

    /// <summary>Creates it with a number of tokens.</summary>
    /// <param name="text">The text; disposed of by its owner.</param>
    /// <param name="count">The number of tokens, at most as many as there are.</param>
    internal TextBeginning(TokenSequence text, long count)
    {
        (this.text, Count) = (text, count);
        // The first document that reaches the end is the last.
        long low = 0, high = text.DocumentCount;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (text.DocumentEnd(middle) < count) low = middle + 1;
            else high = middle;
        }
        DocumentCount = Math.Min(low + 1, text.DocumentCount);
    }

    public override long Count { get; }
    public override long DocumentCount { get; }
    public override int VocabularySize => text.VocabularySize;
    public override long DocumentEnd(long document) => document < DocumentCount ? Math.Min(Count, text.DocumentEnd(document))
        : throw new ArgumentOutOfRangeException(nameof(document), document, $"there are {DocumentCount} documents");

    public override void Read(long start, Span<int> tokens)
    {
        CheckRange(start, tokens.Length);
        text.Read(start, tokens);
    }
}

/// <summary>A shard that is damaged, was not written by this program, or was made with another tokenizer.</summary>
/// <param name="file">The shard.</param>
/// <param name="message">What is wrong with it.</param>
public sealed class ShardException(string file, string message)
    : UserException([new Problem(message, file, Hint: "prepare the data again")]);
