using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Filling.
        static readonly Op zero_in_op = Op.Find("aten::zero_"); public Tensor zero_() => zero_in_op.CallInPlace(this);
        static readonly Op fill_in_op = Op.Find("aten::fill_", "Scalar"); public Tensor fill_(Scalar value) => fill_in_op.CallInPlace(this, value);

        // Drawing: from the device's default generator unless one is given.
        static readonly Op normal_in_op = Op.Find("aten::normal_");
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => normal_in_op.CallInPlace(this, mean, std, generator);
        static readonly Op uniform_in_op = Op.Find("aten::uniform_");
        public Tensor uniform_(double from, double to, Generator? generator = null) => uniform_in_op.CallInPlace(this, from, to, generator);
        static readonly Op random_in_op = Op.Find("aten::random_", "from");
        public Tensor random_(double from, double to, Generator? generator = null) => random_in_op.CallInPlace(this, (long)from, (long)to, generator);
        static readonly Op bernoulli_op = Op.Find("aten::bernoulli"); public Tensor bernoulli(Generator? generator = null) => bernoulli_op.Call(this, generator);
        static readonly Op bernoulli_in_op = Op.Find("aten::bernoulli_", "float");
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => bernoulli_in_op.CallInPlace(this, p, generator);
        static readonly Op bernoulli_tensor_in_op = Op.Find("aten::bernoulli_", "Tensor");
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => bernoulli_tensor_in_op.CallInPlace(this, p, generator);
        static readonly Op exponential_in_op = Op.Find("aten::exponential_");
        public Tensor exponential_(double lambda = 1, Generator? generator = null) => exponential_in_op.CallInPlace(this, lambda, generator);
        static readonly Op geometric_in_op = Op.Find("aten::geometric_");
        public Tensor geometric_(double p, Generator? generator = null) => geometric_in_op.CallInPlace(this, p, generator);
        static readonly Op cauchy_in_op = Op.Find("aten::cauchy_");
        public Tensor cauchy_(double median = 0, double sigma = 1, Generator? generator = null) => cauchy_in_op.CallInPlace(this, median, sigma, generator);
        static readonly Op log_normal_in_op = Op.Find("aten::log_normal_");
        public Tensor log_normal_(double mean = 0, double std = 1, Generator? generator = null) => log_normal_in_op.CallInPlace(this, mean, std, generator);
        static readonly Op poisson_op = Op.Find("aten::poisson"); public Tensor poisson(Generator? generator = null) => poisson_op.Call(this, generator);
        static readonly Op multinomial_op = Op.Find("aten::multinomial");
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) => multinomial_op.Call(this, num_samples, replacement, generator);
    }
}
