using Transformers.Inspection.Kernels;
using Transformers.Models;

namespace Transformers.Inspection.Plans;

/// <summary>The kernels of the models over images, as <see cref="Vit"/> and <see cref="Swin"/> run them.</summary>
static class ImagePlans
{
    internal static KernelList Vit(VitConfig config, ImageShape image, long B)
    {
        var list = new KernelList();
        var side = image.Size / config.Patch;
        var classToken = config.Pool == ImagePooling.Cls;
        var (T, D) = (side * (long)side + (classToken ? 1 : 0), config.Width);
        // Patches come out of a product; a learned table of positions makes the stream 32 bits wide again.
        var wide = config.Positions is LearnedImagePositions;
        list.Add(new PatchKernel(B, image.Channels, image.Size, config.Patch, D, config.Positions, classToken));
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var around = new ResidualKernel(B, T, D, config.Norm, wide)
            {
                Dropout = config.Drop.Activations, DropPath = config.Drop.PathAt(layer, config.Layers) > 0, Scale = config.LayerScale is not null,
            };
            list.Attention(new AttentionKernel(B, T, T, config.Heads, config.Heads, D / config.Heads) { Dropout = config.Drop.Attention }, around, bias: true, 1);
            list.FeedForward(config.FeedForward, around, bias: true, config.Drop.Activations, 1);
        }
        if (config.Norm.Placement == NormPlacement.Pre) list.Add(new NormKernel(B * T, D, config.Norm, wide));
        list.Add(new ClassifyKernel(B, T, D, image.Classes, wide, First: classToken, Pooler: false));
        return list;
    }

    internal static KernelList Swin(SwinConfig config, ImageShape image, long B)
    {
        var list = new KernelList();
        list.Add(new PatchKernel(B, image.Channels, image.Size, config.Patch, config.Width, null, ClassToken: false));
        var side = (image.Size + config.Patch - 1) / config.Patch;
        list.Add(new NormKernel(B * side * side, config.Width, config.Norm, Wide: false));
        var (block, blocks) = (0, config.Layers.Sum());
        for (var stage = 0; stage < config.Layers.Count; stage++)
        {
            var (D, H) = (config.WidthAt(stage), config.Heads[stage]);
            if (stage > 0)
            {
                list.Add(new MergeKernel(B, side, D / 2, config.Norm, Wide: false));
                side = (side + 1) / 2;
            }
            for (var layer = 0; layer < config.Layers[stage]; layer++, block++)
            {
                var around = new ResidualKernel(B, (long)side * side, D, config.Norm, Wide: false)
                {
                    Dropout = config.Drop.Activations, DropPath = config.Drop.PathAt(block, blocks) > 0,
                };
                var windows = new WindowKernel(B, side, D, H, config.Window, layer % 2 == 1, config.Padding, Wide: false);
                var grid = windows.Grid;
                list.InBlock(windows, 1);
                var core = new AttentionKernel(B * grid.Count, grid.Places, grid.Places, H, H, D / H)
                {
                    Bias = ScoreBias.Learned, Biases = grid.ShiftRows + grid.ShiftColumns > 0 || grid.Padded ? grid.Count : 1, Dropout = config.Drop.Attention,
                };
                // Windows are cut between the norm and attention: no operator spans both.
                list.InBlock(new LinearKernel(core.B * core.T, D, 3L * D, Bias: true, Wide: false), 1);
                list.InBlock(core, 1);
                list.InBlock(new LinearKernel(core.B * core.T, D, D, Bias: true, Wide: false), 1);
                list.InBlock(around, 1);
                long F = FeedForward.HiddenWidth(config.FeedForward, D), up = config.FeedForward is SwiGluConfig ? 2 * F : F;
                list.InBlock(new LinearKernel(B * side * (long)side, D, up, Bias: true, Wide: false), 1);
                list.InBlock(new ActivationKernel(B * side * (long)side, F, config.FeedForward, config.Drop.Activations), 1);
                list.InBlock(new LinearKernel(B * side * (long)side, F, D, Bias: true, Wide: false), 1);
                list.InBlock(around, 1);
            }
        }
        list.Add(new NormKernel(B * side * side, config.WidthAt(config.Layers.Count - 1), config.Norm, Wide: false));
        list.Add(new ClassifyKernel(B, (long)side * side, config.WidthAt(config.Layers.Count - 1), image.Classes, Wide: false, First: false, Pooler: false));
        return list;
    }
}
