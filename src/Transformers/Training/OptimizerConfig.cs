using Transformers.Configs;

namespace Transformers.Training;

/// <summary>The optimizer; closed by <c>kind</c>.</summary>
public abstract record OptimizerConfig
{
    /// <summary>The learning rate at its peak, which the schedule scales.</summary>
    [Positive]
    public required double Lr { get; init; }

    /// <summary>Weight decay; it is applied to matrices and embeddings only, never to biases and gains.</summary>
    [Between(0, 10)]
    public double WeightDecay { get; init; }

    /// <summary>What the learning rate is multiplied by from each layer to the one before it; 1 gives all layers the same. For fine-tuning networks over images.</summary>
    /// <remarks>Clark et al. 2020, section 3.2 (ELECTRA); for images Bao et al. 2022 (BEiT).</remarks>
    [Between(0.01, 1)]
    public double LayerDecay { get; init; } = 1;
}

/// <summary>Adam with decoupled weight decay.</summary>
/// <remarks>Loshchilov and Hutter 2019.</remarks>
[Kind("adamw")]
public sealed record AdamWConfig : OptimizerConfig
{
    /// <summary>The decay of the averages of the gradient and of its square.</summary>
    [Between(0, 1, Below = true)]
    public (double First, double Second) Betas { get; init; } = (0.9, 0.999);

    /// <summary>What is added to the root of the average square.</summary>
    [Positive]
    public double Eps { get; init; } = 1e-8;
}

/// <summary>Adam; weight decay, if any, is added to the gradient.</summary>
/// <remarks>Kingma and Ba 2015.</remarks>
[Kind("adam")]
public sealed record AdamConfig : OptimizerConfig
{
    /// <summary>The decay of the averages of the gradient and of its square.</summary>
    [Between(0, 1, Below = true)]
    public (double First, double Second) Betas { get; init; } = (0.9, 0.999);

    /// <summary>What is added to the root of the average square.</summary>
    [Positive]
    public double Eps { get; init; } = 1e-8;
}

/// <summary>Stochastic gradient descent.</summary>
[Kind("sgd")]
public sealed record SgdConfig : OptimizerConfig
{
    /// <summary>The share of the previous step that is kept.</summary>
    [Between(0, 1, Below = true)]
    public double Momentum { get; init; }
}
