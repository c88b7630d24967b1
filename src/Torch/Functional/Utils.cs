using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static class utils
        {
            static readonly Op foreach_norm_op = Op.Find("aten::_foreach_norm", "Scalar");

            /// <summary>Scales the gradients so that their common norm is at most so much, and gives the norm that they had.</summary>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2)
            {
                using var scope = NewDisposeScope();
                using var _ = no_grad();
                var gradients = Gradients(tensors);
                if (gradients.Length == 0) return 0;
                var total = Norm(gradients, norm_type).ToDouble();
                var factor = max_norm / (total + 1e-6);
                // A total that is no number makes the gradients so too, as in PyTorch, rather than passing unseen.
                if (!(factor >= 1))
                    foreach (var gradient in gradients) gradient.mul_(factor);
                return total;
            }

            public static void clip_grad_value_(IEnumerable<Parameter> tensors, double clip_value)
            {
                using var scope = NewDisposeScope();
                using var _ = no_grad();
                foreach (var gradient in Gradients(tensors)) gradient.clamp_((Scalar)(-clip_value), (Scalar)clip_value);
            }

            public static Tensor parameters_to_vector(IEnumerable<Parameter> tensors)
            {
                using var scope = NewDisposeScope();
                return cat(tensors.Select(tensor => tensor.reshape(-1)).ToArray()).MoveToOuterDisposeScope();
            }

            public static void vector_to_parameters(Tensor vec, IEnumerable<Parameter> tensors)
            {
                using var scope = NewDisposeScope();
                using var _ = no_grad();
                var start = 0L;
                foreach (var tensor in tensors)
                {
                    var length = tensor.numel();
                    tensor.copy_(vec.narrow(0, start, length).view(tensor.shape));
                    start += length;
                }
            }

            static Tensor[] Gradients(IEnumerable<Parameter> tensors) => [.. tensors.Select(tensor => tensor.grad).OfType<Tensor>()];

            static Tensor Norm(Tensor[] gradients, double type)
            {
                if (double.IsPositiveInfinity(type)) return stack(gradients.Select(gradient => gradient.abs().max().to(gradients[0].device))).max();
                var norms = type is 1 or 2 ? foreach_norm_op.CallMany(gradients, type) : [.. gradients.Select(gradient => gradient.norm((float)type))];
                return stack(norms.Select(norm => norm.to(gradients[0].device))).norm((float)type);
            }
        }
    }
}
