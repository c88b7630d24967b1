using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Parameters that share options.</summary>
public class ParamGroup : optim.ILearningRateController
{
    public IEnumerable<Parameter> Parameters { get; set; } = [];

    public OptimizerOptions Options { get; set; } = new();

    /// <summary>The rate in use; before the group joins an optimizer, the one wished for or 0.</summary>
    public double LearningRate { get => Options.LearningRate ?? 0; set => Options.LearningRate = value; }

    public double InitialLearningRate { get => Options.InitialLearningRate; set => Options.InitialLearningRate = value; }
}

public class ParamGroup<TOptions> : ParamGroup where TOptions : OptimizerOptions
{
    public ParamGroup() { }

    public ParamGroup(IEnumerable<Parameter> parameters, TOptions? options = null)
    {
        Parameters = parameters;
        if (options is not null) base.Options = options;
    }

    public new TOptions Options { get => (TOptions)base.Options; set => base.Options = value; }
}

/// <summary>An optimizer's numbers. What a group leaves open (null) is filled in from the optimizer's own.</summary>
public class OptimizerOptions
{
    public double? LearningRate { get; set; }

    public double InitialLearningRate { get; set; }

    public virtual void LoadStateDict(OptimizerOptions source)
    {
        InitialLearningRate = source.InitialLearningRate;
        LearningRate = source.LearningRate;
    }

    public virtual void LoadStateDict(BinaryReader reader)
    {
        InitialLearningRate = reader.ReadDouble();
        LearningRate = reader.ReadDouble();
    }

    public virtual void SaveStateDict(BinaryWriter writer)
    {
        writer.Write(InitialLearningRate);
        writer.Write(LearningRate ?? 0);
    }
}

/// <summary>What an optimizer has gathered for one parameter.</summary>
public abstract class OptimizerState
{
    protected Parameter _parameter;

    protected OptimizerState(Parameter parameter) => _parameter = parameter;

    public abstract void Initialize(OptimizerOptions options);
    public abstract void LoadStateDict(OptimizerState source);
    public abstract void LoadStateDict(BinaryReader reader);
    public abstract void SaveStateDict(BinaryWriter writer);

    public virtual void to(Device device) { }

    public virtual bool ApproximatelyEquals(OptimizerState other) => false;

    /// <summary>A copy that belongs to the state: in no dispose scope, on the parameter's device.</summary>
    private protected Tensor? Kept(Tensor? tensor)
    {
        if (tensor is null) return null;
        using var _ = no_grad();
        return tensor.to(tensor.dtype, _parameter.device, copy: true).DetachFromDisposeScope();
    }

    private protected static void Replace(ref Tensor? held, Tensor? by)
    {
        held?.Dispose();
        held = by;
    }

    private protected static void Move(ref Tensor? held, Device device)
    {
        if (held is null || held.device.Equals(device)) return;
        Replace(ref held, held.to(device).DetachFromDisposeScope());
    }

    private protected static bool Close(Tensor? one, Tensor? other) =>
        one is null || other is null ? one is null && other is null : one.allclose(other);

    protected static void SaveConditionalStateTensor(BinaryWriter writer, Tensor? tensor)
    {
        writer.Write(tensor is not null);
        if (tensor is not null) TensorStream.Write(writer, tensor);
    }

    protected static void LoadConditionalStateTensor(BinaryReader reader, ref Tensor? result, Device device)
    {
        var loaded = reader.ReadBoolean() ? TensorStream.Read(reader, device).DetachFromDisposeScope() : null;
        Replace(ref result, loaded);
    }
}
