using Transformers.Models;

namespace Transformers.Inspection;

/// <summary>Operations of training, forwards and backwards, of models whose matrices do not all see the same number of tokens.</summary>
/// <remarks>Counted as <see cref="ModelCost"/> counts: 6 for each parameter of a matrix and each vector that goes through it, and 12·D for each pair of a query and a key, in each layer.</remarks>
static class StepCost
{
    const double Matrix = 6, Pair = 12;

    /// <summary>Of one image.</summary>
    internal static double OfImage(VitConfig shape, ImageShape images, IReadOnlyList<ParameterShape> table)
    {
        double patches = Math.Pow(images.Size / shape.Patch, 2), tokens = patches + (shape.Pool == ImagePooling.Cls ? 1 : 0);
        return Matrix * (patches * Sum(table, "patches.") + tokens * Sum(table, "blocks.") + Sum(table, "head."))
            + Pair * shape.Width * shape.Layers * tokens * tokens;
    }

    /// <summary>Of one pair whose sides have a number of tokens each.</summary>
    internal static double OfPair(Seq2SeqConfig shape, double length, IReadOnlyList<ParameterShape> table)
    {
        var output = table.Where(one => one.Name == "output.weight").Sum(one => one.Count);
        // Without a matrix of its own, the output layer uses the target tokens', or the one of both.
        if (output == 0) output = (table.FirstOrDefault(one => one.Name == "targetTokens.weight") ?? table.First(one => one.Name == "sourceTokens.weight")).Count;
        var attended = shape.Layers + 2 * (shape.DecoderLayers ?? shape.Layers);
        return Matrix * length * (Sum(table, "encoder.") + Sum(table, "decoder.") + output) + Pair * shape.Width * attended * length * length;
    }

    static double Sum(IReadOnlyList<ParameterShape> table, string prefix) =>
        table.Where(one => one.Shape.Count >= 2 && one.Name.StartsWith(prefix, StringComparison.Ordinal)).Sum(one => one.Count);
}
