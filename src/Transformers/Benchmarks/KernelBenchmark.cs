using TorchSharp;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Measures the machine's peaks, and the fractions of them that the kernels of a model reach.</summary>
public static class KernelBenchmark
{
    static readonly TimeSpan Limit = TimeSpan.FromSeconds(0.4);

    /// <summary>Measures everything, in a few seconds.</summary>
    public static KernelBenchmarkResult Run(Device device)
    {
        var engine = NativeLibraries.Load();
        Precision[] precisions = Precisions.Resolve(Precision.Auto, device) == Precision.Bf16 ? [Precision.Fp32, Precision.Bf16] : [Precision.Fp32];
        var peaks = precisions.Select(precision => new Peak(Precisions.NameOf(precision), MachinePeaks.FlopsPerSecond(device, precision, again: true))).ToList();
        var bandwidth = KernelTimes.BytesPerSecond(device, Limit);
        var kernels = new List<KernelShare>();
        foreach (var (precision, peak) in precisions.Zip(peaks))
        {
            KernelShare Arithmetic(string kernel, double flops, double seconds) => new(kernel, peak.Precision, seconds, flops / seconds, flops / seconds / peak.FlopsPerSecond, "arithmetic");
            foreach (var (rows, @in, @out) in new[] { (768, 128, 512), (4096, 384, 1536), (4096, 768, 3072) })
                kernels.Add(Arithmetic($"product {rows} x {@in} x {@out}", 2.0 * rows * @in * @out, MachinePeaks.OfProduct(device, precision, rows, @in, @out, Limit)));
            foreach (var (rows, heads, length, width) in new[] { (12, 4, 64, 32), (16, 6, 256, 64), (2, 12, 1024, 64) })
                // A causal mask leaves half of both products.
                kernels.Add(Arithmetic($"attention {rows} x {heads} x {length} x {width}", 2.0 * rows * heads * length * length * width, KernelTimes.Attention(device, precision, rows, heads, length, width, Limit)));
        }
        void Memory(string kernel, double bytes, double seconds) => kernels.Add(new(kernel, "fp32", seconds, bytes / seconds, bytes / seconds / bandwidth, "memory"));
        const int tokens = 16_384, wide = 768, high = 1 << 12, across = 1 << 11;
        Memory($"layer norm {tokens} x {wide}", 2.0 * sizeof(float) * tokens * wide, KernelTimes.LayerNorm(device, tokens, wide, Limit));
        // The parameter and both moments are read and written; the gradient is read.
        Memory($"adamw {high * across}", 7.0 * sizeof(float) * high * across, KernelTimes.AdamW(device, high, across, Limit));
        return new KernelBenchmarkResult(
            Device: device.ToString(),
            Threads: get_num_threads(),
            Libtorch: engine.Version,
            CpuCapability: ProcessSettings.Instructions,
            Peaks: peaks,
            BytesPerSecond: bandwidth,
            OperationSeconds: KernelTimes.Operation(device),
            Kernels: kernels);
    }
}

/// <summary>The peak of products of a type.</summary>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c>.</param>
/// <param name="FlopsPerSecond">Operations per second of a large product; the highest ever measured on this machine.</param>
public sealed record Peak(string Precision, double FlopsPerSecond);

/// <summary>The speed of one kernel.</summary>
/// <param name="Kernel">Its name and sizes: rows, inputs and outputs of a product; rows, heads, tokens and head width of attention.</param>
/// <param name="Precision">The type of its numbers.</param>
/// <param name="Seconds">Its best time.</param>
/// <param name="PerSecond">Operations or bytes per second.</param>
/// <param name="Share">The fraction of the peak.</param>
/// <param name="Bound">The peak that limits it: <c>arithmetic</c> or <c>memory</c>.</param>
public sealed record KernelShare(string Kernel, string Precision, double Seconds, double PerSecond, double Share, string Bound);

/// <summary>The machine's peaks, and the speed of the kernels.</summary>
/// <param name="Device">The device.</param>
/// <param name="Threads">Threads of arithmetic.</param>
/// <param name="Libtorch">libtorch's version.</param>
/// <param name="CpuCapability">The instruction set that libtorch uses.</param>
/// <param name="Peaks">Peaks of arithmetic, by type.</param>
/// <param name="BytesPerSecond">Bytes per second that are read and written.</param>
/// <param name="OperationSeconds">The overhead of an operation of any size, in seconds.</param>
/// <param name="Kernels">The kernels.</param>
public sealed record KernelBenchmarkResult(
    string Device, int Threads, string Libtorch, string CpuCapability, IReadOnlyList<Peak> Peaks, double BytesPerSecond, double OperationSeconds,
    IReadOnlyList<KernelShare> Kernels);

/// <summary>Times single operations, each by the best of several tries.</summary>
/// <remarks>They run as layers and optimizers run them: by kernels where they are available.</remarks>
static class KernelTimes
{
    /// <summary>The forward pass of attention, with queries, keys and values of [B, H, T, E].</summary>
    internal static double Attention(Device device, Precision precision, long B, long H, long T, long E, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var q = ones([B, H, T, E], device: device).to(type);
        return BestTime.Seconds(device, limit, () => AttentionFormulas.Attend(q, q, q, new AttentionInput(Causal: true), new Dropout(0)));
    }

    /// <summary>Bytes per second that an addition of long vectors reads and writes.</summary>
    internal static double BytesPerSecond(Device device, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        const long count = 1 << 23; // 32 MiB for each vector: more than caches hold
        var a = ones(count, device: device);
        var b = ones(count, device: device);
        return 3.0 * sizeof(float) * count / BestTime.Seconds(device, limit, () => a.add_(b));
    }

    /// <summary>A layer norm of [rows, width] in 32-bit floats.</summary>
    internal static double LayerNorm(Device device, long rows, long width, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var x = ones(rows, width, device: device);
        using var norm = new Norm(new LayerNormConfig(), (int)width).to(device);
        return BestTime.Seconds(device, limit, () => norm.call(x));
    }

    /// <summary>A step of AdamW over a matrix of parameters.</summary>
    internal static double AdamW(Device device, long rows, long width, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var layer = new Linear((int)width, (int)rows, hasBias: false).to(device);
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1e-3, WeightDecay = 0.1 }, layer);
        layer.weight.grad ??= ones_like(layer.weight);
        return BestTime.Seconds(device, limit, () =>
        {
            optimizer.Step(1e-3);
            return null;
        });
    }

    /// <summary>The time of the smallest operation.</summary>
    internal static double Operation(Device device)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        const int operations = 100;
        var a = ones(8, device: device);
        return BestTime.Seconds(device, TimeSpan.FromMilliseconds(20), () =>
        {
            for (var i = 0; i < operations; i++) a.add_(1);
            return null;
        }) / operations;
    }
}

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
