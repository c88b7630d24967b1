namespace Transformers.Tests.Training;

/// <summary>Small runs over generated sentences, a second or two each.</summary>
static class SentenceRuns
{
    const string Training = """
        training:
          steps: 12
          batch: { sequences: 16 }
          optimizer: { kind: adamw, lr: 3.0e-3 }
          precision: fp32
          validate: { every: 6, batches: 2, sentences: 5 }
          checkpoint: { every: 4, keep: 10 }
          sample: { tokens: 0 }
        """;

    internal static RunConfig Translation(params string[] sets) => Parse("""
        data:
          kind: parallel
          source: { generator: copy, size: 400 }
          tokenizer: { kind: words }
        model: { kind: seq2seq, layers: 1, heads: 2, width: 16, context: 24 }
        """, sets);

    internal static RunConfig Masked(params string[] sets) => Parse(Encoder("masked"), sets);

    internal static RunConfig Classify(params string[] sets) => Parse(Encoder("classify"), sets);

    static string Encoder(string head) => $$"""
        data:
          kind: labelled
          source: { generator: sentiment, size: 600 }
          tokenizer: { kind: words }
        model: { kind: encoder, layers: 2, heads: 2, width: 32, context: 64, head: { kind: {{head}} } }
        """;

    static RunConfig Parse(string text, string[] sets) => ConfigFile.Parse<RunConfig>(text + "\n" + Training, "sentences.yaml", sets);

    internal static TrainResult Start(this TinyRuns runs, RunConfig config, string run, string? from = null, long? maxSteps = null) =>
        TrainingRun.Start(config, new TrainingOptions { Run = runs.PathOf(run), Cache = runs.PathOf("cache"), From = from is null ? null : runs.PathOf(from), MaxSteps = maxSteps });
}
