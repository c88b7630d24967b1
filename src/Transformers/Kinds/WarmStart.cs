using System.Text.RegularExpressions;
using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Starts a model from another run's weights, and freezes parameters.</summary>
public static class WarmStart
{
    /// <summary>Copies every tensor that the other run has under the same name. One of another shape is adapted where the model can, as to another resolution.</summary>
    /// <param name="model">The model, with fresh weights.</param>
    /// <param name="run">The other run.</param>
    /// <returns>The names of the model's tensors that the other run has not, or has for other classes: they stay as they were drawn.</returns>
    /// <exception cref="UserException">A tensor has another shape that cannot be adapted, or none is shared.</exception>
    public static IReadOnlyList<string> From(nn.Module model, TrainedRun run)
    {
        using var plain = no_grad();
        var name = run.Checkpoint.WeightsFile;
        var path = run.Checkpoint.PathOf(name);
        using var file = run.Checkpoint.OpenTensors(name);
        var fresh = new List<string>();
        var taken = 0;
        foreach (var (parameter, tensor) in model.state_dict())
        {
            if (!file.Header.TryFind(parameter, out var stored))
            {
                fresh.Add(parameter);
                continue;
            }
            using var scope = NewDisposeScope();
            var loaded = ModelTensors.Load(file, stored, path);
            if (!stored.Shape.SequenceEqual(tensor.shape))
            {
                if (model is not IAdaptsWeights adapting)
                    throw new CheckpointException(path, $"{parameter} is [{string.Join(", ", stored.Shape)}] and the model wants [{string.Join(", ", tensor.shape)}]",
                        "give the model the shape of the run that it starts from");
                if (adapting.Adapt(parameter, loaded, tensor.shape) is not { } adapted)
                {
                    fresh.Add(parameter);
                    continue;
                }
                loaded = adapted;
            }
            tensor.copy_(loaded);
            taken++;
        }
        return taken > 0 ? fresh : throw new CheckpointException(path, "has no tensor in common with the model", "start from a run of the same kind of model");
    }

    /// <summary>Freezes the parameters whose name matches a pattern, in which <c>*</c> matches any text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="patterns">The patterns, such as <c>encoder.tok_emb.*</c>.</param>
    /// <returns>The number of frozen parameters.</returns>
    /// <exception cref="UserException">A pattern matches nothing, or nothing is left to train.</exception>
    public static int Freeze(nn.Module model, IReadOnlyList<string> patterns)
    {
        var parameters = model.named_parameters().ToList();
        var held = Matches([.. parameters.Select(named => named.name)], patterns);
        foreach (var (name, parameter) in parameters)
            if (held.Contains(name)) parameter.requires_grad = false;
        return held.Count;
    }

    /// <summary>The parameters that patterns of <c>training.freeze</c> match.</summary>
    /// <exception cref="UserException">A pattern matches nothing, or nothing is left to train.</exception>
    internal static HashSet<string> Matches(IReadOnlyList<string> names, IReadOnlyList<string> patterns)
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < patterns.Count; i++)
        {
            var pattern = new Regex($"^{Regex.Escape(TensorNames.Current(patterns[i])).Replace(@"\*", ".*")}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
            var matched = names.Where(name => pattern.IsMatch(name)).ToList();
            if (matched.Count == 0)
                throw new UserException([new Problem($"({patterns[i]}) matches no parameter", Path: $"training.freeze[{i}]",
                    Hint: $"there are {string.Join(", ", names.Take(3))}, …, {names[^1]}")]);
            held.UnionWith(matched);
        }
        if (held.Count == names.Count) throw new UserException([new Problem("leaves nothing to train", Path: "training.freeze")]);
        return held;
    }
}
