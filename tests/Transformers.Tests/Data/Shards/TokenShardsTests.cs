namespace Transformers.Tests.Data.Shards;

public class TokenShardsTests : FolderTest
{
    static readonly string Hash = new('c', 64);

    void WriteShards(int[][] documents, int vocabulary, long tokensPerShard = 1 << 20)
    {
        using var writer = new ShardWriter(Folder, "train", vocabulary, Hash, tokensPerShard);
        foreach (var document in documents)
        {
            writer.Append(document);
            writer.EndDocument();
        }
        writer.Finish();
    }

    static int[][] RandomDocuments(int count, int vocabulary)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(vocabulary)).ToArray())];
    }

    [Theory]
    [InlineData(10, 7), InlineData(65_536, 100), InlineData(65_537, 64), InlineData(200_000, 1 << 20), InlineData(300, 1)]
    public void What_was_written_is_read_at_any_place_over_any_number_of_shards(int vocabulary, long tokensPerShard)
    {
        var documents = RandomDocuments(60, vocabulary);
        documents[0][0] = vocabulary - 1;
        WriteShards(documents, vocabulary, tokensPerShard);
        using var shards = TokenShards.Open(Folder, "train");
        int[] all = [.. documents.SelectMany(d => d)];
        Assert.Equal(all.Length, shards.Count);
        Assert.Equal((all.Length + tokensPerShard - 1) / tokensPerShard, shards.Files.Count);
        Assert.Equal(documents.Length, shards.DocumentCount);
        Assert.Equal((vocabulary, Hash), (shards.VocabularySize, shards.TokenizerHash));
        var random = new Random(2);
        for (var i = 0; i < 200; i++)
        {
            var start = random.Next(all.Length);
            var tokens = new int[random.Next(all.Length - start + 1)];
            shards.Read(start, tokens);
            Assert.Equal(all[start..(start + tokens.Length)], tokens);
        }
        for (var d = 0; d < documents.Length; d++)
        {
            var tokens = new int[shards.DocumentEnd(d) - shards.DocumentStart(d)];
            shards.Read(shards.DocumentStart(d), tokens);
            Assert.Equal(documents[d], tokens);
        }
        shards.Verify();
        Assert.Empty(Directory.EnumerateFiles(Folder, "*.index"));
    }

    [Fact]
    public void Reading_beyond_the_ends_is_refused()
    {
        WriteShards([[1, 2, 3]], 10);
        using var shards = TokenShards.Open(Folder, "train");
        foreach (var (start, count) in new[] { (-1L, 1), (3L, 1), (2L, 2), (long.MaxValue, 1), (0L, 4) })
            Assert.Throws<ArgumentOutOfRangeException>(() => shards.Read(start, new int[count]));
        Assert.Throws<ArgumentOutOfRangeException>(() => shards.DocumentEnd(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => shards.DocumentEnd(-1));
    }

    [Fact]
    public void A_split_without_tokens_is_a_shard_without_tokens()
    {
        WriteShards([], 10);
        using var shards = TokenShards.Open(Folder, "train");
        Assert.Equal((0, 0), (shards.Count, shards.DocumentCount));
        shards.Verify();
    }

    [Fact]
    public void An_id_outside_the_vocabulary_is_not_written()
    {
        using var writer = new ShardWriter(Folder, "train", 10, Hash);
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Append([10]));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Append([-1]));
    }

    [Fact]
    public void A_shard_that_was_not_finished_is_not_opened()
    {
        using (var writer = new ShardWriter(Folder, "train", 10, Hash)) writer.Append([1, 2, 3]);
        Assert.Contains("not a token shard", Assert.Throws<ShardException>(() => TokenShards.Open(Folder, "train")).Message);
        Assert.Contains("missing", Assert.Throws<ShardException>(() => TokenShards.Open(Folder, "validation")).Message);
    }

    [Fact]
    public void Every_damaged_number_in_a_header_is_a_typed_error()
    {
        WriteShards(RandomDocuments(20, 10), 10);
        var path = TokenShards.PathOf(Folder, "train", 0);
        var whole = File.ReadAllBytes(path);
        var opened = 0;
        for (var offset = 0; offset < 48; offset += 4)
            foreach (var value in new[] { -1, int.MinValue, int.MaxValue, 0, 3 })
            {
                var bytes = (byte[])whole.Clone();
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), value);
                if (bytes.SequenceEqual(whole)) continue;
                File.WriteAllBytes(path, bytes);
                try
                {
                    using var shards = TokenShards.Open(Folder, "train");
                    // The vocabulary alone may be another and still fit; then the ids do not, or it is larger.
                    Assert.Equal(16, offset);
                    opened++;
                    if (value == 3) Assert.Throws<ShardException>(() => shards.Read(0, new int[shards.Count]));
                }
                catch (ShardException) { }
            }
        Assert.Equal(2, opened);
    }

    [Fact]
    public void Lengths_that_do_not_fit_and_flipped_bits_are_found()
    {
        WriteShards(RandomDocuments(20, 10), 10);
        var path = TokenShards.PathOf(Folder, "train", 0);
        var whole = File.ReadAllBytes(path);
        foreach (var bytes in new[] { whole[..^1], whole[..100], [], [.. whole, 0] })
        {
            File.WriteAllBytes(path, bytes);
            Assert.Throws<ShardException>(() => TokenShards.Open(Folder, "train"));
        }
        foreach (var at in new[] { 128, 140, whole.Length - 1, whole.Length - 100, 85 })
        {
            var bytes = (byte[])whole.Clone();
            bytes[at] ^= 1;
            File.WriteAllBytes(path, bytes);
            using var shards = TokenShards.Open(Folder, "train");
            Assert.Contains("checksum", Assert.Throws<ShardException>(shards.Verify).Message);
        }
    }

    [Fact]
    public void A_document_index_that_points_elsewhere_is_a_typed_error()
    {
        WriteShards([[1, 2], [3]], 10);
        var path = TokenShards.PathOf(Folder, "train", 0);
        var bytes = File.ReadAllBytes(path);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(bytes.Length - 8), 99);
        File.WriteAllBytes(path, bytes);
        using var shards = TokenShards.Open(Folder, "train");
        Assert.Throws<ShardException>(() => shards.DocumentEnd(1));
    }

    [Fact]
    public void Shards_of_different_tokenizers_and_gaps_between_shards_are_refused()
    {
        WriteShards([[1, 2, 3, 4, 5]], 10, tokensPerShard: 2);
        var second = TokenShards.PathOf(Folder, "train", 1);
        var whole = File.ReadAllBytes(second);
        whole[50] ^= 1;
        File.WriteAllBytes(second, whole);
        Assert.Contains("a different tokenizer", Assert.Throws<ShardException>(() => TokenShards.Open(Folder, "train")).Message);
        File.Copy(TokenShards.PathOf(Folder, "train", 2), second, overwrite: true);
        Assert.Contains("does not follow", Assert.Throws<ShardException>(() => TokenShards.Open(Folder, "train")).Message);
    }
}
