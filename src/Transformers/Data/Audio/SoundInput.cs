using System.Text.Json;
using System.Text.Json.Serialization;
using Transformers.IO;

namespace Transformers.Data.Audio;

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
