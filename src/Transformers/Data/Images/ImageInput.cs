using System.Text.Json;
using System.Text.Json.Serialization;
using Transformers.IO;

namespace Transformers.Data.Images;

/// <summary>How files become a model's input and its output becomes labels; a checkpoint holds it.</summary>
/// <param name="Transform">What the model sees of an image.</param>
/// <param name="Classes">The names of the N classes, in the order of the model's scores.</param>
public sealed record ImageInput(ImageTransform Transform, IReadOnlyList<string> Classes)
{
    /// <summary>The file's name in a checkpoint and in a run folder.</summary>
    public const string FileName = "image_transform.json";

    const string CurrentSchema = "transformer.image-transform/1";

    /// <summary>The name and version of the document.</summary>
    [JsonPropertyOrder(-1)]
    public string Schema { get; init; } = CurrentSchema;

    /// <summary>The file's text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonStyle.Strict) + "\n";

    /// <summary>Reads a file's text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Its file, for messages.</param>
    /// <exception cref="UserException">It is no such file, or a value is out of range.</exception>
    public static ImageInput Parse(string json, string file)
    {
        try
        {
            var input = JsonSerializer.Deserialize<ImageInput>(json, JsonStyle.Strict);
            if (input is not { Schema: CurrentSchema, Transform: { Mean: not null, Std: not null } transform, Classes: { Count: > 0 } classes } || classes.Any(string.IsNullOrEmpty))
                throw Wrong($"is not a file of schema {CurrentSchema}");
            if (classes.Distinct(StringComparer.Ordinal).Count() != classes.Count) throw Wrong("names a class twice");
            transform.Checked();
            return input;
        }
        catch (JsonException exception)
        {
            throw Wrong($"cannot be read: {exception.Message}");
        }

        UserException Wrong(string what) => new([new Problem(what, file, Hint: "it is written by training; go on from another checkpoint")]);
    }
}
