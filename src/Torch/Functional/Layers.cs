using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            // Layers as functions.
            static readonly Op linear_op = Op.Find("aten::linear");
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => linear_op.Call(input, weights, bias);
            static readonly Op bilinear_op = Op.Find("aten::bilinear");
            public static Tensor bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias = null) => bilinear_op.Call(input1, input2, weight, bias);
            static readonly Op one_hot_op = Op.Find("aten::one_hot"); public static Tensor one_hot(Tensor x, long num_classes = -1) => one_hot_op.Call(x, num_classes);

            /// <summary>softmax(Q Kᵀ / √E + mask) V.</summary>
            /// <param name="query">[..., T, E]</param>
            /// <param name="key">[..., S, E]</param>
            /// <param name="value">[..., S, E']</param>
            /// <param name="attn_mask">Of bool, true where a place may be looked at, or real numbers to add to the scores.</param>
            /// <param name="p">The probability of dropping a weight, in whatever mode the module is.</param>
            /// <param name="is_casual">Whether a place sees only itself and those before it (TorchSharp's spelling).</param>
            public static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0, bool is_casual = false) =>
                Fallbacks.Attention(query, key, value, attn_mask, p, is_casual);

            // Normalisation.
            static readonly Op layer_norm_op = Op.Find("aten::layer_norm");
            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1E-05) =>
                layer_norm_op.Call(input, normalized_shape, weight, bias, eps);
            static readonly Op group_norm_op = Op.Find("aten::group_norm");
            public static Tensor group_norm(Tensor input, long num_groups, Tensor? weight = null, Tensor? bias = null, double eps = 1E-05) =>
                group_norm_op.Call(input, num_groups, weight, bias, eps);
            static readonly Op batch_norm_op = Op.Find("aten::batch_norm");
            public static Tensor batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight = null, Tensor? bias = null, bool training = false, double momentum = 0.1, double eps = 1E-05) =>
                batch_norm_op.Call(input, weight, bias, running_mean, running_var, training, momentum, eps, true);
            public static Tensor normalize(Tensor input, double p = 2, long dim = 1, double eps = 1E-12)
            {
                using var scope = NewDisposeScope();
                var length = input.norm((int)dim, keepdim: true, (float)p).clamp_min(eps);
                return input.div(length).MoveToOuterDisposeScope();
            }

            // Dropout: elements, whole channels, and the form that keeps SELU's mean and variance.
            static readonly Op dropout_op = Op.Find("aten::dropout"); static readonly Op dropout_in_op = Op.Find("aten::dropout_");
            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                inplace ? dropout_in_op.CallInPlace(input, p, training) : dropout_op.Call(input, p, training);
            static readonly Op feature_dropout_op = Op.Find("aten::feature_dropout"); static readonly Op feature_dropout_in_op = Op.Find("aten::feature_dropout_");
            public static Tensor dropout1d(Tensor input, double p = 0.5, bool training = true, bool inplace = false) => Channels(input, p, training, inplace);
            public static Tensor dropout2d(Tensor input, double p = 0.5, bool training = true, bool inplace = false) => Channels(input, p, training, inplace);
            public static Tensor dropout3d(Tensor input, double p = 0.5, bool training = true, bool inplace = false) => Channels(input, p, training, inplace);
            static Tensor Channels(Tensor input, double p, bool training, bool inplace) =>
                inplace ? feature_dropout_in_op.CallInPlace(input, p, training) : feature_dropout_op.Call(input, p, training);
            static readonly Op alpha_dropout_op = Op.Find("aten::alpha_dropout"); static readonly Op alpha_dropout_in_op = Op.Find("aten::alpha_dropout_");
            public static Tensor alpha_dropout(Tensor input, double p = 0.5, bool training = false, bool inplace = false) =>
                inplace ? alpha_dropout_in_op.CallInPlace(input, p, training) : alpha_dropout_op.Call(input, p, training);

            // Distances.
            static readonly Op cosine_similarity_op = Op.Find("aten::cosine_similarity");
            public static Tensor cosine_similarity(Tensor x1, Tensor x2, long dim = 1, double eps = 1E-08) => cosine_similarity_op.Call(x1, x2, dim, eps);
            static readonly Op pairwise_distance_op = Op.Find("aten::pairwise_distance");
            public static Tensor pairwise_distance(Tensor input1, Tensor input2, double p = 2, double eps = 1E-06, bool keepdim = false) =>
                pairwise_distance_op.Call(input1, input2, p, eps, keepdim);
        }
    }
}
