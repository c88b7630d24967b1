using TorchSharp;
using Transformers.IO.Images;
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
