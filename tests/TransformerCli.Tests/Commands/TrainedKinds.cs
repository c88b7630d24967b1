namespace TransformerCli.Tests.Commands;

/// <summary>A folder of runs that are trained once for all tests of a class.</summary>
public abstract class TrainedRuns : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("transformer-runs-").FullName;

    public string At(string name) => Path.Combine(root, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    private protected string Train(string name, string config)
    {
        var outcome = CommandLine.Run("train", Write($"{name}.yaml", config), "--run", At(name), "--device", "cpu", "--quiet");
        return outcome.ExitCode == 0 ? At(name) : throw new InvalidOperationException(outcome.Error);
    }

    public void Dispose()
    {
        Directory.Delete(root, recursive: true);
        GC.SuppressFinalize(this);
    }
}

/// <summary>A run of each kind, trained once for all tests of a class.</summary>
public sealed class TrainedKinds : TrainedRuns
{
    public TrainedKinds()
    {
        const string learning = "training: { steps: 4, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, checkpoint: { every: 2 }, sample: { tokens: 0 } }";
        Gpt = Train("gpt", $$"""
            data: { kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 32 }
            {{learning}}
            """);
        Translator = Train("translator", $$"""
            data: { kind: parallel, source: { generator: copy, size: 200 }, tokenizer: { kind: words } }
            model: { kind: seq2seq, layers: 1, heads: 2, width: 16, context: 24 }
            {{learning}}
            """);
        Vit = Train("vit", $$"""
            data: { kind: images, source: { generator: digits, count: 200, side: 16 }, input: { size: 16 }, holdout: { count: 40 } }
            model: { kind: vit, patch: 8, layers: 1, heads: 2, width: 16 }
            {{learning}}
            """);
        const string sentences = "data: { kind: labelled, source: { generator: sentiment, size: 200 }, tokenizer: { kind: words }, max_length: 32 }";
        const string encoder = "kind: encoder, layers: 1, heads: 2, width: 16, context: 32";
        Classifier = Train("classifier", $$"""
            {{sentences}}
            model: { {{encoder}}, head: { kind: classify } }
            {{learning}}
            """);
        Masked = Train("masked", $$"""
            {{sentences}}
            model: { {{encoder}}, head: { kind: masked } }
            {{learning}}
            """);
        Pairs = Train("pairs", $$"""
            data: { kind: image_text, source: { generator: scenes, size: 40 }, tokenizer: { kind: words }, input: { size: 64 } }
            model: { kind: vilbert, text: { layers: 1, heads: 2, width: 8 }, image: { layers: 1, heads: 2, width: 16 }, co_layers: 1, width: 16, patch: 16, context: 32 }
            {{learning}}
            """);
    }

    public string Gpt { get; }
    public string Translator { get; }
    public string Vit { get; }
    public string Classifier { get; }
    public string Masked { get; }
    public string Pairs { get; }
}
