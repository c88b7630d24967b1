using System.IO.MemoryMappedFiles;

namespace Transformers.Data.Text;

/// <summary>The shards of a split, memory-mapped: pages come and go with use, so a split may be far larger than memory.</summary>
public sealed class TokenShards : TokenSequence
{
    readonly Shard[] shards;
    readonly long[] documentsBefore;    // By shard, how many documents end in the shards before it; one more at the end.

    TokenShards(Shard[] shards)
    {
        this.shards = shards;
        documentsBefore = new long[shards.Length + 1];
        for (var i = 0; i < shards.Length; i++) documentsBefore[i + 1] = documentsBefore[i] + shards[i].Header.Documents;
    }

    /// <inheritdoc/>
    public override long Count => shards[^1].Header.FirstToken + shards[^1].Header.Tokens;
    /// <inheritdoc/>
    public override long DocumentCount => documentsBefore[^1];
    /// <inheritdoc/>
    public override int VocabularySize => shards[0].Header.VocabularySize;
    /// <summary>The hash of the tokenizer that made the ids.</summary>
    public string TokenizerHash => Convert.ToHexStringLower(shards[0].Header.TokenizerHash);
    /// <summary>The files, in order.</summary>
    public IReadOnlyList<string> Files => [.. shards.Select(s => s.Path)];

    /// <summary>The path of a shard.</summary>
    /// <param name="folder">The prepared folder.</param>
    /// <param name="split">The split's name.</param>
    /// <param name="number">The shard's number, from 0.</param>
    public static string PathOf(string folder, string split, int number) => System.IO.Path.Combine(folder, $"{split}-{number:d5}.shard");

    /// <summary>Opens a split: reads and checks the headers, maps the rest.</summary>
    /// <param name="folder">The prepared folder.</param>
    /// <param name="split">The split's name.</param>
    /// <exception cref="ShardException">A shard is missing, damaged, or made with a different tokenizer from the first.</exception>
    public static TokenShards Open(string folder, string split)
    {
        var shards = new List<Shard>();
        try
        {
            for (string path; shards.Count == 0 | File.Exists(path = PathOf(folder, split, shards.Count));)
            {
                shards.Add(new Shard(path));
                CheckFits(shards);
            }
            return new TokenShards([.. shards]);
        }
        catch
        {
            shards.ForEach(s => s.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Read(long start, Span<int> tokens)
    {
        CheckRange(start, tokens.Length);
        for (var i = ShardOf(start); !tokens.IsEmpty; i++)
        {
            var offset = start - shards[i].Header.FirstToken;
            var count = (int)Math.Min(tokens.Length, shards[i].Header.Tokens - offset);
            shards[i].Read(offset, tokens[..count]);
            tokens = tokens[count..];
            start += count;
        }
    }

    /// <inheritdoc/>
    public override long DocumentEnd(long document)
    {
        if (document < 0 || document >= DocumentCount) throw new ArgumentOutOfRangeException(nameof(document), document, $"there are {DocumentCount} documents");
        var i = Array.BinarySearch(documentsBefore, document);
        // If no document ends in a shard, two entries are equal, and the document is in the last of them.
        if (i < 0) i = ~i - 1;
        while (documentsBefore[i + 1] <= document) i++;
        var end = shards[i].DocumentEnd(document - documentsBefore[i]);
        if (end < 0 || end > Count) throw new ShardException(shards[i].Path, $"says that document {document} ends at {end}, of {Count} tokens");
        return end;
    }

    /// <summary>Reads everything once: checksums, ids within the vocabulary, document borders in order.</summary>
    /// <exception cref="ShardException">Something is damaged.</exception>
    public void Verify()
    {
        foreach (var shard in shards) shard.Verify();
        for (long i = 0, last = 0; i < DocumentCount; i++)
        {
            var end = DocumentEnd(i);
            if (end < last) throw new ShardException(shards[0].Path, $"says that document {i} ends before it starts");
            last = end;
        }
        var tokens = new int[1 << 16];
        for (long at = 0; at < Count; at += tokens.Length) Read(at, tokens.AsSpan(0, (int)Math.Min(tokens.Length, Count - at)));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var shard in shards) shard.Dispose();
        base.Dispose();
    }

    int ShardOf(long position)
    {
        var i = shards.Length - 1;
        while (shards[i].Header.FirstToken > position) i--;
        return i;
    }

    static void CheckFits(List<Shard> shards)
    {
        var (last, path) = (shards[^1].Header, shards[^1].Path);
        var expected = shards.Count == 1 ? 0 : shards[^2].Header.FirstToken + shards[^2].Header.Tokens;
        if (last.Number != shards.Count - 1 || last.FirstToken != expected) throw new ShardException(path, "does not follow the previous shard");
        if (last.VocabularySize != shards[0].Header.VocabularySize || !last.TokenizerHash.SequenceEqual(shards[0].Header.TokenizerHash))
            throw new ShardException(path, "was made with a different tokenizer from the first shard");
    }

    sealed unsafe class Shard : IDisposable
    {
        readonly MemoryMappedFile map;
        readonly MemoryMappedViewAccessor view;
        readonly byte* start;

        public Shard(string path)
        {
            Path = path;
            try
            {
                var head = new byte[ShardHeader.Bytes];
                long length;
                using (var file = File.OpenRead(path))
                {
                    length = file.Length;
                    Header = ShardHeader.Parse(head.AsSpan(0, file.ReadAtLeast(head, head.Length, false)), length, path);
                }
                map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
                view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                map?.Dispose();
                throw new ShardException(path, exception is FileNotFoundException or DirectoryNotFoundException ? "is missing" : $"cannot be read: {InputFile.ReasonOf(exception)}");
            }
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        }

        public string Path { get; }
        public ShardHeader Header { get; }

        public void Read(long offset, Span<int> into)
        {
            var bytes = start + ShardHeader.Bytes + offset * Header.TokenBytes;
            uint highest = 0;
            for (var i = 0; i < into.Length; i++)
            {
                var id = Header.TokenBytes == 2 ? ((ushort*)bytes)[i] : ((uint*)bytes)[i];
                highest = Math.Max(highest, id);
                into[i] = (int)id;
            }
            if (highest >= (uint)Header.VocabularySize) throw new ShardException(Path, $"contains the id {highest}, but the vocabulary has {Header.VocabularySize}");
        }

        public long DocumentEnd(long document) => ((long*)(start + Header.IndexOffset))[document];

        public void Verify()
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (long at = ShardHeader.Bytes; at < Header.FileBytes; at += 1 << 20)
                hash.AppendData(new ReadOnlySpan<byte>(start + at, (int)Math.Min(1 << 20, Header.FileBytes - at)));
            if (!hash.GetHashAndReset().SequenceEqual(Header.Checksum)) throw new ShardException(Path, "does not match the checksum in its header");
        }

        public void Dispose()
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            map.Dispose();
        }
    }
}
