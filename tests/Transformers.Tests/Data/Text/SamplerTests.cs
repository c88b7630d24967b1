namespace Transformers.Tests.Data.Text;

public class SamplerTests
{
    // Document d is d·1000, d·1000+1, …: a token identifies its document and position.
    static TokenSequence Numbered(params int[] lengths) =>
        new TokensInMemory(lengths.Select((n, d) => Enumerable.Range(d * 1000, n).ToArray()), lengths.Length * 1000);

    static IEnumerable<(long Input, long Target)> Counted(TextBatch batch)
    {
        for (var i = 0; i < batch.Inputs.Length; i++)
            if (batch.LossMask?[i] ?? true) yield return (batch.Inputs[i], batch.Targets[i]);
    }

    public static TheoryData<Func<ITextSampler>> Samplers => new()
    {
        () => new RandomWindows(Numbered(500), 3, 16, seed: 5),
        () => new SequentialBlocks(Numbered(100, 401), 3, 16),
        () => new ShuffledBlocks(Numbered(100, 401), 3, 16, seed: 5),
        () => new PackedDocuments(Numbered(5, 40, 17, 3, 1, 16, 60, 8, 9, 2), 3, 16, seed: 5),
        () => new PackedDocuments(Numbered(5, 40, 17, 3, 1, 16, 60, 8, 9, 2), 3, 16, seed: 5, acrossBorders: true),
        () => new PackedDocuments(Numbered(5, 40, 17, 3, 1, 16, 60, 8, 9, 2), 3, 16, seed: 5, start: 9_999),
        () => new PackedDocuments(Numbered(5, 40, 17, 3, 1, 16, 60, 8, 9, 2), 3, 16, seed: 5, acrossBorders: true, start: 9_999),
    };

    [Theory, MemberData(nameof(Samplers))]
    public void A_sampler_goes_on_at_the_exact_next_batch_from_any_saved_state(Func<ITextSampler> make)
    {
        var whole = make();
        var (states, batches) = (new List<DataPosition>(), new List<TextBatch>());
        for (var i = 0; i < 40; i++)
        {
            states.Add(whole.State);
            batches.Add(whole.Next());
        }
        foreach (var from in new[] { 0, 1, 13, 39 })
        {
            var resumed = make();
            resumed.State = states[from];
            for (var i = from; i < 40; i++) AssertSame(batches[i], resumed.Next());
        }
        Assert.Equal(40, whole.State.Batches);
        Assert.Contains(batches, b => !b.Inputs.SequenceEqual(batches[0].Inputs));
    }

    // As after a change of the data, or of how they are cut; to search for such a place would never end.
    [Fact]
    public void A_state_beyond_the_data_is_refused()
    {
        var blocks = new ShuffledBlocks(Numbered(100, 401), 3, 16, seed: 5);
        var documents = new PackedDocuments(Numbered(5, 40, 17), 3, 16, seed: 5);
        Assert.Contains("block 32 of epoch 1", Assert.Throws<UserException>(() => blocks.State = new(1, 32, 0, 40)).Message);
        Assert.Contains("document 1000000 of epoch 0", Assert.Throws<UserException>(() => documents.State = new(0, 1_000_000, 0, 40)).Message);
        blocks.State = new(1, 31, 0, 40);
        documents.State = new(0, 2, 0, 40);
        Assert.Equal((3, 3), (blocks.Next().Rows, documents.Next().Rows));
    }

    [Theory, MemberData(nameof(Samplers))]
    public void Every_target_is_the_token_after_its_input_in_the_text(Func<ITextSampler> make)
    {
        var sampler = make();
        for (var i = 0; i < 30; i++)
        {
            var batch = sampler.Next();
            Assert.Equal(Counted(batch).Count(), batch.TargetCount);
            foreach (var (input, target) in Counted(batch))
                Assert.True(target == input + 1 || target % 1000 == 0, $"{input} is followed by {target}");
        }
    }

    static readonly int[] Lengths = [5, 40, 17, 3, 1, 16, 33, 32, 60, 8, 9, 2];

    [Theory]
    [InlineData(false, null), InlineData(false, 9_999), InlineData(true, null), InlineData(true, 9_999)]
    public void Documents_in_order_hold_every_target_of_the_split_once_and_with_a_token_before_them_their_first_ones_too(bool across, int? start)
    {
        var data = Numbered(Lengths);
        var batches = across ? [.. new PackedDocuments(data, 3, 16, 5, acrossBorders: true, start: start).InOrder()] : DocumentRows.Of(data, 3, 16, start).ToList();
        var targets = batches.SelectMany(Counted).Select(pair => pair.Target).Order().ToList();
        var all = Lengths.SelectMany((n, d) => Enumerable.Range(d * 1000, n).Select(token => (long)token));
        if (start is not null) Assert.Equal(all, targets);
        else if (!across) Assert.Equal(all.Where(token => token % 1000 > 0), targets);
        else Assert.Equal(all.Where(token => token % 1000 > 0), targets.Where(token => token % 1000 > 0));
        Assert.Equal(targets.Count, batches.Sum(batch => batch.TargetCount));
        if (!across) Assert.Equal(6, DocumentRows.Of(data, 3, 16, start, 2).Sum(batch => batch.Rows));
        if (start is { } token) Assert.Contains(batches.SelectMany(Counted), pair => pair.Input == token && pair.Target % 1000 == 0);
    }

    [Fact]
    public void An_epoch_of_packed_documents_with_a_token_before_them_has_every_token_as_a_target()
    {
        var sampler = new PackedDocuments(Numbered(Lengths), 3, 16, seed: 5, start: 9_999);
        var targets = new List<long>();
        while (sampler.State.Epoch == 0) targets.AddRange(Counted(sampler.Next()).Select(pair => pair.Target));
        Assert.Superset(Lengths.SelectMany((n, d) => Enumerable.Range(d * 1000, n).Select(token => (long)token)).ToHashSet(), targets.ToHashSet());
        Assert.DoesNotContain(9_999, targets);
    }

    [Fact]
    public void Windows_start_anywhere_and_each_start_is_about_as_likely()
    {
        var sampler = new RandomWindows(Numbered(20), 100, 15, seed: 1);
        var starts = new int[5];
        for (var i = 0; i < 50; i++)
        {
            var batch = sampler.Next();
            for (var row = 0; row < 100; row++) starts[batch.Inputs[row * 15]]++;
        }
        // 20 tokens have 5 windows of 15 and a target each.
        Assert.All(starts, s => Assert.InRange(s, 880, 1120));
    }

    [Theory]
    [InlineData(2, 3, 4), InlineData(13, 3, 4), InlineData(14, 3, 4), InlineData(97, 3, 8), InlineData(193, 4, 8), InlineData(5, 2, 100)]
    public void Blocks_hold_every_target_of_the_split_exactly_once(int tokens, int rows, int length)
    {
        var blocks = new SequentialBlocks(Numbered(tokens), rows, length);
        var batches = blocks.Epoch().ToList();
        Assert.Equal(Enumerable.Range(1, tokens - 1).Select(t => (long)t), batches.SelectMany(Counted).Select(p => p.Target));
        Assert.Equal(tokens - 1, batches.Sum(b => b.TargetCount));
        Assert.Equal(blocks.BatchesPerEpoch, batches.Count);
        Assert.All(batches.SkipLast(1), b => Assert.Equal((rows, null), (b.Rows, b.LossMask)));
        Assert.Equal(Math.Min(2, batches.Count), blocks.Epoch(2).Count());
        for (var i = 0; i < batches.Count; i++) AssertSame(batches[i], blocks.Next());
        Assert.Equal(1, blocks.State.Epoch);
    }

    [Fact]
    public void Shuffled_blocks_hold_every_target_once_an_epoch_in_a_new_order()
    {
        // 7 blocks, the last of 2 targets: after 7 batches of 3 rows 3 epochs are over.
        var sampler = new ShuffledBlocks(Numbered(51), 3, 8, seed: 2);
        var targets = Enumerable.Range(0, 7).SelectMany(_ => Counted(sampler.Next())).Select(p => p.Target).ToList();
        Assert.Equal((7, 3, 0), (sampler.State.Batches, sampler.State.Epoch, sampler.State.Next));
        var epochs = targets.Chunk(50).ToList();
        Assert.Equal(3, epochs.Count);
        Assert.All(epochs, e => Assert.Equal(Enumerable.Range(1, 50).Select(t => (long)t), e.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(epochs[1], epochs[2]);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void Packing_takes_every_document_whole_once_an_epoch_in_a_new_order(bool across)
    {
        int[] lengths = [5, 9, 17, 3, 12, 16, 2, 8, 9, 2, 7, 7, 7, 30, 49];
        var sampler = new PackedDocuments(Numbered(lengths), 4, 16, seed: 3, across);
        var targets = new List<long>();
        var orders = new List<string>();
        for (var epoch = 0; epoch < 3; epoch++)
        {
            var order = new List<long>();
            while (sampler.State.Epoch == epoch)
            {
                var batch = sampler.Next();
                targets.AddRange(Counted(batch).Select(p => p.Target));
                order.AddRange(batch.Inputs.Where((t, i) => t % 1000 == 0 && (batch.LossMask![i])).Select(t => t / 1000));
            }
            orders.Add(string.Join(' ', order));
        }
        Assert.Equal(3, orders.Distinct().Count());
        // The last batch may have begun the fourth epoch, so count documents' inner targets: three or four times each.
        var counts = targets.Where(t => t % 1000 != 0).CountBy(t => t).ToDictionary();
        for (var d = 0; d < lengths.Length; d++)
            for (var t = 1; t < lengths[d]; t++)
                Assert.InRange(counts[d * 1000 + t], 3, 4);
        Assert.Equal(across, targets.Any(t => t % 1000 == 0));
    }

    [Fact]
    public void Packed_documents_have_different_segments_and_padding_has_none()
    {
        var sampler = new PackedDocuments(Numbered(5, 9, 4, 3, 12, 16, 2, 8), 2, 16, seed: 3);
        for (var i = 0; i < 20; i++)
        {
            var batch = sampler.Next();
            for (var row = 0; row < batch.Rows; row++)
            {
                var documents = new Dictionary<int, HashSet<long>>();
                for (var t = 0; t < batch.Length; t++)
                {
                    var (at, segment) = (row * batch.Length + t, batch.Segments![row * batch.Length + t]);
                    if (segment == 0) Assert.True(batch.Inputs[at] == 0 && !batch.LossMask![at]);
                    else if (!documents.TryAdd(segment, [batch.Inputs[at] / 1000])) documents[segment].Add(batch.Inputs[at] / 1000);
                }
                Assert.All(documents.Values, d => Assert.Single(d));
                Assert.Equal(Enumerable.Range(1, documents.Count), documents.Keys.Order());
            }
        }
    }

    [Fact]
    public void Most_of_a_packed_batch_is_text()
    {
        var random = new Random(4);
        var sampler = new PackedDocuments(Numbered([.. Enumerable.Range(0, 500).Select(_ => random.Next(2, 200))]), 16, 256, seed: 3);
        var batches = Enumerable.Range(0, 20).Select(_ => sampler.Next()).ToList();
        Assert.InRange(batches.Average(b => b.Segments!.Count(s => s > 0) / (double)b.Segments!.Length), 0.85, 1);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(5), InlineData(64), InlineData(1000), InlineData(1025)]
    public void A_shuffle_is_an_order_of_all_and_another_each_epoch(int count)
    {
        int[] Order(long epoch) => [.. Enumerable.Range(0, count).Select(i => (int)new Shuffle(count, 7, epoch)[i])];
        Assert.Equal(Enumerable.Range(0, count), Order(0).Order());
        if (count < 64) return;
        Assert.NotEqual(Order(0), Order(1));
        // Neighbours end up far apart: on average about a third of the way.
        Assert.InRange(Order(0).Zip(Order(0).Skip(1), (a, b) => Math.Abs(a - b)).Average(), count * 0.27, count * 0.4);
    }

    [Fact]
    public void Too_little_text_is_the_users_mistake()
    {
        Assert.Contains("needs at least 17", Assert.Throws<UserException>(() => new RandomWindows(Numbered(16), 1, 16, 0)).Message);
        Assert.Throws<UserException>(() => new SequentialBlocks(Numbered(1), 1, 16));
        Assert.Throws<UserException>(() => new PackedDocuments(Numbered(1, 1), 1, 16, 0));
    }

    internal static void AssertSame(TextBatch expected, TextBatch actual)
    {
        Assert.Equal(expected.Inputs, actual.Inputs);
        Assert.Equal(expected.Targets, actual.Targets);
        Assert.Equal(expected.LossMask, actual.LossMask);
        Assert.Equal(expected.Segments, actual.Segments);
    }
}
