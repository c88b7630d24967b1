using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            // Activations. In place, the result is the input itself.
            public static Tensor relu(Tensor x, bool inplace = false) => inplace ? x.relu_() : x.relu();
            public static Tensor relu6(Tensor x, bool inplace = false) => inplace ? x.relu6_() : x.relu6();
            public static Tensor selu(Tensor x, bool inplace = false) => inplace ? x.selu_() : x.selu();
            public static Tensor silu(Tensor x, bool inplace = false) => inplace ? x.silu_() : x.silu();
            public static Tensor tanh(Tensor x, bool inplace = false) => inplace ? x.tanh_() : x.tanh();
            public static Tensor sigmoid(Tensor x) => x.sigmoid();
            public static Tensor sigmoid(Tensor x, bool inplace) => inplace ? x.sigmoid_() : x.sigmoid();
            public static Tensor gelu(Tensor x) => x.gelu();
            public static Tensor gelu(Tensor x, bool inplace) => inplace ? x.gelu_() : x.gelu();
            public static Tensor gelu(Tensor x, Modules.GELU.Approximate approximate, bool inplace = false) => inplace ? x.gelu_(approximate) : x.gelu(approximate);
            public static Tensor glu(Tensor input, long dim = -1) => input.glu(dim);
            public static Tensor elu(Tensor x, double alpha, bool inplace = false) => inplace ? x.elu_(alpha) : x.elu(alpha);
            public static Tensor celu(Tensor x, double alpha, bool inplace = false) => inplace ? x.celu_(alpha) : x.celu(alpha);
            public static Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false) => inplace ? input.leaky_relu_(negative_slope) : input.leaky_relu(negative_slope);
            public static Tensor prelu(Tensor input, Tensor weight) => input.prelu(weight);
            public static Tensor hardtanh(Tensor x, double min_val = -1, double max_val = 1, bool inplace = false) => inplace ? x.hardtanh_(min_val, max_val) : x.hardtanh(min_val, max_val);
            public static Tensor hardsigmoid(Tensor input, bool inplace = false) => inplace ? input.hardsigmoid_() : input.hardsigmoid();
            public static Tensor hardswish(Tensor input, bool inplace = false) => inplace ? input.hardswish_() : input.hardswish();
            public static Tensor threshold(Tensor x, double threshold, double value, bool inplace = false) => inplace ? x.threshold_(threshold, value) : x.threshold(threshold, value);
            static readonly Op mish_op = Op.Find("aten::mish"); static readonly Op mish_in_op = Op.Find("aten::mish_");
            public static Tensor mish(Tensor x, bool inplace = false) => inplace ? mish_in_op.CallInPlace(x) : mish_op.Call(x);
            static readonly Op hardshrink_op = Op.Find("aten::hardshrink"); public static Tensor hardshrink(Tensor x, double lambda = 0.5) => hardshrink_op.Call(x, lambda);
            static readonly Op softshrink_op = Op.Find("aten::softshrink"); public static Tensor softshrink(Tensor x, double lambda = 0.5) => softshrink_op.Call(x, lambda);
            public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) => x.softplus(beta, threshold);
            public static Tensor logsigmoid(Tensor x) => x.log_sigmoid();
            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);
            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);
            public static Tensor softmin(Tensor x, long dim)
            {
                using var negative = x.neg();
                return negative.softmax(dim);
            }
        }
    }
}
