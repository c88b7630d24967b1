using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>What optimizers share: groups, the state of each parameter, saving and loading.</summary>
public abstract class OptimizerHelper : optim.Optimizer
{
    protected OptimizerOptions _defaults = new();
    readonly Dictionary<Parameter, OptimizerState> states = new(ReferenceEqualityComparer.Instance);

    public OptimizerHelper() { }

    /// <summary>What has been gathered for a parameter; nothing before the first step that it takes part in.</summary>
    private protected TState StateOf<TState>(Parameter parameter, OptimizerOptions options, Func<Parameter, TState> make) where TState : OptimizerState
    {
        if (states.TryGetValue(parameter, out var known)) return (TState)known;
        var made = make(parameter);
        made.Initialize(options);
        states.Add(parameter, made);
        return made;
    }

    private protected abstract OptimizerState NewState(Parameter parameter);

    public override void add_param_group(ParamGroup param_group)
    {
        param_group.Parameters = [.. param_group.Parameters];
        foreach (var parameter in param_group.Parameters)
            if (_parameter_groups.Any(group => group.Parameters.Any(known => ReferenceEquals(known, parameter))))
                throw new ArgumentException("A parameter is in two groups of the optimizer.", nameof(param_group));
        param_group.Options.LearningRate ??= _defaults.LearningRate;
        param_group.Options.InitialLearningRate = param_group.Options.LearningRate ?? 0;
        _parameter_groups.Add(param_group);
    }

    /// <summary>Runs the closure with gradients on, then the body on each group with them off.</summary>
    protected Tensor? _step<T>(Action<T> body, Func<Tensor>? loss_closure = null) where T : ParamGroup
    {
        Tensor? loss = null;
        if (loss_closure is not null)
            using (enable_grad()) loss = loss_closure();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var group in _parameter_groups) body((T)group);
        return loss;
    }

    public virtual optim.Optimizer.StateDictionary state_dict()
    {
        var dictionary = new StateDictionary();
        foreach (var group in _parameter_groups)
        {
            dictionary.Options.Add(group.Options);
            var places = new List<int>();
            foreach (var parameter in group.Parameters)
            {
                places.Add(dictionary.State.Count);
                dictionary.State.Add(StateOf(parameter, group.Options, NewState));
            }
            dictionary.StateIndexRef.Add(places);
        }
        return dictionary;
    }

    public virtual void load_state_dict(optim.Optimizer.StateDictionary state_dict)
    {
        var own = this.state_dict();
        if (own.Options.Count != state_dict.Options.Count || !own.StateIndexRef.Select(places => places.Count).SequenceEqual(state_dict.StateIndexRef.Select(places => places.Count)))
            throw new ArgumentException("The state is of an optimizer with other groups of parameters.", nameof(state_dict));
        for (var i = 0; i < own.Options.Count; i++)
            if (!ReferenceEquals(own.Options[i], state_dict.Options[i])) own.Options[i].LoadStateDict(state_dict.Options[i]);
        for (var i = 0; i < own.State.Count; i++)
            if (!ReferenceEquals(own.State[i], state_dict.State[i])) own.State[i].LoadStateDict(state_dict.State[i]);
    }

    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void save_state_dict(BinaryWriter writer)
    {
        var dictionary = state_dict();
        writer.Write(GetType().Name);
        writer.Write(dictionary.Options.Count);
        writer.Write(dictionary.State.Count);
        foreach (var options in dictionary.Options) options.SaveStateDict(writer);
        foreach (var state in dictionary.State) state.SaveStateDict(writer);
    }

    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    public void load_state_dict(BinaryReader reader)
    {
        var dictionary = state_dict();
        var kind = reader.ReadString();
        if (kind != GetType().Name) throw new InvalidDataException($"The state is of the optimizer {kind}, not of {GetType().Name}.");
        var (groups, entries) = (reader.ReadInt32(), reader.ReadInt32());
        if (groups != dictionary.Options.Count || entries != dictionary.State.Count)
            throw new InvalidDataException($"The state has {groups} groups and {entries} parameters; the optimizer {dictionary.Options.Count} and {dictionary.State.Count}.");
        foreach (var options in dictionary.Options) options.LoadStateDict(reader);
        foreach (var state in dictionary.State) state.LoadStateDict(reader);
    }

    /// <summary>Moves what was gathered to a device.</summary>
    public void to(Device device)
    {
        foreach (var state in states.Values) state.to(device);
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!disposing) return;
        foreach (var state in states.Values) (state as IDisposable)?.Dispose();
        states.Clear();
    }
}
