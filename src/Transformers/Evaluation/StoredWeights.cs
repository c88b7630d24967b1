using TorchSharp;
using Transformers.Checkpoints;
using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Single tensors of a checkpoint, without its model.</summary>
public static class StoredWeights
{
    /// <summary>The first tensor whose name ends as given, in upper or lower case; the moving average's, where there is one.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="ending">Such as <c>positions.embedding.weight</c>; <c>tokens.weight</c> is that of <c>sourceTokens</c> too.</param>
    /// <returns>The tensor, or null where there is none of that name.</returns>
    /// <exception cref="UserException">The file is damaged.</exception>
    public static Tensor? Find(Checkpoint checkpoint, string ending)
    {
        var name = checkpoint.WeightsFile;
        using var file = checkpoint.OpenTensors(name);
        var stored = file.Tensors.Where(one => one.Name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)).OrderBy(one => one.Name, StringComparer.Ordinal).FirstOrDefault();
        return stored is null ? null : ModelTensors.Load(file, stored, checkpoint.PathOf(name));
    }
}
