using System.Text.Encodings.Web;
using System.Text.Json.Serialization;

namespace Transformers.IO;

/// <summary>How every JSON document of the program is written.</summary>
public static class JsonStyle
{
    /// <summary>snake_case names, no nulls, text as it is, and NaN by its name.</summary>
    public static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>The same over several lines, for files.</summary>
    public static readonly JsonSerializerOptions Indented = new(Options) { WriteIndented = true, NewLine = "\n" };

    /// <summary>Why a text is not JSON: the first sentence, without the parser's count of lines and bytes, which starts at 0.</summary>
    public static string ReasonOf(Exception exception) => exception.Message.Split(". ")[0].Split(" LineNumber:")[0].Split(" Path:")[0].TrimEnd('.');

    /// <summary>For files that are read back: every member must be present and known; enumerations are written by name.</summary>
    public static readonly JsonSerializerOptions Strict = new(Indented)
    {
        MaxDepth = 8,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };
}

/// <summary>Files in checkpoints that describe how data become a model's input.</summary>
static class InputDocument
{
    /// <summary>Reads a file's text strictly.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Its file, for messages.</param>
    /// <param name="fits">Whether the document is of the schema and its values are in range.</param>
    /// <exception cref="UserException">It is not such a file.</exception>
    internal static T Parse<T>(string json, string file, string schema, Func<T, bool> fits) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, JsonStyle.Strict) is { } document && fits(document) ? document : throw Wrong($"is not a file of schema {schema}", file);
        }
        catch (JsonException exception)
        {
            throw Wrong($"cannot be read: {JsonStyle.ReasonOf(exception)}", file);
        }
    }

    /// <summary>The error for such a file.</summary>
    internal static UserException Wrong(string what, string file) => new([new Problem(what, file, Hint: "training writes it; continue from another checkpoint")]);
}
