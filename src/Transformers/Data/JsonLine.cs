using System.Text.Json;
using Transformers.IO;

namespace Transformers.Data;

/// <summary>One line of a JSON-lines file.</summary>
static class JsonLine
{
    /// <exception cref="UserException">The line is not JSON, or deeper than 64 levels.</exception>
    public static JsonDocument Parse(string text, string path, int line)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException exception)
        {
            throw TextLines.Error(path, line, $"the line is not JSON: {exception.Message}", "one document a line is expected");
        }
    }

    /// <summary>The text at a dotted path; a number or a truth value is taken as it is written.</summary>
    /// <exception cref="UserException">There is no such field, or it holds no text.</exception>
    public static string Text(JsonElement root, string field, string path, int line)
    {
        var element = root;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(field, out element))
        {
            element = root;
            foreach (var name in field.Split('.'))
                if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
                    throw TextLines.Error(path, line, $"the document has no field {field}");
        }
        try
        {
            return element.ValueKind switch
            {
                JsonValueKind.String => element.GetString()!,
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => element.GetRawText(),
                _ => throw TextLines.Error(path, line, $"the field {field} holds no text"),
            };
        }
        catch (InvalidOperationException)
        {
            throw TextLines.Error(path, line, $"the field {field} holds half of a surrogate pair");
        }
    }
}
