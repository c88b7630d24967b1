using System.Text.Json;
using Transformers.IO;

namespace Transformers.Evaluation;

/// <summary>One example of an evaluation as a line of a file of predictions.</summary>
/// <param name="Input">The source, or the text.</param>
/// <param name="Prediction">The translation, or the class.</param>
/// <param name="Reference">The reference, or the right class.</param>
/// <param name="Score">The translation's score, or the class's probability.</param>
public sealed record PredictionLine(string Input, string Prediction, string Reference, double Score);

/// <summary>Writes predictions, one JSON line each; without a path nothing.</summary>
sealed class PredictionFile : IDisposable
{
    readonly StreamWriter? writer;

    internal PredictionFile(string? path)
    {
        if (path is null) return;
        try
        {
            writer = new StreamWriter(path) { NewLine = "\n" };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", path, Path: "--output")], exception);
        }
    }

    internal void Add(PredictionLine line) => writer?.WriteLine(JsonSerializer.Serialize(line, JsonStyle.Options));

    public void Dispose() => writer?.Dispose();
}
