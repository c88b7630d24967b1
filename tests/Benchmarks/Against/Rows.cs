namespace Benchmarks.Against;

/// <summary>The rows, and the configs that they measure.</summary>
static class Rows
{
    /// <summary>All of them.</summary>
    /// <param name="configs">An empty folder, into which their configs are written.</param>
    internal static IReadOnlyList<Row> All(string configs)
    {
        var small = Write(configs, "s", "model: { kind: gpt, vocabulary: 65, layers: 4, heads: 4, width: 128, context: 64 }");
        var medium = Write(configs, "m", "model: { kind: gpt, vocabulary: 65, layers: 6, heads: 6, width: 384, context: 256 }");
        var vit32 = Write(configs, "vit-32", "model: { kind: vit, size: 32, channels: 3, classes: 10, patch: 4, layers: 6, heads: 3, width: 192 }");
        var vit224 = Write(configs, "vit-224", "model: { kind: vit, size: 224, channels: 3, classes: 1000, patch: 16, layers: 12, heads: 3, width: 192 }");
        var pairs = Write(configs, "pairs", """
            data: { kind: parallel, source: { generator: copy }, tokenizer: { kind: words } }
            model: { kind: seq2seq, vocabulary: 8000, layers: 3, heads: 8, width: 256, context: 256, feed_forward: { kind: relu, width: 1024 } }
            training: { steps: 1, batch: { sequences: 64 }, optimizer: { kind: adamw, lr: 1.0e-3 }, label_smoothing: 0.1 }
            """);
        // Without documents, the vocabulary has no token that could end a row early.
        var letters = Path.Combine(configs, "letters.txt");
        File.WriteAllText(letters, string.Concat(Enumerable.Range(0, 20_000).Select(i => (char)('A' + i * i % 61))));
        var large = Write(configs, "large", $$"""
            data: { kind: text, source: { files: ['{{letters}}'] }, tokenizer: { kind: characters } }
            model: { kind: gpt, layers: 12, heads: 12, width: 768, context: 256 }
            training: { steps: 1, batch: { sequences: 1 }, optimizer: { kind: sgd, lr: 1.0e-3 }, sample: { tokens: 0 } }
            """);
        Row Plain(string name, string config, int rows, string precision, double bound) =>
            Step(precision == "fp32" ? $"{name}:fp32" : name, "tokens/s", config, rows, precision) with { PlainBound = bound, MeasurePlain = checkout => checkout.Plain(name, precision) };
        return
        [
            new("ops", "calls/s", checkout => checkout.Row("ops", "fp32")) { Bound = 0.75, MemoryBound = null, NeedsBenchmarks = true },
            Plain("train-s", small, 12, "bf16", 3.0),
            Plain("train-s", small, 12, "fp32", 1.6),
            Plain("train-m", medium, 16, "bf16", 1.7),
            Plain("train-m", medium, 16, "fp32", 2.0),
            Step("train-pairs", "tokens/s", pairs, 64, "bf16"),
            Step("train-vit-32", "images/s", vit32, 64, "bf16"),
            Step("train-vit-224", "images/s", vit224, 16, "bf16"),
            new("train-grammar", "tokens/s", checkout => checkout.Train("translation-grammar", 60)),
            new("sample-m", "tokens/s", checkout => checkout.Row("sample-m", "auto")) { NeedsBenchmarks = true },
            new("sample-m-32", "tokens/s", checkout => checkout.Row("sample-m-32", "auto")) { NeedsBenchmarks = true },
            new("sample-86m", "tokens/s", checkout => checkout.Sample(large, 1)),
            new("sample-86m-32", "tokens/s", checkout => checkout.Sample(large, 32)),
            new("decode-pairs", "tokens/s", checkout => checkout.Row("decode-pairs", "auto")) { NeedsBenchmarks = true },
            new("start", "s", checkout => checkout.Start()) { MemoryBound = null },
        ];
    }

    static Row Step(string name, string unit, string config, int rows, string precision) => new(name, unit, checkout => checkout.Step(config, rows, precision));

    static string Write(string folder, string name, string text)
    {
        var path = Path.Combine(folder, name + ".yaml");
        File.WriteAllText(path, text);
        return path;
    }
}
