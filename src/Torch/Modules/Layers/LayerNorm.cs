using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static LayerNorm LayerNorm(long[] normalized_shape, double eps = 1E-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(normalized_shape, eps, elementwise_affine, bias, device, dtype);

            public static LayerNorm LayerNorm(long normalized_shape, double eps = 1E-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new([normalized_shape], eps, elementwise_affine, bias, device, dtype);

            public static GroupNorm GroupNorm(long num_groups, long num_channels, double eps = 1E-05, bool affine = true, Device? device = null, ScalarType? dtype = null) =>
                new(num_groups, num_channels, eps, affine, device, dtype);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Mean 0 and variance 1 over the last dimensions, then a scale and a shift for each place in them.</summary>
    public sealed class LayerNorm : Module<Tensor, Tensor>
    {
        internal LayerNorm(long[] normalizedShape, double eps, bool affine, bool hasBias, Device? device, ScalarType? dtype) : base(nameof(LayerNorm))
        {
            normalized_shape = normalizedShape;
            this.eps = eps;
            elementwise_affine = affine;
            if (!affine) return;
            weight = new Parameter(empty(normalizedShape, dtype, device));
            if (hasBias) bias = new Parameter(empty(normalizedShape, dtype, device));
            reset_parameters();
        }

        public long[] normalized_shape { get; set; }
        public double eps { get; set; }
        public bool elementwise_affine { get; set; }
        public Parameter? weight { get; set => field = Held(nameof(weight), value); }
        public Parameter? bias { get; set => field = Held(nameof(bias), value); }

        public void reset_parameters()
        {
            if (weight is not null) init.ones_(weight);
            if (bias is not null) init.zeros_(bias);
        }

        public override Tensor forward(Tensor tensor) => functional.layer_norm(tensor, normalized_shape, weight, bias, eps);
    }

    /// <summary>Mean 0 and variance 1 over each group of channels.</summary>
    public sealed class GroupNorm : Module<Tensor, Tensor>
    {
        internal GroupNorm(long groups, long channels, double eps, bool affine, Device? device, ScalarType? dtype) : base(nameof(GroupNorm))
        {
            num_groups = groups;
            this.eps = eps;
            this.affine = affine;
            if (!affine) return;
            weight = new Parameter(ones([channels], dtype, device));
            bias = new Parameter(zeros([channels], dtype, device));
        }

        public long num_groups { get; set; }
        public double eps { get; set; }
        public bool affine { get; set; }
        public Parameter? weight { get; set => field = Held(nameof(weight), value); }
        public Parameter? bias { get; set => field = Held(nameof(bias), value); }

        public override Tensor forward(Tensor tensor) => functional.group_norm(tensor, num_groups, weight, bias, eps);
    }
}
