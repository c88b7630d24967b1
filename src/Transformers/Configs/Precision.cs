namespace Transformers.Configs;

/// <summary>The number format of matrix products.</summary>
public enum Precision
{
    /// <summary><see cref="Bf16"/> if the hardware multiplies it natively, else <see cref="Fp32"/>.</summary>
    Auto,
    /// <summary>32-bit floating point throughout.</summary>
    Fp32,
    /// <summary>bfloat16 products, with 32-bit master weights.</summary>
    Bf16,
}
