using System.Reflection;
using System.Runtime.Intrinsics.X86;
using LLama;
using LLama.Common;
using LLama.Native;

namespace Transformers.Tests.Interchange;

/// <summary>A GGUF file in llama.cpp, through LLamaSharp, on the processor and with 32-bit keys and values.</summary>
sealed class LlamaCpp : IDisposable
{
    static readonly Lock Guard = new();
    static bool configured;

    readonly LLamaWeights weights;
    readonly LLamaContext context;
    int read;

    internal LlamaCpp(string path, int length)
    {
        lock (Guard)
        {
            if (!configured) NativeLibraryConfig.All.WithLibrary(Library(), null).WithLogCallback((_, _) => { });
            configured = true;
        }
        var parameters = new ModelParams(path)
        {
            ContextSize = (uint)length, GpuLayerCount = 0, Threads = 2, BatchThreads = 2, TypeK = GGMLType.GGML_TYPE_F32, TypeV = GGMLType.GGML_TYPE_F32, FlashAttention = false,
        };
        weights = LLamaWeights.LoadFromFile(parameters);
        context = weights.CreateContext(parameters);
    }

    // The files stay in the package: every project that uses this one would otherwise get those of every platform.
    static string Library()
    {
        var package = typeof(LlamaCpp).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(one => one.Key == "LlamaBackend").Value!;
        var kind = Avx512F.IsSupported && Avx512Vbmi.IsSupported ? "avx512" : Avx2.IsSupported ? "avx2" : "noavx";
        return Directory.EnumerateFiles(package, "libllama.so", SearchOption.AllDirectories).Where(file => file.Contains("linux-x64", StringComparison.Ordinal))
            .OrderByDescending(file => Path.GetFileName(Path.GetDirectoryName(file)) == kind).First();
    }

    internal int Vocabulary => weights.Vocab.Count;

    /// <summary>The number of tokens that the file says the model was trained with.</summary>
    internal int TrainedContext => weights.ContextSize;

    /// <summary>The token that ends a text.</summary>
    internal int? End => (int?)weights.Vocab.EOS;

    /// <summary>The ids of a text.</summary>
    internal int[] Tokenize(string text, bool addStart = false) => [.. context.Tokenize(text, addBos: addStart, special: false).Select(token => (int)token)];

    /// <summary>Reads tokens after those read so far, and returns the logits after the last.</summary>
    internal float[] Read(IReadOnlyList<int> ids)
    {
        var batch = new LLamaBatch();
        for (var i = 0; i < ids.Count; i++) batch.Add(ids[i], read + i, LLamaSeqId.Zero, i == ids.Count - 1);
        Assert.Equal(DecodeResult.Ok, context.NativeHandle.Decode(batch));
        read += ids.Count;
        return context.NativeHandle.GetLogitsIth(ids.Count - 1).ToArray();
    }

    /// <summary>Forgets what was read.</summary>
    internal void Clear()
    {
        context.NativeHandle.MemoryClear();
        read = 0;
    }

    public void Dispose()
    {
        context.Dispose();
        weights.Dispose();
    }
}
