using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>The network that a block applies to each token alone.</summary>
/// <remarks>
/// Vaswani et al. 2017, section 3.3: f(xW₁)W₂, with f = max(0, ·) in the paper. Gated: (SiLU(xW₁) ∘ xW₃)W₂, Shazeer 2020,
/// where W₁ and W₃ are the halves of one matrix.
/// </remarks>
public sealed class FeedForward : nn.Module<Tensor, Tensor>
{
    readonly Linear up, down;
    readonly FeedForwardConfig config;
    readonly double dropout;

    /// <summary>The network that a config asks for.</summary>
    /// <param name="config">The kind and the hidden width.</param>
    /// <param name="width">The width D of inputs and outputs.</param>
    /// <param name="bias">Whether the layers add a bias.</param>
    /// <param name="dropout">The share of hidden activations that training drops.</param>
    public FeedForward(FeedForwardConfig config, int width, bool bias = true, double dropout = 0) : base(nameof(FeedForward))
    {
        this.config = config;
        this.dropout = dropout;
        var hidden = HiddenWidth(config, width);
        up = nn.Linear(width, config is SwiGluConfig ? 2 * hidden : hidden, bias);
        down = nn.Linear(hidden, width, bias);
        RegisterComponents();
    }

    /// <summary>The hidden width F: what the config says, or the usual multiple of the width.</summary>
    public static int HiddenWidth(FeedForwardConfig config, int width) =>
        config.Width ?? (config is SwiGluConfig ? (8 * width / 3 + 7) / 8 * 8 : 4 * width);

    /// <summary>Applies the network with a norm and a residual connection around it: one operator where there is one.</summary>
    /// <param name="residual">The connection.</param>
    /// <param name="x">[…, D].</param>
    /// <returns>[…, D].</returns>
    public Tensor Within(Residual residual, Tensor x) =>
        Engine.FeedForwardSublayer(x, residual.AsSublayerNorm(), up.weight, up.bias, down.weight, down.bias, Activation, training ? dropout : 0) ?? residual.forward(x, call);

    string Activation => config switch
    {
        ReluConfig => "relu",
        GeluConfig gelu => gelu.Tanh ? "gelu_tanh" : "gelu",
        SwiGluConfig => "swiglu",
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a feed-forward kind without a formula"),
    };

    /// <summary>Applies the network.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <returns>[B, T, D].</returns>
    public override Tensor forward(Tensor x)
    {
        var hidden = up.call(x);                                                          // [B, T, F], or 2F
        hidden = Activate(config, hidden);                                                // [B, T, F]
        if (training && dropout > 0) hidden = Engine.Dropout(hidden, dropout);
        return down.call(hidden);                                                         // [B, T, D]
    }

    /// <summary>The function between the two layers.</summary>
    /// <param name="config">Its kind.</param>
    /// <param name="hidden">[B, T, F]; [B, T, 2F] where one half gates the other.</param>
    /// <returns>[B, T, F].</returns>
    internal static Tensor Activate(FeedForwardConfig config, Tensor hidden) => config switch
    {
        ReluConfig => nn.functional.relu(hidden),
        GeluConfig gelu => Engine.Gelu(hidden, gelu.Tanh),
        SwiGluConfig => Engine.SwiGlu(hidden),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a feed-forward kind without a formula"),
    };
}
