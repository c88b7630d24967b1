using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>The token ids of a split, in order, with the borders of its documents; read at any place, by any thread.</summary>
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

    /// <summary>The position behind the last token of a document.</summary>
    /// <param name="document">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such document.</exception>
    public abstract long DocumentEnd(long document);

    /// <summary>The position of the first token of a document.</summary>
    /// <param name="document">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such document.</exception>
    public long DocumentStart(long document) => document == 0 ? 0 : DocumentEnd(document - 1);

    /// <summary>Lets go of what is mapped.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>A sequence in memory.</summary>
    /// <param name="documents">The ids of each document.</param>
    /// <param name="vocabularySize">V.</param>
    public static TokenSequence Of(IEnumerable<int[]> documents, int vocabularySize) => new InMemory(documents, vocabularySize);

    private protected void CheckRange(long start, int count)
    {
        if (start < 0 || start > Count - count)
            throw new ArgumentOutOfRangeException(nameof(start), start, $"{count} tokens from there reach beyond the {Count} of the sequence");
    }

    sealed class InMemory : TokenSequence
    {
        readonly int[] tokens;
        readonly long[] ends;

        public InMemory(IEnumerable<int[]> documents, int vocabularySize)
        {
            var all = documents.ToArray();
            tokens = [.. all.SelectMany(d => d)];
            VocabularySize = vocabularySize;
            if (tokens.Any(id => (uint)id >= (uint)vocabularySize)) throw new ArgumentException($"an id is not below {vocabularySize}", nameof(documents));
            long end = 0;
            ends = [.. all.Select(d => end += d.Length)];
        }

        public override long Count => tokens.Length;
        public override long DocumentCount => ends.Length;
        public override int VocabularySize { get; }
        public override long DocumentEnd(long document) =>
            document >= 0 && document < ends.Length ? ends[document] : throw new ArgumentOutOfRangeException(nameof(document));

        public override void Read(long start, Span<int> into)
        {
            CheckRange(start, into.Length);
            tokens.AsSpan((int)start, into.Length).CopyTo(into);
        }
    }
}

/// <summary>A shard that is not whole, not of this program, or not of this tokenizer.</summary>
/// <param name="file">The shard.</param>
/// <param name="message">What is wrong with it.</param>
public sealed class ShardException(string file, string message)
    : UserException([new Problem(message, file, Hint: "prepare the data again")]);
