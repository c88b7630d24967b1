using TorchSharp.Modules;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The optimizer.</summary>
public abstract record OptimizerConfig
{
    /// <summary>The learning rate at its peak, which the schedule scales.</summary>
    [Positive]
    public required double Lr { get; init; }

    /// <summary>Weight decay; it is applied to matrices and embeddings only, never to biases or the weights of norms.</summary>
    [Between(0, 10)]
    public double WeightDecay { get; init; }

    /// <summary>The factor on the learning rate from each layer to the one before it; with 1, all layers have the same rate. For fine-tuning image and audio models.</summary>
    /// <remarks>Clark et al. 2020, section 3.2 (ELECTRA); for images Bao et al. 2022 (BEiT).</remarks>
    [Between(0.01, 1)]
    public double LayerDecay { get; init; } = 1;
}

/// <summary>Adam and its variant with decoupled weight decay.</summary>
public abstract record AdamFamilyConfig : OptimizerConfig
{
    /// <summary>The decay rates of the moving averages of the gradient and of its square.</summary>
    [Between(0, 1, Below = true)]
    public (double First, double Second) Betas { get; init; } = (0.9, 0.999);

    /// <summary>The number added to the denominator for numerical stability.</summary>
    [Positive]
    public double Eps { get; init; } = 1e-8;

    /// <summary>Whether weight decay acts on the weights and not on the gradient.</summary>
    internal abstract bool Decoupled { get; }
}

/// <summary>Adam with decoupled weight decay.</summary>
/// <remarks>Loshchilov and Hutter 2019.</remarks>
[Kind("adamw")]
public sealed record AdamWConfig : AdamFamilyConfig
{
    internal override bool Decoupled => true;
}

/// <summary>Adam; weight decay, if any, is added to the gradient.</summary>
/// <remarks>Kingma and Ba 2015.</remarks>
[Kind("adam")]
public sealed record AdamConfig : AdamFamilyConfig
{
    internal override bool Decoupled => false;
}

/// <summary>Stochastic gradient descent.</summary>
[Kind("sgd")]
public sealed record SgdConfig : OptimizerConfig
{
    /// <summary>The momentum: the fraction of the previous update that is added to the next.</summary>
    [Between(0, 1, Below = true)]
    public double Momentum { get; init; }
}

/// <summary>Updates a model's parameters from their gradients. Its state is named tensors, which checkpoints contain.</summary>
/// <remarks>
/// Weight decay acts on matrices only, not on biases, norms and other vectors, as in nanoGPT. The whole update is one call into the engine:
/// hundreds of small calls would cost more than their arithmetic.
/// </remarks>
public abstract class Optimizer : IDisposable
{
    readonly (string name, Parameter parameter)[] trained;
    readonly List<(string suffix, Tensor[] tensors)> slots = [];
    readonly Tensor[] updated;
    readonly double[]? factors;
    readonly GradientStore gradients;

    /// <summary>An optimizer of the parameters that need a gradient.</summary>
    private protected Optimizer(nn.Module model, OptimizerConfig config, OptimizerTeam team)
    {
        trained = [.. model.named_parameters().Where(named => named.parameter.requires_grad)];
        gradients = new GradientStore(model, trained, team.Processes, team.Sharded);
        updated = gradients.PiecesOf([.. trained.Select(named => named.parameter)]);
        Decays = [.. gradients.Pieces.Select(piece => trained[piece.Parameter].parameter.dim() >= 2 ? config.WeightDecay : 0)];
        factors = config.LayerDecay == 1 ? null : FactorsOf(model as ILayered, config.LayerDecay);
    }

    double[] FactorsOf(ILayered? model, double decay)
    {
        if (model is null)
            throw new UserException([new Problem($"training.optimizer.layer_decay ({decay}) is for models whose layers have a depth: vit, swin, resnet and ast", Path: "training.optimizer.layer_decay", Hint: "leave it out")]);
        return [.. gradients.Pieces.Select(piece => Math.Pow(decay, model.Depth - model.DepthOf(trained[piece.Parameter].name)))];
    }

    /// <summary>Creates the optimizer of a config.</summary>
    /// <param name="team">The processes that train together; by default one.</param>
    public static Optimizer Create(OptimizerConfig config, nn.Module model, OptimizerTeam? team = null) => config switch
    {
        AdamFamilyConfig adam => new AdamOptimizer(model, adam, team ?? OptimizerTeam.Alone),
        SgdConfig sgd => new SgdOptimizer(model, sgd, team ?? OptimizerTeam.Alone),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "an optimizer without a class"),
    };

    /// <summary>The number of steps taken.</summary>
    public long Steps { get; set; }

    /// <summary>The weight decay of each tensor that this process updates.</summary>
    private protected double[] Decays { get; }

    /// <summary>Tensors like those that this process updates, at first all 0, that are part of the state.</summary>
    private protected Tensor[] AddSlot(string suffix)
    {
        using var plain = no_grad();
        Tensor[] tensors = [.. updated.Select(tensor => zeros_like(tensor).DetachFromDisposeScope())];
        slots.Add((suffix, tensors));
        return tensors;
    }

    /// <summary>Called before a step's last backward pass: the gradients of other processes are added as it completes them.</summary>
    public void ExchangeDuringBackward() => gradients.ExchangeDuringBackward();

    /// <summary>Waits until the gradients are the sums over all processes.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public void FinishExchange()
    {
        using var plain = no_grad();
        gradients.FinishExchange();
    }

    /// <summary>The Euclidean norm of all gradients together.</summary>
    public double GradientNorm()
    {
        using var scope = NewDisposeScope();
        return gradients.Norm();
    }

    /// <summary>The same as a scalar in 32 bits that stays on the device.</summary>
    public Tensor DeviceGradientNorm() => gradients.DeviceNorm();

    /// <summary>Takes one step.</summary>
    /// <param name="lr">The learning rate.</param>
    /// <param name="scale">The factor of the gradients, for clipping.</param>
    public void Step(double lr, double scale = 1)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        Steps++;
        // A process may have no part of a small model.
        if (updated.Length > 0) Update(updated, gradients.All(), RatesAt(lr), scale);
        gradients.GatherParameters();
    }

    /// <summary>Takes one step on the device, without waiting for it: a step whose loss or gradient is not finite changes nothing.</summary>
    /// <param name="lr">The learning rate.</param>
    /// <param name="clip">The norm that gradients are clipped to; 0 for none.</param>
    /// <param name="norm">The gradients' norm, a scalar.</param>
    /// <param name="loss">The loss, a scalar.</param>
    public void StepWhereFinite(double lr, double clip, Tensor norm, Tensor loss)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        Steps++;
        var bad = norm.isfinite().logical_and(loss.isfinite()).logical_not().to(ScalarType.Float32);
        if (updated.Length > 0) UpdateOnDevice(updated, gradients.All(), RatesAt(lr), clip > 0 ? (norm / Scalars.Of(clip)).clamp_min(Scalars.One) : null, bad);
        gradients.GatherParameters();
    }

    /// <summary>The learning rate of each tensor that is updated: the step's, reduced for layers nearer to the input if the config asks for
    /// it.</summary>
    /// <param name="lr">The step's learning rate.</param>
    public double[] RatesAt(double lr)
    {
        var rates = new double[updated.Length];
        for (var i = 0; i < rates.Length; i++) rates[i] = factors is null ? lr : lr * factors[i];
        return rates;
    }

    /// <summary>Changes the parameters in place, each with its own learning rate.</summary>
    private protected virtual void Update(Tensor[] parameters, Tensor[] gradients, double[] rates, double scale) =>
        UpdateOnDevice(parameters, gradients, rates, scale == 1 ? null : tensor((float)(1 / scale), device: parameters[0].device), skip: null);

    /// <summary>Changes the parameters in place without waiting for their device.</summary>
    /// <param name="divisor">The divisor of the gradients, a scalar; null for 1.</param>
    /// <param name="skip">A scalar: if it is 1, nothing changes; null for never.</param>
    private protected abstract void UpdateOnDevice(Tensor[] parameters, Tensor[] gradients, double[] rates, Tensor? divisor, Tensor? skip);

    /// <summary>Sets the gradients to 0.</summary>
    public void ZeroGradients() => gradients.Zero();

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (var (_, tensors) in slots)
            foreach (var tensor in tensors) tensor.Dispose();
        slots.Clear();
        foreach (var tensor in updated.Where(tensor => tensor is not Parameter)) tensor.Dispose();
        gradients.Dispose();
    }

    /// <summary>The state by name, <c>parameter.slot</c>: of whole parameters, or of the parts that this process updates if the optimizer
    /// is sharded.</summary>
    public IEnumerable<(string name, Tensor tensor)> State =>
        slots.SelectMany(slot => slot.tensors.Select((tensor, i) => ($"{trained[gradients.Pieces[i].Parameter].name}.{slot.suffix}", tensor)));

    /// <summary>The state of whole parameters by name; collective. If the optimizer is sharded, the tensors are new.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> CollectState() => !gradients.Sharded ? [.. State]
        : [.. slots.SelectMany(slot => gradients.Collect(slot.tensors).Select((tensor, i) => ($"{trained[i].name}.{slot.suffix}", tensor)))];

    /// <summary>A state of whole parameters to fill: the optimizer's own tensors, or new tensors of zeros if it is sharded.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> NewState() => !gradients.Sharded ? [.. State]
        : [.. slots.SelectMany(slot => trained.Select(named => ($"{named.name}.{slot.suffix}", zeros(named.parameter.shape, ScalarType.Float32, named.parameter.device))))];

    /// <summary>Copies this process's part of a state of whole parameters.</summary>
    /// <param name="whole">As <see cref="NewState"/> gives it.</param>
    public void TakeState(IReadOnlyList<(string Name, Tensor Tensor)> whole)
    {
        if (!gradients.Sharded) return;
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        for (var slot = 0; slot < slots.Count; slot++)
            for (var i = 0; i < gradients.Pieces.Count; i++)
                slots[slot].tensors[i].copy_(GradientStore.Of(whole[slot * trained.Length + gradients.Pieces[i].Parameter].Tensor, gradients.Pieces[i]));
    }
}

/// <summary>Adam, with weight decay decoupled from the gradient or added to it.</summary>
/// <remarks>Kingma and Ba 2015, algorithm 1; decoupled decay: Loshchilov and Hutter 2019, algorithm 2.</remarks>
sealed class AdamOptimizer : Optimizer
{
    readonly AdamFamilyConfig config;
    readonly Tensor[] first, second;

    internal AdamOptimizer(nn.Module model, AdamFamilyConfig config, OptimizerTeam team) : base(model, config, team)
    {
        this.config = config;
        first = AddSlot("first_moment");
        second = AddSlot("second_moment");
    }

    private protected override void Update(Tensor[] parameters, Tensor[] gradients, double[] rates, double scale)
    {
        if (config.Decoupled && KernelTensors.Fit(parameters)) OptimizerKernels.AdamW(parameters, gradients, first, second, rates, Decays, config.Betas, config.Eps, Steps, scale);
        else base.Update(parameters, gradients, rates, scale);
    }

    private protected override void UpdateOnDevice(Tensor[] parameters, Tensor[] gradients, double[] rates, Tensor? divisor, Tensor? skip)
    {
        // Steps that were skipped on the device are counted too: the bias correction hardly differs.
        Tensor[] steps = [.. Enumerable.Repeat(tensor((float)Steps, device: parameters[0].device), parameters.Length)];
        // Parameters of the same rate and decay go together.
        foreach (var group in Enumerable.Range(0, parameters.Length).GroupBy(i => (rates[i], Decays[i])))
        {
            T[] Of<T>(T[] all) => [.. group.Select(i => all[i])];
            Operators.FusedAdam(Of(parameters), Of(gradients), Of(first), Of(second), Of(steps), group.Key.Item1, config.Betas, group.Key.Item2, config.Eps, divisor, skip, config.Decoupled);
        }
    }
}

/// <summary>Stochastic gradient descent with momentum.</summary>
/// <remarks>PyTorch's form: v = μv + g, θ = θ - lr·v.</remarks>
sealed class SgdOptimizer : Optimizer
{
    readonly double momentum;
    readonly Tensor[]? velocity;

    internal SgdOptimizer(nn.Module model, SgdConfig config, OptimizerTeam team) : base(model, config, team)
    {
        momentum = config.Momentum;
        if (momentum > 0) velocity = AddSlot("velocity");
    }

    private protected override void UpdateOnDevice(Tensor[] parameters, Tensor[] gradients, double[] rates, Tensor? divisor, Tensor? skip)
    {
        for (var i = 0; i < parameters.Length; i++)
        {
            var gradient = divisor is null ? gradients[i].clone() : gradients[i] / divisor;
            // NaN times 0 is NaN, so a skipped step needs a mask.
            if (skip is not null) gradient = gradient.masked_fill(skip.to(ScalarType.Bool), Scalars.Zero);
            var keep = skip is null ? null : ones_like(skip) - skip;
            if (Decays[i] > 0) gradient.add_(parameters[i] * Scalars.Of(Decays[i]), Scalars.One);
            if (velocity is not null)
            {
                var change = (velocity[i] * Scalars.Of(momentum - 1)).Plus(gradient);
                gradient = velocity[i].add_(keep is null ? change : change * keep, Scalars.One);
            }
            var update = gradient * Scalars.Of(rates[i]);
            parameters[i].sub_(keep is null ? update : update * keep);
        }
    }
}
