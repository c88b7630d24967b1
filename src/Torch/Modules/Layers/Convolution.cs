using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Conv1d Conv1d(long in_channels, long out_channels, long kernel_size, long stride = 1, long padding = 0, long dilation = 1, PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(in_channels, out_channels, [kernel_size], [stride], [padding], null, [dilation], groups, bias, padding_mode, device, dtype);

            public static Conv1d Conv1d(long in_channels, long out_channels, long kernel_size, Padding padding, long stride = 1, long dilation = 1, PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(in_channels, out_channels, [kernel_size], [stride], [0], padding, [dilation], groups, bias, padding_mode, device, dtype);

            public static Conv2d Conv2d(long in_channels, long out_channels, long kernel_size, long stride = 1, long padding = 0, long dilation = 1, PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(in_channels, out_channels, [kernel_size, kernel_size], [stride, stride], [padding, padding], null, [dilation, dilation], groups, bias, padding_mode, device, dtype);

            public static Conv2d Conv2d(long in_channels, long out_channels, long kernel_size, Padding padding, long stride = 1, long dilation = 1, PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(in_channels, out_channels, [kernel_size, kernel_size], [stride, stride], [0, 0], padding, [dilation, dilation], groups, bias, padding_mode, device, dtype);

            public static Conv2d Conv2d(long in_channels, long out_channels, (long, long) kernel_size, (long, long)? stride = null, (long, long)? padding = null, (long, long)? dilation = null, PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(in_channels, out_channels, Pair(kernel_size), Pair(stride, 1), Pair(padding, 0), null, Pair(dilation, 1), groups, bias, padding_mode, device, dtype);

            public static Conv2d Conv2d(long in_channels, long out_channels, (long, long) kernel_size, Padding padding, (long, long)? stride = null, (long, long)? dilation = null, PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(in_channels, out_channels, Pair(kernel_size), Pair(stride, 1), [0, 0], padding, Pair(dilation, 1), groups, bias, padding_mode, device, dtype);

            /// <summary>Two lengths as libtorch takes them.</summary>
            internal static long[] Pair((long, long)? pair, long otherwise = 0) => pair is var (y, x) ? [y, x] : [otherwise, otherwise];
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>What the convolutions of each number of dimensions share.</summary>
    public abstract class Convolution : Module<Tensor, Tensor>
    {
        protected Convolution(string name, long in_channels, long out_channels, long[] kernel_size, long[] stride, long[] padding, Padding? padding_type, long[] dilation, bool transposed, long[] output_padding, long groups, bool bias, PaddingModes padding_mode, Device? device = null, ScalarType? dtype = null) : base(name)
        {
            if (groups < 1 || in_channels % groups != 0) throw new ArgumentException($"in_channels ({in_channels}) must be divisible by groups ({groups}).");
            if (out_channels % groups != 0) throw new ArgumentException($"out_channels ({out_channels}) must be divisible by groups ({groups}).");
            (this.in_channels, this.out_channels, this.groups) = (in_channels, out_channels, groups);
            (this.kernel_size, this.stride, this.padding, this.dilation) = (kernel_size, stride, padding, dilation);
            (this.transposed, this.output_padding) = (transposed, output_padding);
            (this.padding_type, this.padding_mode) = (padding_type, padding_mode);
            var (rows, columns) = transposed ? (in_channels, out_channels) : (out_channels, in_channels);
            weight = new Parameter(empty([rows, columns / groups, .. kernel_size], dtype, device));
            if (bias) this.bias = new Parameter(empty([out_channels], dtype, device));
            reset_parameters();
        }

        public long in_channels { get; }
        public long out_channels { get; }
        public long groups { get; set; }
        public long[] kernel_size { get; set; }
        public long[] stride { get; set; }
        public long[] padding { get; }
        public long[] dilation { get; set; }
        public long[] output_padding { get; set; }
        public bool transposed { get; }
        public Padding? padding_type { get; }
        public PaddingModes padding_mode { get; set; }
        public Parameter weight { get; set => field = Held(nameof(weight), value); }
        public Parameter? bias { get; set => field = Held(nameof(bias), value); }

        public void reset_parameters() => DefaultInit.Weights(weight, bias);

        /// <summary>The input with its margins, where they are not zeros (which the convolution itself adds).</summary>
        private protected Tensor? Margins(Tensor input)
        {
            if (padding_mode == PaddingModes.Zeros) return null;
            var margins = new List<long>();
            for (var i = kernel_size.Length - 1; i >= 0; i--)
            {
                var whole = padding_type switch { Padding.Same => dilation[i] * (kernel_size[i] - 1), Padding.Valid => 0, _ => 2 * padding[i] };
                margins.AddRange([whole / 2, whole - whole / 2]);
            }
            return functional.pad(input, margins.ToArray(), padding_mode);
        }
    }

    public sealed class Conv1d : Convolution
    {
        internal Conv1d(long inputs, long outputs, long[] kernel, long[] stride, long[] padding, Padding? kind, long[] dilation, long groups, bool bias, PaddingModes mode, Device? device, ScalarType? dtype)
            : base(nameof(Conv1d), inputs, outputs, kernel, stride, padding, kind, dilation, false, [0], groups, bias, mode, device, dtype) { }

        public override Tensor forward(Tensor input)
        {
            using var wide = Margins(input);
            if (wide is not null) return functional.conv1d(wide, weight, bias, stride[0], 0, dilation[0], groups);
            return padding_type is { } kind
                ? functional.conv1d_padding(input, weight, bias, stride[0], kind, dilation[0], groups)
                : functional.conv1d(input, weight, bias, stride[0], padding[0], dilation[0], groups);
        }
    }

    public sealed class Conv2d : Convolution
    {
        internal Conv2d(long inputs, long outputs, long[] kernel, long[] stride, long[] padding, Padding? kind, long[] dilation, long groups, bool bias, PaddingModes mode, Device? device, ScalarType? dtype)
            : base(nameof(Conv2d), inputs, outputs, kernel, stride, padding, kind, dilation, false, [0, 0], groups, bias, mode, device, dtype) { }

        public override Tensor forward(Tensor input)
        {
            using var wide = Margins(input);
            if (wide is not null) return functional.conv2d(wide, weight, bias, stride, [0, 0], dilation, groups);
            return padding_type is { } kind
                ? functional.conv2d_padding(input, weight, bias, stride, kind, dilation, groups)
                : functional.conv2d(input, weight, bias, stride, padding, dilation, groups);
        }
    }
}
