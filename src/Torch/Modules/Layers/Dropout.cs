using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Dropout Dropout(double p = 0.5, bool inplace = false) => new(p, inplace);

            public static Dropout2d Dropout2d(double p = 0.5, bool inplace = false) => new(p, inplace);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>While training, sets each element to 0 with probability p and scales the others by 1/(1 - p).</summary>
    public sealed class Dropout : ParameterLessModule<Tensor, Tensor>
    {
        internal Dropout(double p, bool inplace) : base(nameof(Dropout)) => (this.p, this.inplace) = (p, inplace);

        public double p { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => functional.dropout(tensor, p, training, inplace);
    }

    /// <summary>While training, sets whole channels to 0.</summary>
    public sealed class Dropout2d : ParameterLessModule<Tensor, Tensor>
    {
        internal Dropout2d(double p, bool inplace) : base(nameof(Dropout2d)) => (this.p, this.inplace) = (p, inplace);

        public double p { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor input) => functional.dropout2d(input, p, training, inplace);
    }
}
