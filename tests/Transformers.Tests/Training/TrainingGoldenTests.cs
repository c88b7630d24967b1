using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>The training loop as a whole against PyTorch's optimizer on one sentence pair at a time, by tests/Golden/training.py.</summary>
[Collection("engine")]
public sealed class TrainingGoldenTests
{
    static readonly SentencePair[] Pairs = [new("ab", "cade"), new("badce", "e"), new("c", "abcdeabc"), new("edcba", "abcde"), new("dd", "eea")];

    [Theory]
    [InlineData("")]
    [InlineData("training.batch.micro=2")]
    [InlineData("training.batch.micro=1")]
    public void Losses_norms_weights_and_their_average_equal_PyTorchs_whatever_the_micro_batches(string micro)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Repository.Golden("data", "training.safetensors"));
        var run = ConfigFile.Parse<RunConfig>("""
            data: { kind: parallel, source: { generator: copy, size: 10 }, tokenizer: { kind: characters } }
            model: { kind: seq2seq, layers: 1, heads: 2, width: 8, context: 16, dropout: 0, feed_forward: { kind: relu, width: 16 } }
            training:
              steps: 6
              batch: { sequences: 5 }
              optimizer: { kind: adamw, lr: 1.0e-2, weight_decay: 0.1, betas: [0.8, 0.9], eps: 1.0e-6 }
              schedule: { kind: cosine, warmup: 2, final_lr: 1.0e-3 }
              label_smoothing: 0.1
              ema: { decay: 0.7 }
              precision: fp32
              log: { every: 1 }
            """, "golden.yaml", micro.Length > 0 ? [micro] : []);
        var tokenizer = CharacterTokenizer.FromText("abcde", SpecialIds.ForTranslation);
        var model = new Seq2Seq((Seq2SeqConfig)run.Model, tokenizer.VocabularySize, tokenizer.VocabularySize, shared: true);
        Assert.Equal(model.state_dict().Keys.Order(), file.Tensors.Where(tensor => tensor.Name.StartsWith("weight.", StringComparison.Ordinal)).Select(tensor => tensor.Name["weight.".Length..]).Order());
        using (no_grad())
            foreach (var (name, weight) in model.state_dict()) weight.copy_(Get("weight." + name));
        var corpus = ParallelCorpus.Encode(Pairs, tokenizer, tokenizer, ParallelFilter.None);
        using var task = new TranslationTask(model, tokenizer, tokenizer, corpus, null, run, CPU);
        var log = new Log();
        using var trainer = new Trainer(task, run.Training, seed: 1, run.Model.Width, Precision.Fp32, CPU, outputs: null, log, new StopRequest());
        trainer.Run(6);

        var (losses, norms) = (Get("out.losses").data<float>().ToArray(), Get("out.norms").data<float>().ToArray());
        Assert.Equal(6, log.Reports.Count);
        foreach (var (i, report) in log.Reports.Index())
        {
            Assert.Equal(losses[i], report.Loss, 1e-5);
            Assert.Equal(norms[i], report.GradientNorm, 1e-5 * norms[i]);
        }
        foreach (var (name, weight) in model.state_dict()) GoldenFile.Close(Get("final." + name), weight, 2e-4, name);
        foreach (var (name, average) in trainer.Ema!.State) GoldenFile.Close(Get("average." + name), average, 2e-4, $"the average of {name}");

        Tensor Get(string name) => ModelTensors.Load(file, file.Tensors.First(tensor => tensor.Name == name), file.Path);
    }

    sealed class Log : ITrainingObserver
    {
        internal List<StepReport> Reports { get; } = [];

        public void OnLog(StepReport report) => Reports.Add(report);
    }
}
