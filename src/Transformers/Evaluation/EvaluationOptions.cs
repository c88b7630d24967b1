using TorchSharp;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>What an evaluation is told besides its run.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Other data than the run's: a file or a folder.</summary>
    public string? Data { get; init; }
    /// <summary><c>test</c>, <c>validation</c>, <c>train</c> where it applies, or the name of one of several tests; null for the test split where there is one, else validation.</summary>
    public string? Split { get; init; }
    /// <summary>Rows of a batch; null for what suits the model.</summary>
    public int? BatchSize { get; init; }
    /// <summary>A file that takes one JSON line an example, where there are examples.</summary>
    public string? Output { get; init; }
    /// <summary>How translations are searched for.</summary>
    public TranslationOptions Translation { get; init; } = new();
    /// <summary>Where to compute.</summary>
    public Device Device { get => field ?? NativeLibraries.Cpu; init; }
    /// <summary>The type of products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;
    /// <summary>Whether the matrices of a decoder have 8 bits.</summary>
    public bool Quantized { get; init; }
    /// <summary>The folder of prepared data.</summary>
    public string Cache { get; init; } = Path.Combine("data", ".cache");
}
