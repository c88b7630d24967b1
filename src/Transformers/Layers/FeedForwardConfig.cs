using Transformers.Configs;

namespace Transformers.Layers;

/// <summary>The feed-forward network of a block; closed by <c>kind</c>.</summary>
public abstract record FeedForwardConfig
{
    /// <summary>The width F of the hidden layer; by default 4 times the model's width, and 8/3 times, rounded up to a multiple of 8, for <c>swiglu</c>.</summary>
    [Between(1, 10_000_000)]
    public int? Width { get; init; }
}

/// <summary>max(0, xW₁)W₂.</summary>
/// <remarks>Vaswani et al. 2017, section 3.3.</remarks>
[Kind("relu")]
public sealed record ReluConfig : FeedForwardConfig;

/// <summary>GELU(xW₁)W₂.</summary>
/// <remarks>Hendrycks and Gimpel 2016.</remarks>
[Kind("gelu")]
public sealed record GeluConfig : FeedForwardConfig
{
    /// <summary>Whether to use the tanh approximation, as GPT-2 does.</summary>
    public bool Tanh { get; init; }
}

/// <summary>(SiLU(xW₁) ∘ xW₃)W₂.</summary>
/// <remarks>Shazeer 2020.</remarks>
[Kind("swiglu")]
public sealed record SwiGluConfig : FeedForwardConfig;
