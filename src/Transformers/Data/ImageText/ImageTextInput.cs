using System.Text.Json;
using System.Text.Json.Serialization;
using Transformers.Data.Images;
using Transformers.IO;

namespace Transformers.Data.ImageText;

/// <summary>How a ViLBERT model reads images; stored in checkpoints.</summary>
/// <param name="Channels">Channels of an image, or features of a region.</param>
/// <param name="RegionClasses">Classes of a region; 0 for none.</param>
/// <param name="MostRegions">The maximum number of regions per image; 0 for pixels.</param>
/// <param name="Transform">How pixels are transformed; null for region features.</param>
public sealed record ImageTextInput(int Channels, int RegionClasses, int MostRegions, ImageTransform? Transform = null)
{
    /// <summary>The file's name in a checkpoint and in a run folder.</summary>
    public const string FileName = "image_text.json";

    const string CurrentSchema = "transformer.image-text/1";

    /// <summary>The name and version of the document.</summary>
    [JsonPropertyOrder(-1)]
    public string Schema { get; init; } = CurrentSchema;

    /// <summary>The file's text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonStyle.Strict) + "\n";

    /// <summary>Turns images into the model's input.</summary>
    public ImageView CreateView() => Transform is { } transform ? new PixelView(transform) : new RegionView();

    /// <summary>Reads a file's text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Its file, for messages.</param>
    /// <exception cref="UserException">It is not such a file, or a value is out of range.</exception>
    public static ImageTextInput Parse(string json, string file)
    {
        var input = InputDocument.Parse<ImageTextInput>(json, file, CurrentSchema, one =>
            one is { Schema: CurrentSchema, Channels: >= 1, RegionClasses: >= 0, MostRegions: >= 0 } && (one.Transform is null) == (one.MostRegions > 0));
        input.Transform?.Checked();
        return input;
    }

    /// <summary>The input that a config describes; measures the pixels' mean and standard deviation on the training images if the config says so.</summary>
    /// <param name="config">The config.</param>
    /// <param name="train">The training split.</param>
    /// <exception cref="UserException">The images or the regions cannot be read.</exception>
    public static ImageTextInput Of(ImageTextDataConfig config, ImageTextSplit train)
    {
        if (config.Regions is { } regions)
        {
            var first = train.Regions!(train.Read().First());
            return new(first.Features[0].Length, first.Classes?[0].Length ?? 0, regions.Most);
        }
        var input = config.Input!;
        return new(input.Channels, 0, 0, ImageTransform.Of(input, view => Measure(train, view)));
    }

    const int Measured = 1000;

    static (IReadOnlyList<double>, IReadOnlyList<double>) Measure(ImageTextSplit train, ImageTransform transform)
    {
        var examples = train.Read().DistinctBy(example => example.Image).Take(Measured).ToList();
        var sums = new PixelSums(transform.Channels);
        AllCores.For(examples.Count, i => sums.Add(transform.Fit(train.Open(examples[i])).Span));
        // A single colour everywhere has no standard deviation to divide by.
        return sums.Statistics(leastDeviation: 1);
    }
}
