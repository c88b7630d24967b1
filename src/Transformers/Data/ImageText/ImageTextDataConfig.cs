using System.Text.Json;
using System.Text.Json.Serialization;
using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.Generators.Scenes;
using Transformers.IO;
using Transformers.Tokenizers;

namespace Transformers.Data.ImageText;

/// <summary>Images with text: questions with answers, captions, or both.</summary>
[Kind("image_text")]
public sealed record ImageTextDataConfig : DataConfig, IChecked
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["input", "regions", "max_length"];

    /// <summary>Where the examples come from: a generator or a folder.</summary>
    public required ImageTextSourceConfig Source { get; init; }

    /// <summary>How text becomes token ids.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>How an image's pixels are turned into the model's input; not with <c>regions</c>.</summary>
    public ImageInputConfig? Input { get; init; }

    /// <summary>Region features from an object detector, instead of pixels.</summary>
    public RegionsConfig? Regions { get; init; }

    /// <summary>The maximum number of tokens of a text, including its two framing tokens; longer texts are truncated.</summary>
    [Between(3, 100_000)]
    public int MaxLength { get; init; } = 64;

    /// <summary>The fraction of the training examples that is held out for validation if the source has no validation split; nothing by default. All examples of an image are in the same split.</summary>
    [Between(0, 0.9)]
    public double? Holdout { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Input is not null || Regions is not null, "input", $"or {check.At("regions")} must be given", "for example input: { size: 64 }");
        check.That(Input is null || Regions is null, "regions", $"and {check.At("input")} must not both be given", "keep one of them");
    }

    /// <summary>The splits, without the examples that cannot be used, and including what is held out.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public ImageTextSplits Open() => Source.Open(Regions).WithoutBroken().WithHoldout(Holdout).WithLimit(Limit);
}

/// <summary>Region features instead of an image's pixels.</summary>
/// <remarks>Lu et al. 2019, section 3.1: a vector for each region that a detector found, and five numbers for its box.</remarks>
public sealed record RegionsConfig
{
    /// <summary>The JSON lines file in the source's folder, with <c>image</c>, <c>boxes</c>, <c>features</c> and optionally <c>classes</c>; generated scenes have their own.</summary>
    [NotEmpty]
    public string File { get; init; } = "regions.jsonl";

    /// <summary>The maximum number of regions per image; further ones in the file are ignored.</summary>
    [Between(1, 1000)]
    public int Most { get; init; } = 36;
}

/// <summary>Where images with text come from: a generator or a folder.</summary>
public abstract record ImageTextSourceConfig
{
    /// <summary>The splits.</summary>
    /// <param name="regions">The features that replace the images; null for pixels.</param>
    /// <exception cref="UserException">They are missing.</exception>
    public abstract ImageTextSplits Open(RegionsConfig? regions);

    /// <summary>The same kind of data from another folder, as with <c>--data</c>.</summary>
    public ImageTextSourceConfig At(string folder) => this is ImageTextFolderConfig own ? own with { Folder = folder } : new ImageTextFolderConfig { Folder = folder };
}

/// <summary>Images with text that the program generates, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedImageTextConfig : ImageTextSourceConfig
{
    /// <summary>What is generated.</summary>
    public required ImageTextGenerator Generator { get; init; }

    /// <summary>The number of training scenes; each other split has a twentieth of it, between 200 and 2,000.</summary>
    [Between(1, 10_000_000)]
    public int Size { get; init; } = 20_000;

    /// <summary>The seed of the scenes; separate from the run's seed, so that runs with several seeds train on the same scenes.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The kinds of questions, which alternate in every split; by default all, with relations more frequent in training.</summary>
    [NotEmpty]
    public IReadOnlyList<SceneQuestion>? Questions { get; init; }

    /// <inheritdoc/>
    public override ImageTextSplits Open(RegionsConfig? regions)
    {
        return new(Split(SceneSplit.Train), Split(SceneSplit.Validation), [Split(SceneSplit.Test), Split(SceneSplit.Unseen)]);

        ImageTextSplit Split(SceneSplit split) => new(SceneGenerator.NameOf(split), null, () => Enumerable.Range(0, SceneGenerator.SizeOf(split, Size)).Select(i => Example(split, i)))
        {
            Open = example => SceneGenerator.Draw(split, Seed, example.Number, Questions),
            Regions = regions is null ? null : example =>
            {
                var found = SceneRegions.Of(example.Image, split, Seed, example.Number, Questions);
                return new ImageRegions(found.Boxes, found.Features, found.Classes).AtMost(regions.Most);
            },
        };
    }

    ImageTextExample Example(SceneSplit split, int index)
    {
        var scene = SceneGenerator.At(split, Seed, index, Questions);
        return new($"{SceneGenerator.NameOf(split)}-{index}", scene.Question)
        {
            Answer = scene.Answer, Kind = scene.Kind.ToString().ToLowerInvariant(), Caption = scene.Caption, FalseCaption = scene.FalseCaption, Number = index,
        };
    }
}

/// <summary>The generators of images with text.</summary>
public enum ImageTextGenerator
{
    /// <summary>Scenes of coloured objects, with a question, its answer and a caption each.</summary>
    Scenes,
}

/// <summary>A folder with <c>train.jsonl</c> and optionally <c>val.jsonl</c>, <c>test.jsonl</c> and further test splits (or <c>.tsv</c>, each also as <c>.gz</c>); image paths are relative to the folder.</summary>
[ByKey("folder")]
public sealed record ImageTextFolderConfig : ImageTextSourceConfig
{
    /// <summary>The folder, or a single file, all of whose examples are used for training.</summary>
    [NotEmpty]
    public required string Folder { get; init; }

    /// <summary>The field or column of the image's file. If the first line of a <c>.tsv</c> does not contain it, the columns are image, text and answer.</summary>
    [NotEmpty]
    public string Image { get; init; } = "image";

    /// <summary>The field or column of the text: the question, or the caption if there are no answers.</summary>
    [NotEmpty]
    public string Text { get; init; } = "text";

    /// <summary>The field or column of the answer, if any.</summary>
    [NotEmpty]
    public string Answer { get; init; } = "answer";

    /// <summary>The field or column of the question's type; an evaluation reports scores for each.</summary>
    [NotEmpty]
    public string Kind { get; init; } = "kind";

    /// <summary>The field or column of a caption in addition to the question; without one, the pretraining objectives use the text itself.</summary>
    [NotEmpty]
    public string Caption { get; init; } = "caption";

    /// <summary>The field or column of an almost true caption: a hard negative for matching.</summary>
    [NotEmpty]
    public string FalseCaption { get; init; } = "false_caption";

    /// <inheritdoc/>
    public override ImageTextSplits Open(RegionsConfig? regions) => new ImageTextFiles(this, regions).Open();
}

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
