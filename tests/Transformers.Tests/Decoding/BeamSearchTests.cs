using static TorchSharp.torch;

namespace Transformers.Tests.Decoding;

[Collection("engine")]
public class BeamSearchTests
{
    const int End = 2;
    static readonly SpecialIds Special = new(Padding: 0, Begin: 1, End);
    static readonly int[][] Sources = [[3, 4, 5, End], [6, End], [7, 8, 9, 10, 3, End], [4, 4, End], [10, 9, End]];

    static IReadOnlyList<FoundHypothesis>[] Find(Seq2Seq model, IReadOnlyList<int[]> sources, TranslationOptions options, int vocabulary = Seq2SeqSamples.Vocabulary)
    {
        using var inference = inference_mode();
        using var decoder = new TargetDecoder(model, CPU, new DecoderFormat(Precision.Fp32));
        return new BeamSearch(decoder, Special, vocabulary, options).Find(sources, default);
    }

    // The log-probabilities of the next token, by a full pass without any cache.
    static float[] Next(Seq2Seq model, int[] source, IEnumerable<int> target, int vocabulary)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var logits = model.forward(Seq2SeqSamples.Ids([.. source.Select(id => (long)id)]), Seq2SeqSamples.Ids([1, .. target.Select(id => (long)id)]));
        var row = logits[0, -1].narrow(0, 0, vocabulary).log_softmax(0).data<float>().ToArray();
        (row[Special.Padding], row[Special.Begin]) = (float.NegativeInfinity, float.NegativeInfinity);
        return row;
    }

    [Fact]
    public void A_beam_of_one_is_greedy_search_without_a_cache()
    {
        var ended = 0;
        for (ulong seed = 1; seed <= 12; seed++)
        {
            var model = Seq2SeqSamples.Model(Seq2SeqSamples.Config(), seed);
            var found = Find(model, Sources, new TranslationOptions { MaxNewTokens = 12 });
            for (var i = 0; i < Sources.Length; i++)
            {
                var ids = new List<int>();
                double sum = 0;
                var done = false;
                while (!done && ids.Count < 12)
                {
                    var row = Next(model, Sources[i], ids, Seq2SeqSamples.Vocabulary);
                    var best = Array.IndexOf(row, row.Max());
                    sum += row[best];
                    if (best == End) done = true;
                    else ids.Add(best);
                }
                var hypothesis = Assert.Single(found[i]);
                Assert.Equal(ids, hypothesis.Ids);
                Assert.Equal(done, hypothesis.Ended);
                Assert.Equal(sum, hypothesis.LogProbability, 1e-3);
                if (done) ended++;
            }
        }
        Assert.True(ended > 0, "no search ended: the test would not see a wrong end");
    }

    [Theory]
    [InlineData(LengthPenalty.Length, 0.0)]
    [InlineData(LengthPenalty.Length, 1.0)]
    [InlineData(LengthPenalty.Gnmt, 0.6)]
    public void A_beam_as_wide_as_the_space_finds_the_best_of_all(LengthPenalty penalty, double alpha)
    {
        const int vocabulary = 6, limit = 4;
        var differs = 0;
        foreach (var seed in new ulong[] { 5, 6, 7 })
        {
            var model = Seq2SeqSamples.Model(Seq2SeqSamples.Config(), seed, vocabulary);
            int[] source = [3, 5, End];
            var options = new TranslationOptions { Beams = 200, NBest = 3, Penalty = penalty, Alpha = alpha, MaxNewTokens = limit };
            var all = Everything(model, source, [], 0, limit, vocabulary)
                .Select(one => (one.ids, one.sum, score: one.sum / options.Divisor(one.ids.Length + 1)))
                .OrderByDescending(one => one.score).Take(3).ToList();
            foreach (var stop in Enum.GetValues<BeamStop>().Where(stop => stop != BeamStop.First))
            {
                var found = Find(model, [source], options with { Stop = stop }, vocabulary)[0];
                Assert.Equal(3, found.Count);
                for (var n = 0; n < 3; n++)
                {
                    Assert.Equal(all[n].ids, found[n].Ids);
                    Assert.Equal(all[n].score, found[n].Score, 1e-4);
                }
            }
            var greedy = Find(model, [source], options with { Beams = 1, NBest = 1 }, vocabulary)[0][0];
            if (!greedy.Ids.SequenceEqual(all[0].ids)) differs++;
        }
        Assert.True(differs > 0, "greedy search found the best each time: the test would not see a narrow beam");
    }

    // Every target that ends within the limit.
    static IEnumerable<(int[] ids, double sum)> Everything(Seq2Seq model, int[] source, int[] ids, double sum, int limit, int vocabulary)
    {
        var row = Next(model, source, ids, vocabulary);
        yield return (ids, sum + row[End]);
        if (ids.Length + 1 >= limit) yield break;
        for (var id = 3; id < vocabulary; id++)
            foreach (var longer in Everything(model, source, [.. ids, id], sum + row[id], limit, vocabulary)) yield return longer;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void What_is_found_does_not_depend_on_the_rest_of_the_batch(int beams)
    {
        var model = Seq2SeqSamples.Model(Seq2SeqSamples.Config(), seed: 3);
        var options = new TranslationOptions { Beams = beams, NBest = beams };
        var together = Find(model, Sources, options);
        for (var i = 0; i < Sources.Length; i++)
        {
            var alone = Find(model, [Sources[i]], options)[0];
            Assert.Equal(alone.Select(one => string.Join(' ', one.Ids)), together[i].Select(one => string.Join(' ', one.Ids)));
            Assert.All(alone.Zip(together[i]), pair => Assert.Equal(pair.First.Score, pair.Second.Score, 1e-4));
        }
    }

    [Fact]
    public void The_n_best_come_in_order_and_differ()
    {
        var found = Find(Seq2SeqSamples.Model(Seq2SeqSamples.Config(), seed: 2), Sources, new TranslationOptions { Beams = 5, NBest = 5, MaxNewTokens = 20 });
        Assert.All(found, beam =>
        {
            Assert.Equal(5, beam.Count);
            Assert.Equal(5, beam.Select(one => (string.Join(' ', one.Ids), one.Ended)).Distinct().Count());
            var ended = beam.Where(one => one.Ended).Select(one => one.Score).ToList();
            Assert.Equal(ended.OrderDescending(), ended);
        });
    }

    [Fact]
    public void Stopping_at_the_first_end_never_finds_better_than_going_on()
    {
        var worse = 0;
        foreach (var seed in new ulong[] { 1, 2, 3, 4, 5, 6 })
        {
            var model = Seq2SeqSamples.Model(Seq2SeqSamples.Config(), seed);
            var options = new TranslationOptions { Beams = 4, MaxNewTokens = 15 };
            var bound = Find(model, Sources, options);
            var first = Find(model, Sources, options with { Stop = BeamStop.First });
            var never = Find(model, Sources, options with { Stop = BeamStop.Never });
            for (var i = 0; i < Sources.Length; i++)
            {
                if (!first[i][0].Ended || !bound[i][0].Ended) continue;
                Assert.True(first[i][0].Score <= bound[i][0].Score + 1e-9);
                // The bound gives up only what cannot win.
                Assert.Equal(never[i][0].Score, bound[i][0].Score, 1e-9);
                if (first[i][0].Score < bound[i][0].Score) worse++;
            }
        }
        Assert.True(worse > 0, "the rules never differed: the test would not see one that is ignored");
    }

    // With 3 tokens and room for 4 positions: the begin token and up to 3 others are read, and the end follows the last.
    [Fact]
    public void A_target_that_fills_the_context_can_end_too()
    {
        var model = Seq2SeqSamples.Model(Seq2SeqSamples.Config() with { Context = 4 }, seed: 5, vocabulary: 6);
        var found = Find(model, [[3, 5, End]], new TranslationOptions { Beams = 200, NBest = 1 + 3 + 9 + 27, Stop = BeamStop.Never }, vocabulary: 6)[0];
        Assert.Equal(1 + 3 + 9 + 27, found.Count(one => one.Ended));
        Assert.Equal(3, found.Max(one => one.Ids.Length));
    }

    // One hypothesis has ended with a score of -1; the other has one token. Its score at 10 tokens may be as high as its probability
    // divided by the penalty there.
    [Theory]
    [InlineData(1.0, -3.5, 10, true)]
    [InlineData(1.0, -3.5, 2, false)]
    [InlineData(1.0, -20, 10, false)]
    [InlineData(0.0, -1.5, 10, false)]
    [InlineData(-1.0, -1.5, 10, false)]
    public void A_hypothesis_goes_on_as_long_as_it_could_still_become_the_best_at_some_length(double alpha, double probability, int limit, bool goesOn)
    {
        var beam = new Beam(0, limit, End, new TranslationOptions { Beams = 2, Alpha = alpha });
        beam.Advance(beam.Live, 0, 1, [-1, (float)probability], [End, 5], 2);
        Assert.Equal(goesOn, beam.Live.Count > 0);
    }

    [Fact]
    public void Length_penalties_are_those_of_their_names()
    {
        Assert.Equal(Math.Pow(7, 0.8), new TranslationOptions { Alpha = 0.8 }.Divisor(7), 12);
        Assert.Equal(Math.Pow(12.0 / 6, 0.6), new TranslationOptions { Penalty = LengthPenalty.Gnmt, Alpha = 0.6 }.Divisor(7), 12);
    }
}
