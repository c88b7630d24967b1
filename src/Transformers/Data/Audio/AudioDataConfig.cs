using System.Text.Json.Serialization;
using Transformers.Configs;
using Transformers.Generators.Speech;

namespace Transformers.Data.Audio;

/// <summary>Labelled recordings, for models that classify them.</summary>
[Kind("audio")]
public sealed record AudioDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["seconds", "mels"];

    /// <summary>Where the recordings come from: a generator or a folder.</summary>
    public required AudioSourceConfig Source { get; init; }

    /// <summary>The length of the model's input, in seconds: longer recordings are cropped, shorter ones are padded with silence.</summary>
    [Between(0.1, 60)]
    public double Seconds { get; init; } = 1;

    /// <summary>The number of bands M of the spectrogram.</summary>
    [Between(8, 512)]
    public int Mels { get; init; } = 128;

    /// <summary>The fraction of the training recordings of each class that is held out for validation if the folder has no validation split; 0 for none.</summary>
    [Between(0, 0.9)]
    public double Holdout { get; init; } = 0.1;

    /// <summary>The random augmentation of training recordings.</summary>
    public AudioAugmentConfig Augment { get; init; } = new();
}

/// <summary>Where recordings come from: a generator or a folder.</summary>
public abstract record AudioSourceConfig;

/// <summary>Words that the program synthesises, the same on every machine; training, validation and test have different voices.</summary>
[ByKey("generator")]
public sealed record GeneratedAudioConfig : AudioSourceConfig
{
    /// <summary>The words that are synthesised.</summary>
    public required SpeechKind Generator { get; init; }

    /// <summary>The number of training recordings; validation has a tenth and the test a fifth as many.</summary>
    [Between(10, 1_000_000)]
    public int Count { get; init; } = 4_000;

    /// <summary>The seed of the recordings; separate from the run's seed, so that runs with several seeds train on the same recordings.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>WAV files that are read from a folder.</summary>
[ByKey("path")]
public sealed record AudioFolderConfig : AudioSourceConfig
{
    /// <summary>A folder with one folder per class, optionally below <c>train</c>, <c>validation</c> and <c>test</c>.</summary>
    [NotEmpty]
    public required string Path { get; init; }
}

/// <summary>The random augmentation of training recordings.</summary>
/// <remarks>Park et al. 2019 (SpecAugment), section 2, without time warping.</remarks>
public sealed record AudioAugmentConfig
{
    /// <summary>The maximum number of bands that a mask hides.</summary>
    [Between(0, 512)]
    public int Frequency { get; init; } = 24;

    /// <summary>The maximum number of frames, of 10 ms, that a mask hides.</summary>
    [Between(0, 6000)]
    public int Time { get; init; } = 16;

    /// <summary>The number of masks of each kind.</summary>
    [Between(0, 10)]
    public int Masks { get; init; } = 1;

    /// <summary>The maximum shift of a recording in time, in seconds, in either direction.</summary>
    [Between(0, 10)]
    public double Shift { get; init; } = 0.1;
}

/// <summary>How recordings become a model's input; stored in checkpoints, so that evaluation matches training.</summary>
/// <param name="Samples">The number of input samples, at 16 kHz.</param>
/// <param name="Mels">The number of bands of the spectrogram.</param>
/// <param name="Mean">The mean of the training spectrograms.</param>
/// <param name="Std">Their standard deviation.</param>
public sealed record SoundInput(int Samples, int Mels, double Mean, double Std)
{
    /// <summary>The file's name in a checkpoint and in a run folder.</summary>
    public const string FileName = "sound_input.json";

    const string CurrentSchema = "transformer.sound-input/1";

    /// <summary>The name and version of the document.</summary>
    [JsonPropertyOrder(-1)]
    public string Schema { get; init; } = CurrentSchema;

    /// <summary>The file's text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonStyle.Strict) + "\n";

    /// <summary>Reads a file's text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Its file, for messages.</param>
    /// <exception cref="UserException">It is not such a file, or a value is out of range.</exception>
    public static SoundInput Parse(string json, string file) => InputDocument.Parse<SoundInput>(json, file, CurrentSchema, one =>
        one is { Schema: CurrentSchema, Samples: > 0 and <= 60 * SoundDataset.Rate, Mels: >= 8 and <= 512, Std: > 0 } && double.IsFinite(one.Mean) && double.IsFinite(one.Std));
}
