namespace Transformers.Tests.Data.Shards;

/// <summary>Mutated shards and manifests of prepared data are read or refused, in bounded memory.</summary>
[Trait("Category", "slow")]
public class ShardFuzzTests : FolderTest
{
    static readonly string Hash = new('c', 64);

    byte[] Shard(int vocabulary)
    {
        using (var writer = new ShardWriter(Folder, "train", vocabulary, Hash, 1 << 20))
        {
            for (var document = 1; document <= 5; document++)
            {
                writer.Append([.. Enumerable.Range(0, 7 * document).Select(i => i * 13 % vocabulary)]);
                writer.EndDocument();
            }
            writer.Finish();
        }
        var file = TokenShards.PathOf(Folder, "train", 0);
        var bytes = File.ReadAllBytes(file);
        File.Delete(file);
        return bytes;
    }

    [Fact]
    public void Mutated_shards_are_read_or_refused()
    {
        byte[][] seeds = [Shard(300), Shard(70_000)];
        var file = TokenShards.PathOf(Folder, "train", 0);
        var random = new Random(5);
        var whole = 0;
        var accepted = Mutants.Read(Mutants.Count / 10, seeds, bytes =>
        {
            // Some mutants state counts that fit their length again, so that what lies behind them is reached.
            if (bytes.Length >= ShardHeader.Bytes && random.Next(2) == 0)
            {
                var documents = random.Next(7);
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), documents);
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), (bytes.Length - ShardHeader.Bytes - 8L * documents) / Math.Max(1, (int)bytes[12]));
            }
            File.WriteAllBytes(file, bytes);
            using var shards = TokenShards.Open(Folder, "train");
            var tokens = new int[shards.Count];
            shards.Read(0, tokens);
            Assert.All(tokens, id => Assert.InRange(id, 0, shards.VocabularySize - 1));
            for (long document = 0; document < shards.DocumentCount; document++) Assert.InRange(shards.DocumentEnd(document), 0, shards.Count);
            shards.Verify();
            whole++;
        }, bytesOfMemory: 1 << 20);
        Assert.Equal(accepted, whole);
        Assert.InRange(accepted, 1, Mutants.Count / 10 - 1);
    }

    [Fact]
    public void Mutated_manifests_are_read_or_refused()
    {
        var seed = Encoding.UTF8.GetBytes($$$"""
            {"schema":"{{{DataManifest.CurrentSchema}}}","source":"s","tokenizer_hash":"{{{Hash}}}","vocabulary_size":300,"hold_out":"tail","hold_out_fraction":0.1,
            "train":{"tokens":105,"documents":5,"bytes":300,"characters":300},"validation":{"tokens":0,"documents":0,"bytes":0,"characters":0},
            "counts":{},"duplicates":{"validation_documents":0,"training_documents":0,"examples":[]}}
            """);
        // What reading keeps for good is made at the first time: that is no memory of a mutant's.
        File.WriteAllBytes(Path.Combine(Folder, DataManifest.FileName), seed);
        DataManifest.Load(Folder);
        var accepted = Mutants.Read(Mutants.Count / 10, [seed], bytes =>
        {
            File.WriteAllBytes(Path.Combine(Folder, DataManifest.FileName), bytes);
            Assert.Equal(DataManifest.CurrentSchema, DataManifest.Load(Folder).Schema);
        });
        Assert.InRange(accepted, 1, Mutants.Count / 10 - 1);
    }
}
