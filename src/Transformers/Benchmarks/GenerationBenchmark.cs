using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Measures generation with a language model, token by token, as <c>generate</c> does it.</summary>
public static class GenerationBenchmark
{
    const int FewestTries = 3;
    static readonly TimeSpan BandwidthLimit = TimeSpan.FromSeconds(0.3);

    /// <summary>Measures a model with its initial weights.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="prompts">Prompts that are continued together.</param>
    /// <param name="tokens">Tokens to generate for each, at most the context.</param>
    public static GenerationBenchmarkResult Run(GptConfig shape, int vocabulary, int prompts, int tokens, StepBenchmarkOptions options)
    {
        using var generator = new Generator(1);
        using var model = new Gpt(shape, vocabulary, generator).to(options.Device);
        model.eval();
        return Run(model, CharacterTokenizer.FromText(string.Concat(Enumerable.Range(0, vocabulary).Select(CharacterAt))), prompts, tokens, options);
    }

    // Letters, skipping the surrogates, so that a vocabulary of any size consists of characters.
    internal static string CharacterAt(int id) => char.ConvertFromUtf32(FirstCharacter + id < FirstSurrogate ? FirstCharacter + id : FirstCharacter + id + Surrogates);

    const int FirstCharacter = 0x4E00, FirstSurrogate = 0xD800, Surrogates = 0x800;

    /// <summary>Measures a model.</summary>
    /// <param name="model">The model, in evaluation mode, on the device.</param>
    /// <param name="prompts">Prompts that are continued together.</param>
    /// <param name="tokens">Tokens to generate for each, unless a text ends earlier.</param>
    public static GenerationBenchmarkResult Run(Gpt model, TextTokenizer tokenizer, int prompts, int tokens, StepBenchmarkOptions options)
    {
        var precision = Precisions.Resolve(options.Precision, options.Device);
        using var text = new TextGenerator(model, tokenizer, options.Device) { Precision = precision };
        var asked = new GenerationOptions { MaxNewTokens = Math.Min(tokens, model.Context), TopK = 50, Seed = 1 };
        var first = tokenizer.Decode([0]);
        string[] starts = [.. Enumerable.Repeat(first, prompts)];
        long made = 0;
        var rates = new List<double>();
        var clock = Stopwatch.StartNew();
        for (var i = 0; rates.Count < FewestTries || clock.Elapsed.TotalSeconds < options.Seconds; i++)
        {
            var started = Stopwatch.GetTimestamp();
            made = text.Generate(starts, asked).Sum(completion => (long)completion.Ids.Count);
            // The first try warms up.
            if (i == 0) clock.Restart();
            else rates.Add(made / Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        rates.Sort();
        // Each step reads every matrix once for all prompts.
        var matrices = ParameterTable.Of(model).Where(one => one.Shape.Count == 2 && !one.Name.StartsWith("pos_emb.", StringComparison.Ordinal)).Sum(one => one.Count);
        return new GenerationBenchmarkResult(
            Prompts: prompts,
            Tokens: made,
            Precision: Precisions.NameOf(precision),
            Device: options.Device.ToString(),
            TokensPerSecond: rates[rates.Count / 2],
            WeightBytes: matrices * (precision == Precision.Bf16 ? 2 : 4),
            BytesPerSecond: KernelTimes.BytesPerSecond(options.Device, BandwidthLimit));
    }
}

/// <summary>The speed of generation.</summary>
/// <param name="Prompts">Prompts at once.</param>
/// <param name="Tokens">Tokens of one try, for all prompts together.</param>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c>.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="TokensPerSecond">Tokens per second of the median try, for all prompts together.</param>
/// <param name="WeightBytes">Bytes of the matrices that a step reads, in the products' type.</param>
/// <param name="BytesPerSecond">Bytes per second that the machine reads and writes, measured on vectors larger than its caches; a small model's weights stay in a cache and are read faster.</param>
public sealed record GenerationBenchmarkResult(
    int Prompts, long Tokens, string Precision, string Device, double TokensPerSecond, long WeightBytes, double BytesPerSecond)
{
    /// <summary>The fraction of that bandwidth that reading the weights takes; above 1 if a cache holds them.</summary>
    public double BandwidthShare => TokensPerSecond / Prompts * WeightBytes / BytesPerSecond;
}
