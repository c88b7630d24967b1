using Transformers.IO;

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
    /// <exception cref="ShardException">A shard holds an id that the vocabulary has not.</exception>
    public abstract void Read(long start, Span<int> tokens);

    /// <summary>The position after the last token of a document.</summary>
    /// <param name="document">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such document.</exception>
    public abstract long DocumentEnd(long document);

    /// <summary>The position of the first token of a document.</summary>
    /// <param name="document">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such document.</exception>
    public long DocumentStart(long document) => document == 0 ? 0 : DocumentEnd(document - 1);

    /// <summary>Lets go of what is mapped.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>Refuses a range that reaches beyond the sequence.</summary>
    protected void CheckRange(long start, int count)
    {
        if (start < 0 || start > Count - count)
            throw new ArgumentOutOfRangeException(nameof(start), start, $"{count} tokens from there reach beyond the {Count} of the sequence");
    }
}

/// <summary>A shard that is not whole, not of this program, or not of this tokenizer.</summary>
/// <param name="file">The shard.</param>
/// <param name="message">What is wrong with it.</param>
public sealed class ShardException(string file, string message)
    : UserException([new Problem(message, file, Hint: "prepare the data again")]);
