using System.Text.Encodings.Web;
using System.Text.Json;
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
    public static string ReasonOf(JsonException exception) => exception.Message.Split(". ")[0].Split(" LineNumber:")[0].Split(" Path:")[0].TrimEnd('.');

    /// <summary>For files that are read back: every member must be there and known, enumerations by name.</summary>
    public static readonly JsonSerializerOptions Strict = new(Indented)
    {
        MaxDepth = 8,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };
}
