using Transformers.Data.Images;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>The patches of an image, and the filters of the layer that embeds them.</summary>
/// <remarks>Dosovitskiy et al. 2021, figure 7 on the left: the first principal components of the learned filters.</remarks>
public static class PatchesPlot
{
    const double Left = 24, Top = 56, Filter = 66, Gap = 8;
    const int MostComponents = 28, PerRow = 7;

    /// <summary>The principal components of the filters; with an image, its patches too.</summary>
    /// <param name="filters">The embedding's weights, [D, C, P, P].</param>
    /// <param name="seen">An image as the network's input; null for none.</param>
    public static Picture Of(Tensor filters, RgbImage? seen)
    {
        var picture = Filters(filters);
        return seen is null ? picture : Picture.Stack("Patches", Cut(seen, (int)filters.size(2)), picture);
    }

    static Picture Filters(Tensor filters)
    {
        using var scope = NewDisposeScope();
        var (C, P) = ((int)filters.size(1), (int)filters.size(2));
        var components = Components(filters.flatten(1), Math.Min(MostComponents, (int)Math.Min(filters.size(0), C * P * P)));
        var title = $"The first {components.Count} principal components of {filters.size(0)} patch filters";
        var rows = (components.Count + PerRow - 1) / PerRow;
        var picture = new Picture(Math.Max(Left + PerRow * (Filter + Gap) + Left, 90 + 9.2 * title.Length), Top + rows * (Filter + Gap) + 24, title);
        picture.Text(Left, 30, title, "ink title");
        foreach (var (i, (component, _)) in components.Index())
        {
            var (x, y) = (Left + i % PerRow * (Filter + Gap), Top + i / PerRow * (Filter + Gap));
            picture.Image(x, y, Filter, Filter, Colors(component, C, P));
            picture.Box(x, y, Filter, Filter, "frame");
        }
        return picture;
    }

    // Zero is grey; the component's largest magnitude is black or white.
    static RgbImage Colors(double[] component, int C, int P)
    {
        var largest = Math.Max(1e-30, component.Max(Math.Abs));
        var image = new RgbImage(P, P);
        for (var i = 0; i < P * P; i++)
            for (var c = 0; c < 3; c++)
                image.Pixels[3 * i + c] = (byte)Math.Round(127.5 * (1 + component[(C == 1 ? 0 : c) * P * P + i] / largest));
        return image;
    }

    /// <summary>The principal components of the rows, each with the fraction of the variance that it explains.</summary>
    /// <param name="rows">[N, M].</param>
    /// <param name="count">The maximum number of components.</param>
    internal static IReadOnlyList<(double[] Direction, double Fraction)> Components(Tensor rows, int count)
    {
        using var scope = NewDisposeScope();
        var wide = rows.detach().cpu().to(ScalarType.Float64);
        var (_, sizes, directions) = linalg.svd(wide - wide.mean([0L], keepdim: true), fullMatrices: false);
        double[] variances = [.. sizes.data<double>().Select(size => size * size)];
        var whole = Math.Max(1e-300, variances.Sum());
        return [.. variances.Take(count).TakeWhile(variance => variance > 1e-12 * whole).Select((variance, i) => (directions[i].contiguous().data<double>().ToArray(), variance / whole))];
    }

    static Picture Cut(RgbImage image, int P)
    {
        const double side = 280;
        var (down, across) = ((image.Height + P - 1) / P, (image.Width + P - 1) / P);
        var title = $"An image of {image.Width} × {image.Height} pixels as {down * across} patches of {P} × {P}";
        // With the gaps between them they are a third larger than the image.
        var cell = Math.Max(5, Math.Min(side / across, side / down) * 1.35);
        var picture = new Picture(Math.Max(Left + side + 40 + across * cell + Left, 90 + 9.2 * title.Length), Top + Math.Max(side, down * cell) + 24, title);
        picture.Text(Left, 30, title, "ink title");
        picture.Image(Left, Top, side, side, image);
        picture.Box(Left, Top, side, side, "frame");
        for (var row = 0; row < down; row++)
            for (var column = 0; column < across; column++)
            {
                var (width, height) = (Math.Min(P, image.Width - column * P), Math.Min(P, image.Height - row * P));
                var part = new RgbImage(width, height);
                for (var y = 0; y < height; y++) image.Row(row * P + y).Slice(3 * column * P, 3 * width).CopyTo(part.Row(y));
                picture.Image(Left + side + 40 + column * cell, Top + row * cell, cell * 0.85 * width / P, cell * 0.85 * height / P, part);
            }
        return picture;
    }
}

/// <summary>The attention of a ViT to the patches of an image, through all layers.</summary>
/// <remarks>Abnar and Zuidema 2020, section 3: the mean of the heads and of the residual connection, multiplied layer by layer.</remarks>
public static class RolloutPlot
{
    const double Side = 220, Gap = 18, Left = 24, Top = 76;
    const int MostLayers = 12, PerRow = 4;

    /// <summary>The image, brightened by the attention through all layers, and the attention of each layer.</summary>
    /// <param name="model">A ViT, in evaluation mode.</param>
    /// <param name="transform">Turns images into its inputs.</param>
    /// <param name="device">Where the model is.</param>
    public static Picture Of(Vit model, ImageTransform transform, RgbImage image, Device device) => Draw(model, transform, image, device);

    /// <summary>The rollouts of several images, as stored in a run.</summary>
    internal static ModelPicture Picture(Vit model, ImageTransform transform, IReadOnlyList<RgbImage> images, Device device)
    {
        var pictures = Plots.Picture.Stack("Attention over images of the validation split", [.. images.Select(image => Draw(model, transform, image, device, layers: false))]);
        var seen = transform.Fit(images[0]);
        var lit = Lit(seen, Maps(model, transform.Apply(images[0]), device).rollout);
        return new("rollout", pictures.ToSvg(), Raster.Encode(lit));
    }

    internal static Picture Draw(Vit model, ImageTransform transform, RgbImage image, Device device, bool layers = true)
    {
        var seen = transform.Fit(image);
        var (rollout, own) = Maps(model, transform.Apply(image), device);
        var heading = $"Attention over an image, rolled out through {own.Count} layers";
        var rows = layers ? (Math.Min(own.Count, MostLayers) + PerRow - 1) / PerRow : 0;
        var picture = new Picture(Left + PerRow * (Side + Gap) + 60, Top + (1 + rows) * (Side + 40) + 10, heading);
        picture.Text(Left, 30, heading, "ink title");
        Panel(picture, 0, 0, "image", seen);
        Panel(picture, 0, 1, "image, bright where attended to", Lit(seen, rollout));
        Panel(picture, 0, 2, "rollout", Colored(rollout));
        HeatMap.Bar(picture, Left + 3 * (Side + Gap), Top, Side, ColorScale.Amount, rollout.Values.Min(), rollout.Values.Max());
        if (!layers) return picture;
        // If there are too many layers, evenly spaced ones.
        var shown = Enumerable.Range(0, Math.Min(own.Count, MostLayers)).Select(i => own.Count <= MostLayers ? i : i * (own.Count - 1) / (MostLayers - 1)).ToList();
        foreach (var (i, layer) in shown.Index()) Panel(picture, 1 + i / PerRow, i % PerRow, $"layer {layer + 1}, mean of heads", Colored(own[layer]));
        return picture;
    }

    static void Panel(Picture picture, int row, int column, string title, RgbImage cells) =>
        picture.Tile(Left + column * (Side + Gap), Top + row * (Side + 40), Side, title, cells);

    /// <summary>The attention to each patch: through all layers, and in each layer alone.</summary>
    internal static (Matrix rollout, IReadOnlyList<Matrix> layers) Maps(Vit model, float[] pixels, Device device)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var recorder = new AttentionRecorder();
        var (size, channels, _) = model.Shape;
        model.Logits(tensor(pixels, [1, channels, size, size], device: device), recorder);
        var T = recorder.Weights[0].size(2);
        var side = (int)Math.Sqrt(T);
        // Without a class token, the image is the mean of all patches.
        var classToken = (long)side * side != T;
        Matrix Grid(Tensor weights)                                                                 // [T, T]
        {
            var row = classToken ? weights[0].narrow(0, 1, T - 1) : weights.mean([0L]);
            return Matrix.Of(row.view(side, side));
        }
        Tensor? joined = null;
        var layers = new List<Matrix>();
        foreach (var layer in recorder.Weights)
        {
            var mean = layer[0].to(ScalarType.Float32).mean([0L]).cpu();                            // [T, T]
            layers.Add(Grid(mean));
            var both = (mean + eye(T)) / 2;
            joined = joined is null ? both : both.matmul(joined);
        }
        return (Grid(joined!), layers);
    }

    static RgbImage Colored(Matrix grid)
    {
        var (low, high) = (grid.Values.Min(), grid.Values.Max());
        return Raster.Colored(grid.Values.Select(value => ColorScale.IndexOf(value, low, high)).ToArray(), grid.Columns, ColorScale.Amount);
    }

    /// <summary>An image that is bright where a grid's numbers are large.</summary>
    /// <remarks>Brightness is interpolated between the centres of patches: hard edges would look like edges in the image.</remarks>
    internal static RgbImage Lit(RgbImage image, Matrix grid)
    {
        using var scope = NewDisposeScope();
        var (low, high) = (grid.Values.Min(), grid.Values.Max());
        double[] weights = [.. grid.Values.Select(value => high > low ? (value - low) / (high - low) : 1)];
        var between = nn.functional.interpolate(tensor(weights, [1, 1, grid.Rows, grid.Columns]), [image.Height, image.Width], mode: InterpolationMode.Bilinear, align_corners: false);
        var brightness = (between * 0.85 + 0.15).data<double>().ToArray();
        var lit = image.Clone();
        for (var i = 0; i < lit.Span.Length; i++) lit.Span[i] = (byte)Math.Round(lit.Span[i] * brightness[i / 3]);
        return lit;
    }
}
