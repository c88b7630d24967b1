using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Limits.
        static readonly Op clamp_op = Op.Find("aten::clamp"); public Tensor clamp(Scalar? min = null, Scalar? max = null) => clamp_op.Call(this, min, max);
        static readonly Op clip_op = Op.Find("aten::clip"); public Tensor clip(Scalar? min = null, Scalar? max = null) => clip_op.Call(this, min, max);
        static readonly Op clamp_in_op = Op.Find("aten::clamp_"); public Tensor clamp_(Scalar? min = null, Scalar? max = null) => clamp_in_op.CallInPlace(this, min, max);
        static readonly Op clamp_tensor_op = Op.Find("aten::clamp", "Tensor"); public Tensor clamp(Tensor? min = null, Tensor? max = null) => clamp_tensor_op.Call(this, min, max);
        static readonly Op clamp_tensor_in_op = Op.Find("aten::clamp_", "Tensor"); public Tensor clamp_(Tensor? min = null, Tensor? max = null) => clamp_tensor_in_op.CallInPlace(this, min, max);
        static readonly Op clamp_max_scalar_op = Op.Find("aten::clamp_max"); public Tensor clamp_max(Scalar max) => clamp_max_scalar_op.Call(this, max);
        static readonly Op clamp_max_scalar_in_op = Op.Find("aten::clamp_max_"); public Tensor clamp_max_(Scalar max) => clamp_max_scalar_in_op.CallInPlace(this, max);
        static readonly Op clamp_min_scalar_op = Op.Find("aten::clamp_min"); public Tensor clamp_min(Scalar min) => clamp_min_scalar_op.Call(this, min);
        static readonly Op clamp_min_scalar_in_op = Op.Find("aten::clamp_min_"); public Tensor clamp_min_(Scalar min) => clamp_min_scalar_in_op.CallInPlace(this, min);
    }
}
