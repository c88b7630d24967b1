using TorchSharp.Modules;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>An encoder with a head.</summary>
public abstract class EncoderModel : nn.Module, IComputes
{
    /// <summary>The encoder; its parameters' names start with <c>encoder.</c> in every model, so that one can start from another's.</summary>
    protected readonly TextEncoder encoder;

    /// <summary>Adds a head to an encoder.</summary>
    protected EncoderModel(string name, TextEncoder encoder) : base(name) => this.encoder = encoder;

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>The encoder without its head.</summary>
    public TextEncoder Encoder => encoder;

    /// <summary>The model that a config describes, with freshly initialised weights.</summary>
    /// <param name="config">The shape and the head.</param>
    /// <param name="vocabulary">The number of tokens V.</param>
    /// <param name="classes">The number of classes N; not used by other heads.</param>
    /// <param name="generator">The random stream for the weights.</param>
    public static EncoderModel Create(EncoderConfig config, int vocabulary, int classes, Generator? generator = null)
    {
        EncoderModel model = config.Head switch
        {
            MaskedHeadConfig => new MaskedTokenModel(config, vocabulary),
            ClassifyHeadConfig head => new TextClassifier(config, head.Pool, vocabulary, classes),
            _ => throw new ArgumentOutOfRangeException(nameof(config), config.Head, "a head without a model"),
        };
        RandomLayers.Number(model);
        Initialization.Apply(model, config.Init, config.Layers, generator);
        return model;
    }
}

/// <summary>Predicts masked tokens.</summary>
/// <remarks>Devlin et al. 2019, section 3.1; the head is that of BERT's code; the matrix of its output layer is the embeddings'.</remarks>
public sealed class MaskedTokenModel : EncoderModel
{
    readonly Linear dense;
    readonly Norm norm;
    readonly Parameter? bias;

    /// <summary>Creates a model whose weights <see cref="EncoderModel.Create"/> initialises.</summary>
    public MaskedTokenModel(EncoderConfig config, int vocabulary) : base(nameof(MaskedTokenModel), new TextEncoder(config, vocabulary))
    {
        dense = new Linear(config.Width, config.Width, config.Bias);
        norm = new Norm(config.Norm, config.Width, config.Bias);
        bias = config.Head is MaskedHeadConfig { Bias: true } ? nn.Parameter(zeros(vocabulary)) : null;
        RegisterComponents();
    }

    /// <summary>The matrix that turns hidden vectors into logits, [V, D].</summary>
    public Tensor OutputWeight => encoder.TokenWeight;

    /// <summary>What is added to logits, [V]; null for nothing.</summary>
    public Tensor? OutputBias => bias;

    /// <summary>Turns vectors of hidden tokens into what the output layer reads.</summary>
    /// <param name="x">[N, D].</param>
    /// <returns>[N, D].</returns>
    public Tensor Transform(Tensor x) => norm.call(Activations.Gelu(dense.call(x), tanh: false));

    /// <summary>Logits of every position.</summary>
    /// <param name="ids">[B, S], whole numbers below V.</param>
    /// <param name="mask">Hides padding: <see cref="PaddingMask.Of"/>.</param>
    /// <returns>[B, S, V].</returns>
    public Tensor forward(Tensor ids, PaddingMask? mask = null) => Logits(Transform(encoder.forward(ids, mask)));

    /// <summary>Logits of transformed vectors.</summary>
    /// <param name="hidden">[N, D].</param>
    /// <returns>[N, V].</returns>
    public Tensor Logits(Tensor hidden) => LinearFunction.Of(hidden, OutputWeight, bias, null, null, Compute);
}

/// <summary>Classifies a text.</summary>
/// <remarks>Devlin et al. 2019, section 4.1 and the pooler of their code: a tanh layer over the pooled vector, then a linear one.</remarks>
public sealed class TextClassifier : EncoderModel
{
    readonly Pooling pooling;
    readonly Dropout dropout;
    readonly Linear pooler, head;

    /// <summary>Creates a model whose weights <see cref="EncoderModel.Create"/> initialises.</summary>
    public TextClassifier(EncoderConfig config, Pooling pooling, int vocabulary, int classes) : base(nameof(TextClassifier), new TextEncoder(config, vocabulary))
    {
        this.pooling = pooling;
        dropout = new Dropout(config.Dropout);
        pooler = new Linear(config.Width, config.Width);
        head = new Linear(config.Width, classes);
        RegisterComponents();
    }

    /// <summary>Logits of the classes.</summary>
    /// <param name="ids">[B, S], whole numbers below V.</param>
    /// <param name="lengths">The tokens of each row.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N].</returns>
    public Tensor forward(Tensor ids, IReadOnlyList<int> lengths, RandomPosition random = default)
    {
        var (_, S) = ids.Dims2();
        var hidden = encoder.forward(ids, PaddingMask.Of(lengths, (int)S, ids.device), random: random);   // [B, S, D]
        var pooled = pooler.call(TextPooling.Pool(hidden, lengths, pooling)).tanh();            // [B, D]
        return head.call(dropout.forward(pooled, random));                                    // [B, N]
    }
}

/// <summary>One vector for a text.</summary>
public static class TextPooling
{
    /// <summary>Pools the vectors of a text's tokens; padding is ignored.</summary>
    /// <param name="hidden">[B, S, D].</param>
    /// <param name="lengths">The tokens of each row, at least one.</param>
    /// <param name="pooling">How a text's vectors are pooled into one.</param>
    /// <returns>[B, D].</returns>
    public static Tensor Pool(Tensor hidden, IReadOnlyList<int> lengths, Pooling pooling)
    {
        var (B, S, _) = hidden.Dims3();
        switch (pooling)
        {
            case Pooling.Cls: return hidden.select(1, 0);
            case Pooling.Last:
                var positions = tensor(lengths.Select((length, row) => row * S + length - 1).ToArray(), device: hidden.device);
                return hidden.reshape(B * S, -1).index_select(0, positions);
            default:
                var weights = new float[B * S];
                for (var row = 0; row < B; row++) weights.AsSpan((int)(row * S), lengths[row]).Fill(1f / lengths[row]);
                return (hidden * tensor(weights, [B, S, 1], device: hidden.device).to(hidden.dtype)).sum(1);
        }
    }
}
