using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static ReLU ReLU(bool inplace = false) => new(inplace);

            public static ReLU6 ReLU6(bool inplace = false) => new(inplace);

            public static SiLU SiLU() => new(false);

            public static SiLU SiLU(bool inplace) => new(inplace);

            public static Sigmoid Sigmoid() => new(false);

            public static Sigmoid Sigmoid(bool inplace) => new(inplace);

            public static Mish Mish() => new(false);

            public static Mish Mish(bool inplace) => new(inplace);

            public static Tanh Tanh() => new(false);

            public static Tanh Tanh(bool inplace = false) => new(inplace);

            public static Hardswish Hardswish(bool inplace = false) => new(inplace);

            public static ELU ELU(double alpha = 1, bool inplace = false) => new(alpha, inplace);

            public static LeakyReLU LeakyReLU(double negative_slope = 0.01, bool inplace = false) => new(negative_slope, inplace);

            public static Softplus Softplus(double beta = 1, double threshold = 20) => new(beta, threshold);

            public static GLU GLU(long dim = -1) => new(dim);

            public static Softmax Softmax(long dim) => new(dim);

            public static LogSoftmax LogSoftmax(long dim) => new(dim);

            public static LogSigmoid LogSigmoid() => new();

            public static GELU GELU() => new(Modules.GELU.Approximate.none, false);

            public static GELU GELU(bool inplace) => new(Modules.GELU.Approximate.none, inplace);

            public static GELU GELU(GELU.Approximate approximate, bool inplace = false) => new(approximate, inplace);
        }
    }
}

namespace TorchSharp.Modules
{
    public sealed class ReLU : ParameterLessModule<Tensor, Tensor>
    {
        internal ReLU(bool inplace) : base(nameof(ReLU)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.relu(tensor, inplace);
    }

    public sealed class ReLU6 : ParameterLessModule<Tensor, Tensor>
    {
        internal ReLU6(bool inplace) : base(nameof(ReLU6)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.relu6(tensor, inplace);
    }

    public sealed class SiLU : ParameterLessModule<Tensor, Tensor>
    {
        internal SiLU(bool inplace) : base(nameof(SiLU)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.silu(tensor, inplace);
    }

    public sealed class Sigmoid : ParameterLessModule<Tensor, Tensor>
    {
        internal Sigmoid(bool inplace) : base(nameof(Sigmoid)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.sigmoid(tensor, inplace);
    }

    public sealed class Mish : ParameterLessModule<Tensor, Tensor>
    {
        internal Mish(bool inplace) : base(nameof(Mish)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.mish(tensor, inplace);
    }

    public sealed class Tanh : ParameterLessModule<Tensor, Tensor>
    {
        internal Tanh(bool inplace) : base(nameof(Tanh)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.tanh(tensor, inplace);
    }

    public sealed class Hardswish : ParameterLessModule<Tensor, Tensor>
    {
        internal Hardswish(bool inplace) : base(nameof(Hardswish)) { this.inplace = inplace; }

        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.hardswish(tensor, inplace);
    }

    public sealed class ELU : ParameterLessModule<Tensor, Tensor>
    {
        internal ELU(double alpha, bool inplace) : base(nameof(ELU)) { this.alpha = alpha; this.inplace = inplace; }

        public double alpha { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.elu(tensor, alpha, inplace);
    }

    public sealed class LeakyReLU : ParameterLessModule<Tensor, Tensor>
    {
        internal LeakyReLU(double negative_slope, bool inplace) : base(nameof(LeakyReLU)) { this.negative_slope = negative_slope; this.inplace = inplace; }

        public double negative_slope { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.leaky_relu(tensor, negative_slope, inplace);
    }

    public sealed class Softplus : ParameterLessModule<Tensor, Tensor>
    {
        internal Softplus(double beta, double threshold) : base(nameof(Softplus)) { this.beta = beta; this.threshold = threshold; }

        public double beta { get; set; }
        public double threshold { get; set; }

        public override Tensor forward(Tensor tensor) => functional.softplus(tensor, beta, threshold);
    }

    public sealed class GLU : ParameterLessModule<Tensor, Tensor>
    {
        internal GLU(long dim) : base(nameof(GLU)) { this.dim = dim; }

        public long dim { get; set; }

        public override Tensor forward(Tensor tensor) => functional.glu(tensor, dim);
    }

    public sealed class Softmax : ParameterLessModule<Tensor, Tensor>
    {
        internal Softmax(long dim) : base(nameof(Softmax)) { this.dim = dim; }

        public long dim { get; set; }

        public override Tensor forward(Tensor tensor) => functional.softmax(tensor, dim);
    }

    public sealed class LogSoftmax : ParameterLessModule<Tensor, Tensor>
    {
        internal LogSoftmax(long dim) : base(nameof(LogSoftmax)) { this.dim = dim; }

        public long dim { get; set; }

        public override Tensor forward(Tensor tensor) => functional.log_softmax(tensor, dim);
    }

    public sealed class LogSigmoid : ParameterLessModule<Tensor, Tensor>
    {
        internal LogSigmoid() : base(nameof(LogSigmoid)) { }

        public override Tensor forward(Tensor tensor) => functional.logsigmoid(tensor);
    }

    /// <summary>x Φ(x), or its approximation by a hyperbolic tangent.</summary>
    public sealed class GELU : ParameterLessModule<Tensor, Tensor>
    {
        public enum Approximate { none = 0, tanh = 1 }

        internal GELU(Approximate approximate, bool inplace) : base(nameof(GELU)) { this.approximate = approximate; this.inplace = inplace; }

        public Approximate approximate { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.gelu(tensor, approximate, inplace);
    }
}
