using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null) =>
                new(inputSize, outputSize, hasBias, device, dtype);

            public static Linear Linear(Parameter weight, Parameter? bias = null) => new(weight, bias);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>y = x Wᵀ + b, with W of shape [out, in].</summary>
    public sealed class Linear : Module<Tensor, Tensor>
    {
        internal Linear(long inputSize, long outputSize, bool hasBias, Device? device, ScalarType? dtype) : base(nameof(Linear))
        {
            in_features = inputSize;
            out_features = outputSize;
            weight = new Parameter(empty([outputSize, inputSize], dtype, device));
            if (hasBias) bias = new Parameter(empty([outputSize], dtype, device));
            DefaultInit.Weights(weight, bias);
        }

        internal Linear(Parameter weight, Parameter? bias) : base(nameof(Linear))
        {
            in_features = weight.shape[1];
            out_features = weight.shape[0];
            this.weight = weight;
            this.bias = bias;
        }

        public long in_features { get; set; }
        public long out_features { get; set; }
        public Parameter weight { get; set => field = Held(nameof(weight), value); }
        public Parameter? bias { get; set => field = Held(nameof(bias), value); }

        public override Tensor forward(Tensor tensor) => functional.linear(tensor, weight, bias);
    }

    /// <summary>PyTorch's default initialisation.</summary>
    static class DefaultInit
    {
        /// <summary>Uniform of ± 1/√(fan in) for the weights and then the bias.</summary>
        internal static void Weights(Tensor weight, Tensor? bias)
        {
            var (fanIn, _) = init.CalculateFanInAndFanOut(weight);
            var bound = fanIn > 0 ? 1 / Math.Sqrt(fanIn) : 0;
            init.uniform_(weight, -bound, bound);
            if (bias is not null) init.uniform_(bias, -bound, bound);
        }
    }
}
