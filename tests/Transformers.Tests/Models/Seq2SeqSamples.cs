using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>Small encoder-decoders of random weights.</summary>
static class Seq2SeqSamples
{
    internal const int Vocabulary = 11;

    internal static readonly Dictionary<string, PositionsConfig> PositionKinds = new()
    {
        ["sinusoidal"] = new SinusoidalPositionsConfig(),
        ["learned"] = new LearnedPositionsConfig(),
        ["rotary"] = new RotaryPositionsConfig(),
        ["alibi"] = new AlibiPositionsConfig(),
        ["relative"] = new RelativePositionsConfig { Buckets = 8, MaxDistance = 16 },
        ["none"] = new NoPositionsConfig(),
    };

    internal static Seq2SeqConfig Config(PositionsConfig? positions = null) => new()
    {
        Layers = 2, Heads = 2, Width = 16, Context = 40, Dropout = 0,
        FeedForward = new ReluConfig { Width = 24 }, Positions = positions ?? new SinusoidalPositionsConfig(),
    };

    internal static Seq2Seq Model(Seq2SeqConfig config, ulong seed = 1, int vocabulary = Vocabulary)
    {
        using var generator = new Generator(seed);
        var model = new Seq2Seq(config, vocabulary, vocabulary, shared: true, generator);
        // Sharper than fresh weights are, so that what a token changes shows.
        using (no_grad())
            foreach (var parameter in model.parameters())
                if (parameter.dim() > 1) parameter.mul_(1.7);
        model.eval();
        return model;
    }

    internal static Tensor Ids(params long[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length]);

    internal static double Difference(Tensor a, Tensor b) => (a - b).abs().max().item<float>();
}
