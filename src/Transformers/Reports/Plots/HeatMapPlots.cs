using Transformers.IO.Sounds;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>Spectrograms of recordings, and the attention of a network to them.</summary>
public static class SpectrogramPlot
{
    const double Width = 620, Height = 260;

    /// <summary>The spectrogram of a file.</summary>
    /// <param name="path">A WAV file.</param>
    /// <param name="mels">The number of bands.</param>
    /// <exception cref="UserException">It cannot be read, or is longer than a minute.</exception>
    public static Picture Read(string path, int mels)
    {
        var samples = Resampler.Resample(WavFile.Read(path), LogMel.Rate).Samples;
        if (samples.Length is <= 1024 or > 60 * LogMel.Rate)
            throw new UserException([new Problem($"has {(double)samples.Length / LogMel.Rate:0.##} seconds; 0.1 to 60 can be drawn", path)]);
        using var scope = NewDisposeScope();
        using var front = new LogMel(mels, CPU);
        return Of(front.Of(tensor(samples).unsqueeze(0))[0], Path.GetFileName(path));
    }

    /// <summary>The spectrogram of a recording.</summary>
    /// <param name="spectrogram">[T, M]: the logarithm of each band's power in each frame.</param>
    /// <param name="name">The recording's name.</param>
    public static Picture Of(Tensor spectrogram, string name)
    {
        var picture = new Picture(Width + 190, Height + 130, $"Log-mel spectrogram of {name}");
        picture.Text(24, 30, picture.Title, "ink title");
        Draw(picture, 60, "", spectrogram, seconds: (double)spectrogram.size(0) * LogMel.Hop / LogMel.Rate, (int)spectrogram.size(1));
        return picture;
    }

    /// <summary>A recording's spectrogram above the attention to its patches, rolled out through all layers.</summary>
    /// <remarks>Abnar and Zuidema 2020, section 3: the mean of the heads and of the residual connection, multiplied layer by layer.</remarks>
    /// <param name="model">The network, in evaluation mode.</param>
    /// <param name="spectrogram">[1, T, M], normalised.</param>
    /// <param name="name">The recording's name.</param>
    public static Picture Attention(Ast model, Tensor spectrogram, string name)
    {
        using var recorder = new AttentionRecorder();
        model.Logits(spectrogram, recorder);
        var (rows, columns) = model.Grid;
        var T = recorder.Weights[0].size(2);
        Tensor? joined = null;
        foreach (var layer in recorder.Weights)
        {
            var both = (layer[0].to(ScalarType.Float32).mean([0L]).cpu() + eye(T)) / 2;                 // [T, T]
            joined = joined is null ? both : both.matmul(joined);
        }
        // Without a class token, the output is the mean of all patches.
        var seen = T == (long)rows * columns ? joined!.mean([0L]) : joined![0].narrow(0, 1, T - 1);
        var picture = new Picture(Width + 190, 2 * (Height + 70) + 90, $"Attention over {name}, rolled out through {recorder.Weights.Count} layers");
        picture.Text(24, 30, picture.Title, "ink title");
        var seconds = (double)model.Shape.Frames * LogMel.Hop / LogMel.Rate;
        Draw(picture, 60, "spectrogram, normalised", spectrogram[0], seconds, model.Shape.Mels);
        Draw(picture, 60 + Height + 70, "attention in frequency and time", seen.view(rows, columns).t(), seconds, model.Shape.Mels);
        return picture;
    }

    // [columns, rows] over time and frequency, low frequencies at the bottom.
    static void Draw(Picture picture, double y, string title, Tensor cells, double seconds, int mels)
    {
        const double left = 84;
        var (columns, rows) = cells.Dims2();
        var matrix = Matrix.Of(cells.t().flip(0));
        var (low, high) = (matrix.Values.Min(), matrix.Values.Max());
        if (title.Length > 0) picture.Text(left, y - 6, title, "soft label");
        picture.Image(left, y, Width, Height, Raster.Colored([.. matrix.Values.Select(value => ColorScale.IndexOf(value, low, high))], (int)columns, ColorScale.Amount));
        picture.Box(left, y, Width, Height, "frame");
        HeatMap.Bar(picture, left + Width + 16, y, Height, ColorScale.Amount, low, high);
        var middles = LogMel.MiddlesOf(mels);
        foreach (var hertz in (double[])[250, 500, 1000, 2000, 4000])
        {
            var band = middles.Index().MinBy(one => Math.Abs(one.Item - hertz)).Index;
            picture.Text(left - 8, y + Height * (1 - (band + 0.5) / mels) + 4, hertz.ToString("0", CultureInfo.InvariantCulture), "soft small", Anchor.End);
        }
        for (var i = 0; i <= 5; i++) picture.Text(left + Width * i / 5, y + Height + 16, (seconds * i / 5).ToString("0.##", CultureInfo.InvariantCulture), "soft small", Anchor.Middle);
        picture.Text(left + Width / 2, y + Height + 34, "seconds", "ink label", Anchor.Middle);
        picture.Text(20, y + Height / 2, "Hz", "ink label", Anchor.Middle, turn: -90);
    }
}

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
        catch (UserException exception) when (exception.Problems is [{ File: null } problem])
        {
            throw new UserException([problem with { File = path }], exception);
        }
    }

    static UserException Wrong(string path, string what, Exception? inner = null) =>
        new([new Problem(what, path, Hint: "transformer eval RUN --json > eval.json writes one, for a classifier")], inner);
}
