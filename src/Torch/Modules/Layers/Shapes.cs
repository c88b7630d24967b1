using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Identity Identity() => new();

            public static Flatten Flatten(long start_dim = 1, long end_dim = -1) => new(start_dim, end_dim);

            public static Unflatten Unflatten(long dim, long[] unflattened_size) => new(dim, unflattened_size);

            public static PixelShuffle PixelShuffle(long upscale_factor) => new(upscale_factor);

            public static PixelUnshuffle PixelUnshuffle(long downscale_factor) => new(downscale_factor);

            public static AdaptiveAvgPool2d AdaptiveAvgPool2d(long output_size) => new([output_size, output_size]);

            public static AdaptiveAvgPool2d AdaptiveAvgPool2d((long, long) output_size) => new(Pair(output_size));

            public static AdaptiveAvgPool2d AdaptiveAvgPool2d(long[] output_size) => new(output_size);

            public static Unfold Unfold(long kernel_size, long dilation = 1, long padding = 0, long stride = 1) => new((kernel_size, kernel_size), (dilation, dilation), (padding, padding), (stride, stride));

            public static Unfold Unfold((long, long) kernel_size, (long, long)? dilation = null, (long, long)? padding = null, (long, long)? stride = null) => new(kernel_size, dilation ?? (1, 1), padding ?? (0, 0), stride ?? (1, 1));

            public static Fold Fold(long output_size, long kernel_size, long dilation = 1, long padding = 0, long stride = 1) => new((output_size, output_size), (kernel_size, kernel_size), (dilation, dilation), (padding, padding), (stride, stride));

            public static Fold Fold((long, long) output_size, (long, long) kernel_size, (long, long)? dilation = null, (long, long)? padding = null, (long, long)? stride = null) => new(output_size, kernel_size, dilation ?? (1, 1), padding ?? (0, 0), stride ?? (1, 1));
        }
    }
}

namespace TorchSharp.Modules
{
    public sealed class Identity : ParameterLessModule<Tensor, Tensor>
    {
        internal Identity() : base(nameof(Identity)) { }

        public override Tensor forward(Tensor tensor) => tensor.alias();
    }

    public sealed class Flatten : ParameterLessModule<Tensor, Tensor>
    {
        internal Flatten(long start_dim, long end_dim) : base(nameof(Flatten)) { this.start_dim = start_dim; this.end_dim = end_dim; }

        public long start_dim { get; set; }
        public long end_dim { get; set; }

        public override Tensor forward(Tensor input) => input.flatten(start_dim, end_dim);
    }

    public sealed class Unflatten : ParameterLessModule<Tensor, Tensor>
    {
        internal Unflatten(long dim, long[] unflattened_size) : base(nameof(Unflatten)) { this.dim = dim; this.unflattened_size = unflattened_size; }

        public long dim { get; set; }
        public long[] unflattened_size { get; set; }

        public override Tensor forward(Tensor tensor) => tensor.unflatten(dim, unflattened_size);
    }

    public sealed class PixelShuffle : ParameterLessModule<Tensor, Tensor>
    {
        internal PixelShuffle(long upscale_factor) : base(nameof(PixelShuffle)) { this.upscale_factor = upscale_factor; }

        public long upscale_factor { get; set; }

        public override Tensor forward(Tensor input) => functional.pixel_shuffle(input, upscale_factor);
    }

    public sealed class PixelUnshuffle : ParameterLessModule<Tensor, Tensor>
    {
        internal PixelUnshuffle(long downscale_factor) : base(nameof(PixelUnshuffle)) { this.downscale_factor = downscale_factor; }

        public long downscale_factor { get; set; }

        public override Tensor forward(Tensor input) => functional.pixel_unshuffle(input, downscale_factor);
    }

    public sealed class AdaptiveAvgPool2d : ParameterLessModule<Tensor, Tensor>
    {
        internal AdaptiveAvgPool2d(long[] output_size) : base(nameof(AdaptiveAvgPool2d)) { this.output_size = output_size; }

        public long[] output_size { get; set; }

        public override Tensor forward(Tensor input) => functional.adaptive_avg_pool2d(input, output_size);
    }

    public sealed class Unfold : ParameterLessModule<Tensor, Tensor>
    {
        internal Unfold((long, long) kernel_size, (long, long) dilation, (long, long) padding, (long, long) stride) : base(nameof(Unfold)) { this.kernel_size = kernel_size; this.dilation = dilation; this.padding = padding; this.stride = stride; }

        public (long, long) kernel_size { get; set; }
        public (long, long) dilation { get; set; }
        public (long, long) padding { get; set; }
        public (long, long) stride { get; set; }

        public override Tensor forward(Tensor tensor) => functional.unfold(tensor, kernel_size, dilation, padding, stride);
    }

    public sealed class Fold : ParameterLessModule<Tensor, Tensor>
    {
        internal Fold((long, long) output_size, (long, long) kernel_size, (long, long) dilation, (long, long) padding, (long, long) stride) : base(nameof(Fold)) { this.output_size = output_size; this.kernel_size = kernel_size; this.dilation = dilation; this.padding = padding; this.stride = stride; }

        public (long, long) output_size { get; set; }
        public (long, long) kernel_size { get; set; }
        public (long, long) dilation { get; set; }
        public (long, long) padding { get; set; }
        public (long, long) stride { get; set; }

        public override Tensor forward(Tensor tensor) => functional.fold(tensor, output_size, kernel_size, dilation, padding, stride);
    }
}
