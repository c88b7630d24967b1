using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            // Convolutions.
            static string Name(Padding padding) => padding == Padding.Same ? "same" : "valid";
            static readonly Op conv1d_op = Op.Find("aten::conv1d"); static readonly Op conv1d_padding_op = Op.Find("aten::conv1d", "padding");
            public static Tensor conv1d(Tensor input, Tensor weight, Tensor? bias = null, long? stride = null, long? padding = null, long? dilation = null, long groups = 1) =>
                conv1d_op.Call(input, weight, bias, new[] { stride ?? 1 }, new[] { padding ?? 0 }, new[] { dilation ?? 1 }, groups);
            public static Tensor conv1d_padding(Tensor input, Tensor weight, Tensor? bias = null, long? stride = null, Padding padding = Padding.Valid, long? dilation = null, long groups = 1) =>
                conv1d_padding_op.Call(input, weight, bias, new[] { stride ?? 1 }, Name(padding), new[] { dilation ?? 1 }, groups);
            static readonly Op conv2d_op = Op.Find("aten::conv2d"); static readonly Op conv2d_padding_op = Op.Find("aten::conv2d", "padding");
            public static Tensor conv2d(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null, long[]? dilation = null, long groups = 1) =>
                conv2d_op.Call(input, weight, bias, strides ?? [1, 1], padding ?? [0, 0], dilation ?? [1, 1], groups);
            public static Tensor conv2d_padding(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, Padding padding = Padding.Valid, long[]? dilation = null, long groups = 1) =>
                conv2d_padding_op.Call(input, weight, bias, strides ?? [1, 1], Name(padding), dilation ?? [1, 1], groups);
            static readonly Op conv3d_op = Op.Find("aten::conv3d");
            public static Tensor conv3d(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null, long[]? dilation = null, long groups = 1) =>
                conv3d_op.Call(input, weight, bias, strides ?? [1, 1, 1], padding ?? [0, 0, 0], dilation ?? [1, 1, 1], groups);
            static readonly Op conv_transpose2d_op = Op.Find("aten::conv_transpose2d", "input");
            public static Tensor conv_transpose2d(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null, long[]? output_padding = null, long[]? dilation = null, long groups = 1) =>
                conv_transpose2d_op.Call(input, weight, bias, strides ?? [1, 1], padding ?? [0, 0], output_padding ?? [0, 0], groups, dilation ?? [1, 1]);

            // Pooling.
            static readonly Op max_pool2d_op = Op.Find("aten::max_pool2d");
            public static Tensor max_pool2d(Tensor input, long[] kernel_size, long[]? strides = null, long[]? padding = null, long[]? dilation = null, bool ceil_mode = false) =>
                max_pool2d_op.Call(input, kernel_size, strides ?? kernel_size, padding ?? [0, 0], dilation ?? [1, 1], ceil_mode);
            public static Tensor max_pool2d(Tensor input, long kernel_size, long? stride = null, long? padding = null, long? dilation = null, bool ceil_mode = false) =>
                max_pool2d(input, [kernel_size, kernel_size], [stride ?? kernel_size, stride ?? kernel_size], [padding ?? 0, padding ?? 0], [dilation ?? 1, dilation ?? 1], ceil_mode);
            public static Tensor max_pool2d(Tensor input, (long, long) kernel_size, (long, long)? stride = null, (long, long)? padding = null, (long, long)? dilation = null, bool ceil_mode = false) =>
                max_pool2d(input, Pair(kernel_size), Pair(stride ?? kernel_size), Pair(padding, 0), Pair(dilation, 1), ceil_mode);
            static readonly Op avg_pool2d_op = Op.Find("aten::avg_pool2d");
            public static Tensor avg_pool2d(Tensor input, long[] kernel_size, long[]? stride = null, long[]? padding = null, bool ceil_mode = false, bool count_include_pad = true, long? divisor_override = null) =>
                avg_pool2d_op.Call(input, kernel_size, stride ?? kernel_size, padding ?? [0, 0], ceil_mode, count_include_pad, divisor_override);
            public static Tensor avg_pool2d(Tensor input, long kernel_size, long? stride = null, long padding = 0, bool ceil_mode = false, bool count_include_pad = true, long? divisor_override = null) =>
                avg_pool2d(input, [kernel_size, kernel_size], [stride ?? kernel_size, stride ?? kernel_size], [padding, padding], ceil_mode, count_include_pad, divisor_override);
            public static Tensor avg_pool2d(Tensor input, (long, long) kernel_size, (long, long)? stride = null, (long, long)? padding = null, bool ceil_mode = false, bool count_include_pad = true, long? divisor_override = null) =>
                avg_pool2d(input, Pair(kernel_size), Pair(stride ?? kernel_size), Pair(padding, 0), ceil_mode, count_include_pad, divisor_override);
            static readonly Op adaptive_avg_pool2d_op = Op.Find("aten::adaptive_avg_pool2d");
            public static Tensor adaptive_avg_pool2d(Tensor input, long[] output_size) => adaptive_avg_pool2d_op.Call(input, output_size);
            public static Tensor adaptive_avg_pool2d(Tensor input, long output_size) => adaptive_avg_pool2d(input, [output_size, output_size]);
            public static Tensor adaptive_avg_pool2d(Tensor input, (long, long) output_size) => adaptive_avg_pool2d(input, Pair(output_size));

            // Patches of images: columns of what a kernel sees, and back.
            static readonly Op im2col_op = Op.Find("aten::im2col");
            public static Tensor unfold(Tensor input, (long, long) kernel_size, (long, long)? dilation = null, (long, long)? padding = null, (long, long)? stride = null) =>
                im2col_op.Call(input, Pair(kernel_size), Pair(dilation, 1), Pair(padding, 0), Pair(stride, 1));
            public static Tensor unfold(Tensor input, long kernel_size, long dilation = 1, long padding = 0, long stride = 1) =>
                unfold(input, (kernel_size, kernel_size), (dilation, dilation), (padding, padding), (stride, stride));
            static readonly Op col2im_op = Op.Find("aten::col2im");
            public static Tensor fold(Tensor input, (long, long) output_size, (long, long) kernel_size, (long, long)? dilation = null, (long, long)? padding = null, (long, long)? stride = null) =>
                col2im_op.Call(input, Pair(output_size), Pair(kernel_size), Pair(dilation, 1), Pair(padding, 0), Pair(stride, 1));
            public static Tensor fold(Tensor input, long output_size, long kernel_size, long dilation = 1, long padding = 0, long stride = 1) =>
                fold(input, (output_size, output_size), (kernel_size, kernel_size), (dilation, dilation), (padding, padding), (stride, stride));
            static readonly Op pixel_shuffle_op = Op.Find("aten::pixel_shuffle"); public static Tensor pixel_shuffle(Tensor input, long upscale_factor) => pixel_shuffle_op.Call(input, upscale_factor);
            static readonly Op pixel_unshuffle_op = Op.Find("aten::pixel_unshuffle"); public static Tensor pixel_unshuffle(Tensor input, long downscale_factor) => pixel_unshuffle_op.Call(input, downscale_factor);

            // Margins: pairs of lengths, the last dimension's first.
            static readonly Op pad_op = Op.Find("aten::pad");
            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                mode is PaddingModes.Constant or PaddingModes.Zeros
                    ? pad_op.Call(input, pad, "constant", mode == PaddingModes.Zeros ? 0 : value)
                    : pad_op.Call(input, pad, mode.ToString().ToLowerInvariant(), Value.None);
            public static Tensor pad(Tensor input, ReadOnlySpan<long> pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => functional.pad(input, pad.ToArray(), mode, value);
            public static Tensor pad(Tensor input, long pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => functional.pad(input, (long[])[pad, pad], mode, value);
            public static Tensor pad(Tensor input, (long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => functional.pad(input, (long[])[pad.Item1, pad.Item2], mode, value);
            public static Tensor pad(Tensor input, (long, long, long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, (long[])[pad.Item1, pad.Item2, pad.Item3, pad.Item4], mode, value);
        }
    }
}
