using static TorchSharp.torch;

namespace Transformers.Tests.Training;

[Collection("engine")]
public class TranslationTaskTests
{
    static readonly SentencePair[] Pairs =
    [
        new("a b c", "c b a"), new("d e", "e d"), new("f", "f"), new("g h a b", "b a h g"), new("b b c", "c b b"), new("h", "h"),
    ];

    static readonly TextTokenizer Words = WordTokenizer.Train(Pairs.Select(pair => pair.Source), SpecialIds.ForTranslation);

    static (TranslationTask task, Seq2Seq model) NewTask(BatchConfig batch, double smoothing = 0)
    {
        var model = Seq2SeqSamples.Model(Seq2SeqSamples.Config(), vocabulary: Words.VocabularySize);
        var run = new RunConfig
        {
            Data = new ParallelDataConfig { Source = new GeneratedPairsConfig { Generator = PairGenerator.Copy }, Tokenizer = new WordTokenizerConfig() },
            Model = Seq2SeqSamples.Config(),
            Training = new TrainingConfig { Steps = 1, Batch = batch, Optimizer = new AdamWConfig { Lr = 1e-2 }, LabelSmoothing = smoothing },
        };
        var corpus = ParallelCorpus.Encode(Pairs, Words, Words, ParallelFilter.None, keepTexts: true);
        return (new TranslationTask(model, Words, Words, corpus, corpus, run, CPU), model);
    }

    static double Loss(IEnumerable<MicroBatch> batches)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        return batches.Sum(batch => (double)batch.LossSum().Objective.item<float>());
    }

    [Fact]
    public void Label_smoothing_is_minimised_and_not_reported()
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var batch = new BatchConfig { Sequences = Pairs.Length };
        var (smoothed, model) = NewTask(batch, smoothing: 0.2);
        model.eval();
        var sum = smoothed.NextStep().Single().LossSum();
        var (whole, same) = NewTask(batch, smoothing: 0);
        same.load_state_dict(model.state_dict());
        same.eval();
        var expected = whole.NextStep().Single().LossSum();
        Assert.Equal(expected.Objective.item<float>(), sum.CrossEntropy.item<float>(), 1e-3);
        Assert.Equal(expected.CrossEntropy.item<float>(), expected.Objective.item<float>(), 1e-4);
        // The objective is a line in the smoothing: half of it moves it half as far.
        var (half, third) = NewTask(batch, smoothing: 0.1);
        third.load_state_dict(model.state_dict());
        third.eval();
        double Moved(LossSum one) => one.Objective.item<float>() - one.CrossEntropy.item<float>();
        Assert.NotEqual(0, Moved(sum), 1e-3);
        Assert.Equal(Moved(sum) / 2, Moved(half.NextStep().Single().LossSum()), Math.Abs(Moved(sum)) / 20);
    }

    [Fact]
    public void The_loss_of_an_epoch_does_not_depend_on_how_it_is_batched()
    {
        var (whole, _) = NewTask(new BatchConfig { Sequences = 6 });
        var (micro, _) = NewTask(new BatchConfig { Sequences = 6, Micro = 2 });
        var (first, second) = (whole.NextStep(), micro.NextStep());
        Assert.Single(first);
        Assert.Equal(3, second.Count);
        Assert.Equal(Pairs.Sum(pair => pair.Target.Split(' ').Length + 1), first.Sum(batch => batch.Targets));
        Assert.Equal(Loss(first), Loss(second), 1e-3);
        Assert.Equal(Loss(whole.Validation(null)), Loss(first), 1e-3);
    }

    [Fact]
    public void Labels_are_smoothed_in_training_and_not_in_validation()
    {
        var (plain, _) = NewTask(new BatchConfig { Sequences = 6 });
        var (smooth, _) = NewTask(new BatchConfig { Sequences = 6 }, smoothing: 0.3);
        Assert.NotEqual(Loss(plain.NextStep()), Loss(smooth.NextStep()), 1e-2);
        Assert.Equal(Loss(plain.Validation(null)), Loss(smooth.Validation(null)), 1e-4);
    }

    [Fact]
    public void The_sampler_goes_on_at_the_exact_next_batch()
    {
        var (task, _) = NewTask(new BatchConfig { Sequences = 2 });
        for (var i = 0; i < 4; i++) task.NextStep();
        var state = task.SamplerState;
        var expected = Enumerable.Range(0, 5).Select(_ => Loss(task.NextStep())).ToList();
        var (again, _) = NewTask(new BatchConfig { Sequences = 2 });
        again.SamplerState = state;
        Assert.Equal(expected, Enumerable.Range(0, 5).Select(_ => Loss(again.NextStep())));
        Assert.True(expected.Distinct().Count() > 1);
    }

    [Fact]
    public void A_handful_of_pairs_is_learnt_by_heart_and_then_translated_exactly()
    {
        var (task, model) = NewTask(new BatchConfig { Sequences = 6 });
        using var optimizer = Optimizer.Create(new AdamConfig { Lr = 1e-2 }, model);
        Assert.True(task.Metrics(whole: true)["exact"] < 0.5);
        model.train();
        for (var step = 0; step < 150; step++)
        {
            using var scope = NewDisposeScope();
            foreach (var batch in task.NextStep()) Gradients.Backward(batch.LossSum().Objective / batch.Targets);
            optimizer.Step(5e-3);
            optimizer.ZeroGradients();
        }
        model.eval();
        var metrics = task.Metrics(whole: true);
        Assert.Equal(1, metrics["exact"]);
        Assert.Equal(100, metrics["chrf"], 1e-9);
        Assert.StartsWith("a b c → c b a", task.Samples()[0]);
    }
}
