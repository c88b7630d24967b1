using System.Globalization;
using System.Text.Json;
using Transformers.IO;

namespace Transformers.Reports.Plots;

/// <summary>The confusion matrix of a classifier.</summary>
public static class ConfusionPlot
{
    const int MostClasses = 1000, MostNumbers = 20, LargestFile = 64 << 20;

    /// <summary>Counts by actual and predicted class; colours are fractions of a row, so that rare classes show too.</summary>
    /// <param name="counts">A row for each actual class, a column for each predicted one.</param>
    /// <param name="labels">The names of the classes.</param>
    /// <exception cref="UserException">The matrix does not have a row and a column for each label.</exception>
    public static HeatMap Of(IReadOnlyList<IReadOnlyList<long>> counts, IReadOnlyList<string> labels)
    {
        var N = labels.Count;
        if (N is 0 or > MostClasses) throw new UserException($"the confusion matrix has {N} classes; 1 to {MostClasses} can be shown");
        if (counts.Count != N || counts.Any(row => row.Count != N))
            throw new UserException($"the confusion matrix must have {N} rows and columns, as many as there are labels");
        var fractions = Matrix.Of(N, N, (row, column) => (double)counts[row][column] / Math.Max(1, counts[row].Sum()));
        var texts = N > MostNumbers ? null : counts.SelectMany(row => row).Select(count => count.ToString(CultureInfo.InvariantCulture)).ToArray();
        return new HeatMap("Confusion matrix (colour: fraction of the actual class)", "predicted class", "actual class",
            [new("", fractions, labels, labels, texts)], PanelSize: Math.Clamp(34 * N, 200, 640)) { Low = 0, High = 1 };
    }

    /// <summary>Reads the document that <c>eval --json</c> prints, or any with <c>confusion</c> and <c>labels</c>.</summary>
    /// <exception cref="UserException">It cannot be read, or lacks one of them.</exception>
    public static HeatMap Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(BoundedFile.ReadBytes(path, LargestFile), new JsonDocumentOptions { MaxDepth = 16 });
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("confusion", out var confusion) && document.RootElement.TryGetProperty("labels", out var labels))
                return Of([.. confusion.EnumerateArray().Take(MostClasses + 1).Select(row => (IReadOnlyList<long>)[.. row.EnumerateArray().Take(MostClasses + 1).Select(count => count.GetInt64())])],
                    [.. labels.EnumerateArray().Take(MostClasses + 1).Select(label => label.GetString() ?? "")]);
            throw Wrong(path, "has no confusion matrix");
        }
        catch (JsonException exception)
        {
            // The reader's own message may quote arbitrary bytes of the file.
            throw Wrong(path, "is not JSON", exception);
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException)
        {
            throw Wrong(path, $"is not a document with a confusion matrix: {exception.Message}", exception);
        }
    }

    static UserException Wrong(string path, string what, Exception? inner = null) =>
        new([new Problem(what, path, Hint: "transformer eval RUN --json > eval.json writes one, for a classifier")], inner);
}
