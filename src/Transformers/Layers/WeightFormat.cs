using Transformers.Configs;

namespace Transformers.Layers;

/// <summary>How a decoder's matrices are kept for generation.</summary>
public enum WeightFormat
{
    /// <summary>32-bit floats.</summary>
    Fp32 = 0,
    /// <summary>bfloat16.</summary>
    Bf16 = 1,
    /// <summary>8-bit whole numbers with one scale for each row of a matrix; half the memory of bfloat16, and an error that shows in the fourth digit or so of a loss.</summary>
    Int8 = 2,
}

/// <summary>How numbers are kept while a decoder runs.</summary>
/// <param name="Products">The type of products, and of keys and values in the cache: <see cref="Precision.Fp32"/> or <see cref="Precision.Bf16"/>.</param>
/// <param name="Quantized">Whether the matrices have 8 bits.</param>
public readonly record struct DecoderFormat(Precision Products, bool Quantized = false)
{
    /// <summary>How matrices are kept.</summary>
    public WeightFormat Weights => Quantized ? WeightFormat.Int8 : Products == Precision.Bf16 ? WeightFormat.Bf16 : WeightFormat.Fp32;
}
