using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Training;

// The optimizer's state in checkpoints.
public abstract partial class Optimizer
{
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
