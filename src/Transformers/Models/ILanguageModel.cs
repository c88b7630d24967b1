using TorchSharp;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A model that predicts the next token: what training, evaluation and generation need of it.</summary>
public interface ILanguageModel
{
    /// <summary>The number of tokens V.</summary>
    int Vocabulary { get; }

    /// <summary>The most tokens that the model sees at once.</summary>
    int Context { get; }

    /// <summary>The matrix that turns hidden vectors into logits, [V, D].</summary>
    Tensor OutputWeight { get; }

    /// <summary>The type that products are computed in.</summary>
    ScalarType Compute { get; }

    /// <summary>An empty cache of the right number of layers.</summary>
    KeyValueCache NewCache();

    /// <summary>The hidden vector of each token, ready for the output layer.</summary>
    /// <param name="ids">[B, T], whole numbers below V; with a cache, the tokens that follow those in it.</param>
    /// <param name="cache">Keys and values of earlier tokens; extended by this call.</param>
    /// <param name="recorder">Takes the attention weights.</param>
    /// <param name="mask">Added to attention scores, broadcasts to [B, H, T, S]; causality is always there.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D].</returns>
    /// <exception cref="ArgumentException">More tokens than the context holds.</exception>
    Tensor Hidden(Tensor ids, KeyValueCache? cache = null, AttentionRecorder? recorder = null, Tensor? mask = null, RandomPosition random = default);

    /// <summary>Logits of hidden vectors.</summary>
    /// <param name="hidden">[…, D].</param>
    /// <returns>[…, V].</returns>
    Tensor Logits(Tensor hidden);
}
