using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // What networks put between their layers.
        static readonly Op relu_op = Op.Find("aten::relu"); public Tensor relu() => relu_op.Call(this);
        static readonly Op relu_in_op = Op.Find("aten::relu_"); public Tensor relu_() => relu_in_op.CallInPlace(this);
        static readonly Op relu6_op = Op.Find("aten::relu6"); public Tensor relu6() => relu6_op.Call(this);
        static readonly Op relu6_in_op = Op.Find("aten::relu6_"); public Tensor relu6_() => relu6_in_op.CallInPlace(this);
        static readonly Op selu_op = Op.Find("aten::selu"); public Tensor selu() => selu_op.Call(this);
        static readonly Op selu_in_op = Op.Find("aten::selu_"); public Tensor selu_() => selu_in_op.CallInPlace(this);
        static readonly Op sigmoid_op = Op.Find("aten::sigmoid"); public Tensor sigmoid() => sigmoid_op.Call(this);
        static readonly Op sigmoid_in_op = Op.Find("aten::sigmoid_"); public Tensor sigmoid_() => sigmoid_in_op.CallInPlace(this);
        static readonly Op silu_op = Op.Find("aten::silu"); public Tensor silu() => silu_op.Call(this);
        static readonly Op silu_in_op = Op.Find("aten::silu_"); public Tensor silu_() => silu_in_op.CallInPlace(this);
        static readonly Op tanh_op = Op.Find("aten::tanh"); public Tensor tanh() => tanh_op.Call(this);
        static readonly Op tanh_in_op = Op.Find("aten::tanh_"); public Tensor tanh_() => tanh_in_op.CallInPlace(this);
        static readonly Op hardsigmoid_op = Op.Find("aten::hardsigmoid"); public Tensor hardsigmoid() => hardsigmoid_op.Call(this);
        static readonly Op hardsigmoid_in_op = Op.Find("aten::hardsigmoid_"); public Tensor hardsigmoid_() => hardsigmoid_in_op.CallInPlace(this);
        static readonly Op hardswish_op = Op.Find("aten::hardswish"); public Tensor hardswish() => hardswish_op.Call(this);
        static readonly Op hardswish_in_op = Op.Find("aten::hardswish_"); public Tensor hardswish_() => hardswish_in_op.CallInPlace(this);

        static readonly Op log_sigmoid_op = Op.Find("aten::log_sigmoid"); public Tensor log_sigmoid() => log_sigmoid_op.Call(this);
        static readonly Op gelu_op = Op.Find("aten::gelu"); public Tensor gelu() => gelu_op.Call(this);
        public Tensor gelu(Modules.GELU.Approximate approximate) => gelu_op.Call(this, approximate.ToString());
        static readonly Op gelu_in_op = Op.Find("aten::gelu_"); public Tensor gelu_() => gelu_in_op.CallInPlace(this);
        public Tensor gelu_(Modules.GELU.Approximate approximate) => gelu_in_op.CallInPlace(this, approximate.ToString());
        static readonly Op softmax_op = Op.Find("aten::softmax", "int");
        public Tensor softmax(long dim, ScalarType? dtype = null) => softmax_op.Call(this, dim, dtype);
        static readonly Op log_softmax_op = Op.Find("aten::log_softmax", "int");
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => log_softmax_op.Call(this, dim, dtype);
        static readonly Op softplus_op = Op.Find("aten::softplus");
        public Tensor softplus(double beta = 1, double threshold = 20) => softplus_op.Call(this, beta, threshold);
        static readonly Op glu_op = Op.Find("aten::glu"); public Tensor glu(long dim = -1) => glu_op.Call(this, dim);
        static readonly Op leaky_relu_op = Op.Find("aten::leaky_relu");
        public Tensor leaky_relu(Scalar negative_slope) => leaky_relu_op.Call(this, negative_slope);
        static readonly Op leaky_relu_in_op = Op.Find("aten::leaky_relu_");
        public Tensor leaky_relu_(Scalar negative_slope) => leaky_relu_in_op.CallInPlace(this, negative_slope);
        static readonly Op elu_op = Op.Find("aten::elu");
        public Tensor elu(double alpha = 1) => elu_op.Call(this, alpha);
        public Tensor elu(Scalar alpha, Scalar scale, Scalar input_scale) => elu_op.Call(this, alpha, scale, input_scale);
        static readonly Op elu_in_op = Op.Find("aten::elu_");
        public Tensor elu_(double alpha = 1) => elu_in_op.CallInPlace(this, alpha);
        public Tensor elu_(Scalar alpha, Scalar scale, Scalar input_scale) => elu_in_op.CallInPlace(this, alpha, scale, input_scale);
        static readonly Op celu_op = Op.Find("aten::celu");
        public Tensor celu() => celu_op.Call(this);
        public Tensor celu(Scalar alpha) => celu_op.Call(this, alpha);
        static readonly Op celu_in_op = Op.Find("aten::celu_");
        public Tensor celu_() => celu_in_op.CallInPlace(this);
        public Tensor celu_(Scalar alpha) => celu_in_op.CallInPlace(this, alpha);
        static readonly Op hardtanh_op = Op.Find("aten::hardtanh"); public Tensor hardtanh(Scalar min, Scalar max) => hardtanh_op.Call(this, min, max);
        static readonly Op hardtanh_in_op = Op.Find("aten::hardtanh_"); public Tensor hardtanh_(Scalar min, Scalar max) => hardtanh_in_op.CallInPlace(this, min, max);
        static readonly Op threshold_op = Op.Find("aten::threshold");
        public Tensor threshold(Scalar threshold, Scalar value) => threshold_op.Call(this, threshold, value);
        static readonly Op threshold_in_op = Op.Find("aten::threshold_");
        public Tensor threshold_(Scalar threshold, Scalar value) => threshold_in_op.CallInPlace(this, threshold, value);
        static readonly Op prelu_op = Op.Find("aten::prelu"); public Tensor prelu(Tensor target) => prelu_op.Call(this, target);
        static readonly Op rrelu_op = Op.Find("aten::rrelu");
        public Tensor rrelu(double lower = 0.125, double upper = 0.3333333333333333) => rrelu_op.Call(this, lower, upper);
        static readonly Op rrelu_in_op = Op.Find("aten::rrelu_");
        public Tensor rrelu_(double lower = 0.125, double upper = 0.3333333333333333) => rrelu_in_op.CallInPlace(this, lower, upper);
    }
}
