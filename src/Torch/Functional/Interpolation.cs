using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            // Other sizes. Exactly one of size and scale_factor is given.
            static readonly Op nearest_op = Op.Find("aten::upsample_nearest2d", "vec"); static readonly Op nearest1d_op = Op.Find("aten::upsample_nearest1d", "vec");
            static readonly Op linear1d_op = Op.Find("aten::upsample_linear1d", "vec"); static readonly Op bilinear2d_op = Op.Find("aten::upsample_bilinear2d", "vec");
            static readonly Op bicubic_op = Op.Find("aten::upsample_bicubic2d", "vec");
            static readonly Op bilinear_aa_op = Op.Find("aten::_upsample_bilinear2d_aa", "vec"); static readonly Op bicubic_aa_op = Op.Find("aten::_upsample_bicubic2d_aa", "vec");

            /// <summary>Resizes [N, C, L] or [N, C, Y, X].</summary>
            public static Tensor interpolate(Tensor x, long[]? size = null, double[]? scale_factor = null, InterpolationMode mode = InterpolationMode.Nearest, bool? align_corners = null, bool recompute_scale_factor = false, bool antialias = false)
            {
                if ((size is null) == (scale_factor is null)) throw new ArgumentException("Exactly one of size and scale_factor must be given.");
                var spatial = (int)x.dim() - 2;
                if (size?.Length == 1) size = [.. Enumerable.Repeat(size[0], spatial)];
                if (scale_factor?.Length == 1) scale_factor = [.. Enumerable.Repeat(scale_factor[0], spatial)];
                if (recompute_scale_factor && scale_factor is not null)
                {
                    size = [.. scale_factor.Select((factor, i) => (long)Math.Floor(x.shape[i + 2] * factor))];
                    scale_factor = null;
                }
                var corners = align_corners ?? false;
                return (mode, spatial, antialias) switch
                {
                    (InterpolationMode.Nearest, 1, false) => nearest1d_op.Call(x, size, scale_factor),
                    (InterpolationMode.Nearest, 2, false) => nearest_op.Call(x, size, scale_factor),
                    (InterpolationMode.Linear, 1, false) => linear1d_op.Call(x, size, corners, scale_factor),
                    (InterpolationMode.Bilinear, 2, false) => bilinear2d_op.Call(x, size, corners, scale_factor),
                    (InterpolationMode.Bicubic, 2, false) => bicubic_op.Call(x, size, corners, scale_factor),
                    (InterpolationMode.Bilinear, 2, true) => bilinear_aa_op.Call(x, size, corners, scale_factor),
                    (InterpolationMode.Bicubic, 2, true) => bicubic_aa_op.Call(x, size, corners, scale_factor),
                    (InterpolationMode.Area, 2, false) when size is not null => adaptive_avg_pool2d(x, size),
                    _ => throw new NotSupportedException($"Interpolation {mode}{(antialias ? " with antialias" : "")} is not there for {spatial} spatial dimensions."),
                };
            }
        }
    }
}
