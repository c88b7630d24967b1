using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            // Losses. Reduction's numbers are libtorch's.
            static readonly Op cross_entropy_op = Op.Find("aten::cross_entropy_loss");
            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0) =>
                cross_entropy_op.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);
            static readonly Op nll_loss_op = Op.Find("aten::nll_loss_nd");
            public static Tensor nll_loss(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) => nll_loss_op.Call(input, target, weight, (long)reduction);
            static readonly Op binary_cross_entropy_op = Op.Find("aten::binary_cross_entropy");
            public static Tensor binary_cross_entropy(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                binary_cross_entropy_op.Call(input, target, weight, (long)reduction);
            static readonly Op binary_cross_entropy_with_logits_op = Op.Find("aten::binary_cross_entropy_with_logits");
            public static Tensor binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean, Tensor? pos_weights = null) =>
                binary_cross_entropy_with_logits_op.Call(input, target, weight, pos_weights, (long)reduction);
            static readonly Op mse_loss_op = Op.Find("aten::mse_loss");
            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => mse_loss_op.Call(input, target, (long)reduction);
            static readonly Op l1_loss_op = Op.Find("aten::l1_loss");
            public static Tensor l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => l1_loss_op.Call(input, target, (long)reduction);
            static readonly Op smooth_l1_loss_op = Op.Find("aten::smooth_l1_loss");
            public static Tensor smooth_l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean, double beta = 1) => smooth_l1_loss_op.Call(input, target, (long)reduction, beta);
            static readonly Op huber_loss_op = Op.Find("aten::huber_loss");
            public static Tensor huber_loss(Tensor input, Tensor target, double delta = 1, Reduction reduction = Reduction.Mean) => huber_loss_op.Call(input, target, (long)reduction, delta);
            static readonly Op kl_div_op = Op.Find("aten::kl_div");
            public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean) => kl_div_op.Call(input, target, (long)reduction, log_target);
            static readonly Op cosine_embedding_loss_op = Op.Find("aten::cosine_embedding_loss");
            public static Tensor cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, double margin = 0, Reduction reduction = Reduction.Mean) =>
                cosine_embedding_loss_op.Call(input1, input2, target, margin, (long)reduction);
            static readonly Op margin_ranking_loss_op = Op.Find("aten::margin_ranking_loss");
            public static Tensor margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, double margin = 0, Reduction reduction = Reduction.Mean) =>
                margin_ranking_loss_op.Call(input1, input2, target, margin, (long)reduction);
        }
    }
}
