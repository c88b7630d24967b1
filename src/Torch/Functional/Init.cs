using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Fillings for parameters. Each writes into the tensor, outside of autograd, and gives it back.</summary>
        public static class init
        {
            public enum FanInOut { FanIn = 0, FanOut = 1 }

            public enum NonlinearityType
            {
                Linear = 0, Conv1D = 1, Conv2D = 2, Conv3D = 3, ConvTranspose1D = 4, ConvTranspose2D = 5, ConvTranspose3D = 6,
                Sigmoid = 7, Tanh = 8, ReLU = 9, LeakyReLU = 10,
            }

            static Tensor Filled(Tensor tensor, Action<Tensor> fill)
            {
                using var _ = no_grad();
                fill(tensor);
                return tensor;
            }

            public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null) => Filled(tensor, t => t.uniform_(low, high, generator));

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null) => Filled(tensor, t => t.normal_(mean, std, generator));

            public static Tensor constant_(Tensor tensor, Scalar val) => Filled(tensor, t => t.fill_(val));

            public static Tensor ones_(Tensor tensor) => constant_(tensor, 1);

            public static Tensor zeros_(Tensor tensor) => constant_(tensor, 0);

            static readonly Op eye_out_op = Op.Find("aten::eye", "m_out");
            public static Tensor eye_(Tensor tensor) => Filled(tensor, t => eye_out_op.CallVoid(t.shape[0], t.shape[1], t));

            /// <summary>A normal distribution cut off at a and b (in the tensor's unit, not in deviations).</summary>
            public static Tensor trunc_normal_(Tensor tensor, double mean = 0, double std = 1, double a = -2, double b = 2, Generator? generator = null) => Filled(tensor, t =>
            {
                // By the inverse of the distribution function, as PyTorch does it, so that a seed gives PyTorch's numbers.
                static double Below(double x) => (1 + Erf(x / Math.Sqrt(2))) / 2;
                var (low, high) = (Below((a - mean) / std), Below((b - mean) / std));
                t.uniform_(2 * low - 1, 2 * high - 1, generator);
                t.erfinv_().mul_(std * Math.Sqrt(2)).add_(mean).clamp_((Scalar)a, (Scalar)b);
            });

            public static Tensor xavier_uniform_(Tensor tensor, double gain = 1)
            {
                var bound = Math.Sqrt(3) * XavierDeviation(tensor, gain);
                return uniform_(tensor, -bound, bound);
            }

            public static Tensor xavier_normal_(Tensor tensor, double gain = 1) => normal_(tensor, 0, XavierDeviation(tensor, gain));

            public static Tensor glorot_uniform_(Tensor tensor, double gain = 1) => xavier_uniform_(tensor, gain);

            public static Tensor glorot_normal_(Tensor tensor, double gain = 1) => xavier_normal_(tensor, gain);

            public static Tensor kaiming_uniform_(Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU)
            {
                var bound = Math.Sqrt(3) * KaimingDeviation(tensor, a, mode, nonlinearity);
                return uniform_(tensor, -bound, bound);
            }

            public static Tensor kaiming_normal_(Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU) =>
                normal_(tensor, 0, KaimingDeviation(tensor, a, mode, nonlinearity));

            /// <summary>How many inputs and outputs an element of the weights has.</summary>
            public static (long fanIn, long fanOut) CalculateFanInAndFanOut(Tensor tensor)
            {
                var shape = tensor.shape;
                if (shape.Length < 2) throw new ArgumentException($"Fan in and fan out need two dimensions; the tensor has {shape.Length}.");
                var field = shape.Skip(2).Aggregate(1L, (product, length) => product * length);
                return (shape[1] * field, shape[0] * field);
            }

            /// <summary>What a nonlinearity's inputs must be scaled by to keep their variance.</summary>
            public static double calculate_gain(NonlinearityType nonlinearity, double param = 0) => nonlinearity switch
            {
                NonlinearityType.Tanh => 5.0 / 3,
                NonlinearityType.ReLU => Math.Sqrt(2),
                NonlinearityType.LeakyReLU => Math.Sqrt(2 / (1 + param * param)),
                _ => 1,
            };

            static double XavierDeviation(Tensor tensor, double gain)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return gain * Math.Sqrt(2.0 / (fanIn + fanOut));
            }

            static double KaimingDeviation(Tensor tensor, double a, FanInOut mode, NonlinearityType nonlinearity)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return calculate_gain(nonlinearity, a) / Math.Sqrt(mode == FanInOut.FanIn ? fanIn : fanOut);
            }

            static double Erf(double x)
            {
                using var value = torch.tensor(x, ScalarType.Float64, CPU);
                using var result = value.erf();
                return result.ToDouble();
            }
        }
    }
}
