using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A tensor to be trained. It belongs to its module, so no dispose scope holds it.</summary>
/// <remarks>The tensor that it is made of is empty afterwards.</remarks>
public class Parameter : Tensor
{
    public Parameter(Tensor data, bool requires_grad = true) : base(Leaf(data))
    {
        DetachFromDisposeScope();
        this.requires_grad = requires_grad;
    }

    /// <summary>The data without the history of how they came about.</summary>
    static Tensor Leaf(Tensor data)
    {
        if (data.is_leaf) return data;
        var leaf = data.detach();
        data.Dispose();
        return leaf;
    }
}
