using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.Generators.Scenes;
using Transformers.IO;
using Transformers.Tokenizers;

namespace Transformers.Data.ImageText;

/// <summary>Images with texts: questions with answers, captions, or both.</summary>
[Kind("image_text")]
public sealed record ImageTextDataConfig : DataConfig, IChecked
{
    /// <summary>Where the examples come from: a generator or a folder.</summary>
    public required ImageTextSourceConfig Source { get; init; }

    /// <summary>How text becomes token ids.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>The model's view of an image's pixels; not with <c>regions</c>.</summary>
    public ImageInputConfig? Input { get; init; }

    /// <summary>Region features in place of pixels, as a detector gives them.</summary>
    public RegionsConfig? Regions { get; init; }

    /// <summary>The most tokens of a text with its two framing ones; longer texts lose their end.</summary>
    [Between(3, 100_000)]
    public int MaxLength { get; init; } = 64;

    /// <summary>The fraction of the training examples that is held out for validation where the source has no validation split; nothing by default. All examples of an image are on the same side.</summary>
    [Between(0, 0.9)]
    public double? Holdout { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Input is not null || Regions is not null, "input", $"or {check.At("regions")} must be given", "for example input: { size: 64 }");
        check.That(Input is null || Regions is null, "regions", $"and {check.At("input")} must not both be given", "keep one of them");
    }

    /// <summary>The splits, with what is held out.</summary>
    /// <exception cref="UserException">They are not where they should be.</exception>
    public ImageTextSplits Open() => Source.Open(Regions).WithHoldout(Holdout).WithLimit(Limit);
}

/// <summary>Features of regions in place of an image's pixels.</summary>
/// <remarks>Lu et al. 2019, section 3.1: a vector for each region that a detector found, and five numbers for its box.</remarks>
public sealed record RegionsConfig
{
    /// <summary>The file of JSON lines, in the source's folder, with <c>image</c>, <c>boxes</c>, <c>features</c> and perhaps <c>classes</c>; generated scenes have their own.</summary>
    [NotEmpty]
    public string File { get; init; } = "regions.jsonl";

    /// <summary>The most regions of an image; further ones of the file are left out.</summary>
    [Between(1, 1000)]
    public int Most { get; init; } = 36;
}

/// <summary>Where images with texts come from: a generator or a folder.</summary>
public abstract record ImageTextSourceConfig
{
    /// <summary>The splits.</summary>
    /// <param name="regions">The features that take the images' place; null for pixels.</param>
    /// <exception cref="UserException">They are not where they should be.</exception>
    public abstract ImageTextSplits Open(RegionsConfig? regions);

    /// <summary>The same kind of data from another folder: what <c>--data</c> does.</summary>
    public ImageTextSourceConfig At(string folder) => this is ImageTextFolderConfig own ? own with { Folder = folder } : new ImageTextFolderConfig { Folder = folder };
}

/// <summary>Images with texts that the program makes itself, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedImageTextConfig : ImageTextSourceConfig
{
    /// <summary>What is made.</summary>
    public required ImageTextGenerator Generator { get; init; }

    /// <summary>The number of training scenes; each other split has a twentieth of it, from 200 to 2,000.</summary>
    [Between(1, 10_000_000)]
    public int Size { get; init; } = 20_000;

    /// <summary>The seed of the scenes; apart from the run's seed, so that runs with several seeds train on the same scenes.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The kinds of questions, which take turns in every split; by default all, and in training relations more often.</summary>
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

/// <summary>The generators of images with texts.</summary>
public enum ImageTextGenerator
{
    /// <summary>Scenes of coloured objects, with a question, its answer and a caption each.</summary>
    Scenes,
}

/// <summary>A folder with <c>train.jsonl</c> and perhaps <c>val.jsonl</c>, <c>test.jsonl</c> and further tests (or <c>.tsv</c>, each also as <c>.gz</c>), whose image names start at the folder.</summary>
[ByKey("folder")]
public sealed record ImageTextFolderConfig : ImageTextSourceConfig
{
    /// <summary>The folder; or one file, whose examples are all for training.</summary>
    [NotEmpty]
    public required string Folder { get; init; }

    /// <summary>The field or column of the image's file. A <c>.tsv</c> whose first line does not have it is read as image, text, answer.</summary>
    [NotEmpty]
    public string Image { get; init; } = "image";

    /// <summary>The field or column of the text: the question, or the caption where there are no answers.</summary>
    [NotEmpty]
    public string Text { get; init; } = "text";

    /// <summary>The field or column of the answer, where there is one.</summary>
    [NotEmpty]
    public string Answer { get; init; } = "answer";

    /// <summary>The field or column of the question's kind, by which an evaluation is divided.</summary>
    [NotEmpty]
    public string Kind { get; init; } = "kind";

    /// <summary>The field or column of a caption beside the question; without one, the text itself is what the pretraining objectives read.</summary>
    [NotEmpty]
    public string Caption { get; init; } = "caption";

    /// <summary>The field or column of a caption that is almost right: a hard negative for matching.</summary>
    [NotEmpty]
    public string FalseCaption { get; init; } = "false_caption";

    /// <inheritdoc/>
    public override ImageTextSplits Open(RegionsConfig? regions) => new ImageTextFiles(this, regions).Open();
}
