using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;
using System.Reflection;
using System.Runtime.InteropServices;
using LLama;
using LLama.Common;
using LLama.Native;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Greedy generation of one model by this program and by llama.cpp, which reads it from an exported file; both in bfloat16 and with initial weights.</summary>
static class LlamaGeneration
{
    const int Tokens = 256;

    static readonly Dictionary<string, (int Prompts, int Vocabulary, GptConfig Model)> Rows = new()
    {
        ["generate-1"] = (1, 2048, Shape(6, 6, 384)),
        ["generate-32"] = (32, 2048, Shape(6, 6, 384)),
        ["generate-1-124m"] = (1, 50257, Shape(12, 12, 768)),
        ["generate-32-124m"] = (32, 50257, Shape(12, 12, 768)),
    };

    static GptConfig Shape(int layers, int heads, int width) => new()
    {
        Layers = layers, Heads = heads, Width = width, Context = Tokens + 8, FeedForward = new SwiGluConfig(), Positions = new RotaryPositionsConfig(), Norm = new RmsNormConfig(),
    };

    internal static bool IsRow(string row) => Rows.ContainsKey(row);

    /// <summary>Measures one side of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="llama">Whether llama.cpp generates.</param>
    /// <returns>The line that scripts/bench reads; <c>read</c> is how many times per second all threads read a buffer as large as the
    /// weights.</returns>
    internal static string Run(string row, bool llama)
    {
        var (prompts, vocabulary, shape) = Rows[row];
        using var generator = new Generator(1);
        var tokenizer = CharacterTokenizer.FromText(string.Concat(Enumerable.Range(0, vocabulary - 1).Select(i => (char)('!' + i))), [TextTokenizer.DefaultEndOfText]);
        using var model = new Gpt(shape, vocabulary, generator);
        model.eval();
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        var times = llama ? ByLlama(model, shape, tokenizer, prompts) : ByThis(model, tokenizer, prompts);
        return string.Create(CultureInfo.InvariantCulture, $"{Measured.Of(prompts * Tokens, times, parameters)} read={1 / SecondsToRead(2 * parameters):G6}");
    }

    static List<double> ByThis(Gpt model, CharacterTokenizer tokenizer, int prompts)
    {
        using var text = new TextGenerator(model, tokenizer, CPU) { Precision = Precision.Bf16 };
        var options = new GenerationOptions { MaxNewTokens = Tokens, Greedy = true };
        string[] starts = [.. Enumerable.Range(0, prompts).Select(i => $"{(char)('A' + i)}")];
        return Measured.Time(() =>
        {
            var made = text.Generate(starts, options).Sum(completion => completion.Ids.Count);
            if (made != prompts * Tokens) throw new InvalidOperationException($"{made} tokens were generated, not {prompts * Tokens}");
        }, warm: 1, least: 3);
    }

    static List<double> ByLlama(Gpt model, GptConfig shape, CharacterTokenizer tokenizer, int prompts)
    {
        var folder = Directory.CreateTempSubdirectory("bench-llama-").FullName;
        try
        {
            using (var contents = new CheckpointContents(0))
            {
                contents.AddSnapshot(CheckpointFiles.Model, model.state_dict().Select(named => (named.Key, named.Value)));
                contents.AddBytes(tokenizer.FileName, tokenizer.ToBytes());
                contents.AddText(CheckpointFiles.Config, ConfigWriter.ToYaml(new RunConfig
                {
                    Data = new Transformers.Data.TextDataConfig { Source = new Transformers.Data.TextFilesConfig { Files = ["none"] }, Tokenizer = new CharacterTokenizerConfig() },
                    Model = shape, Training = new TrainingConfig { Steps = 1, Batch = new BatchConfig { Sequences = 1 }, Optimizer = new AdamWConfig { Lr = 1e-3 } },
                }));
                CheckpointStore.WriteTo(Path.Combine(folder, "run"), contents);
            }
            var run = TrainedRun.Open(Path.Combine(folder, "run"));
            var file = Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Gguf, Output = Path.Combine(folder, "model.gguf"), Type = ExportType.BF16 }).Output;
            return Time(file, prompts);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static List<double> Time(string file, int prompts)
    {
        var package = typeof(LlamaGeneration).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(one => one.Key == "LlamaBackend").Value!;
        var kind = System.Runtime.Intrinsics.X86.Avx512Vbmi.IsSupported ? "avx512" : System.Runtime.Intrinsics.X86.Avx2.IsSupported ? "avx2" : "noavx";
        NativeLibraryConfig.All.WithLibrary(Path.Combine(package, "LLamaSharpRuntimes", "linux-x64", "native", kind, "libllama.so"), null).WithLogCallback((_, _) => { });
        var parameters = new ModelParams(file) { ContextSize = (uint)(prompts * (Tokens + 8)), SeqMax = (uint)prompts, GpuLayerCount = 0, Threads = Environment.ProcessorCount, BatchThreads = Environment.ProcessorCount };
        using var weights = LLamaWeights.LoadFromFile(parameters);
        using var context = weights.CreateContext(parameters);
        var batch = new LLamaBatch();
        return Measured.Time(() =>
        {
            context.NativeHandle.MemoryClear();
            var ids = Enumerable.Range(0, prompts).Select(i => 'A' - '!' + i).ToArray();
            for (var step = 0; step < Tokens; step++)
            {
                batch.Clear();
                for (var row = 0; row < prompts; row++) batch.Add(ids[row], step, (LLamaSeqId)row, logits: true);
                if (context.NativeHandle.Decode(batch) != DecodeResult.Ok) throw new InvalidOperationException("llama.cpp does not decode");
                for (var row = 0; row < prompts; row++) ids[row] = TensorPrimitives.IndexOfMax(context.NativeHandle.GetLogitsIth(row));
            }
        }, warm: 1, least: 3);
    }

    // The best of several passes over a buffer of the weights' size.
    static unsafe double SecondsToRead(long bytes)
    {
        var threads = Environment.ProcessorCount;
        var part = bytes / threads / 4096 * 4096;
        var buffer = (byte*)NativeMemory.AlignedAlloc((nuint)(part * threads), 4096);
        try
        {
            new Span<byte>(buffer, (int)Math.Min(int.MaxValue, part * threads)).Fill(1);
            var best = double.MaxValue;
            for (var pass = 0; pass < 20; pass++)
            {
                var started = Stopwatch.GetTimestamp();
                var sums = new ulong[threads];
                Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread => sums[thread] = Sum((ulong*)(buffer + thread * part), part / 8));
                if (sums.Any(sum => sum == 0)) throw new InvalidOperationException("nothing was read");
                best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
            }
            return best;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    static unsafe ulong Sum(ulong* from, long count)
    {
        var width = Vector<ulong>.Count;
        Vector<ulong> a = default, b = default, c = default, d = default;
        for (long i = 0; i + 4 * width <= count; i += 4 * width)
        {
            a += *(Vector<ulong>*)(from + i);
            b += *(Vector<ulong>*)(from + i + width);
            c += *(Vector<ulong>*)(from + i + 2 * width);
            d += *(Vector<ulong>*)(from + i + 3 * width);
        }
        return Vector.Sum(a + b + c + d);
    }
}
