using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.IO;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Metrics;

namespace Transformers.Evaluation;

/// <summary>What a network makes of one image.</summary>
/// <param name="Input">The file.</param>
/// <param name="Labels">The most probable classes, most probable first.</param>
public sealed record ImagePrediction(string Input, IReadOnlyList<LabelProbability> Labels);

/// <summary>Names the classes of image files.</summary>
/// <param name="run">The network.</param>
/// <param name="broken">What happens when a file of a folder cannot be used. A file that is named itself always fails.</param>
public sealed class ImagePredictor(ImageRun run, BrokenFilePolicy broken = BrokenFilePolicy.Skip)
{
    readonly List<ImageException> skipped = [];

    /// <summary>Files of folders that could not be used so far.</summary>
    public IReadOnlyList<ImageException> Skipped => skipped;

    /// <summary>Predicts files one batch after another, in order; the images of a folder by name.</summary>
    /// <param name="inputs">Files, and folders with everything below them.</param>
    /// <param name="top">How many classes to tell of each.</param>
    /// <param name="batchSize">Images a pass; it changes no result.</param>
    /// <param name="precision">The number format of products.</param>
    /// <exception cref="UserException">An input does not exist, a folder has no images, or a file cannot be used.</exception>
    public IEnumerable<ImagePrediction> Predict(IEnumerable<string> inputs, int top = 5, int batchSize = 32, Precision precision = Precision.Fp32)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        // All inputs are looked at before the first is computed: a typing error in the last does not cost the work before it.
        var files = inputs.SelectMany(FilesOf).ToList();
        foreach (var part in files.Chunk(Math.Max(1, batchSize)))
            foreach (var prediction in PredictPart(part, top, precision)) yield return prediction;
    }

    static IEnumerable<(string file, bool named)> FilesOf(string input)
    {
        if (File.Exists(input)) return [(input, true)];
        if (!Directory.Exists(input)) throw new UserException([new Problem("there is no such file or folder", input)]);
        var files = Directory.EnumerateFiles(input, "*", SearchOption.AllDirectories).Where(ImageFiles.HasImageName).Order(StringComparer.Ordinal).Select(file => (file, false)).ToList();
        return files.Count > 0 ? files : throw new UserException([new Problem("there are no images in the folder", input, Hint: "JPEG, PNG and WebP files are read")]);
    }

    IReadOnlyList<ImagePrediction> PredictPart((string file, bool named)[] part, int top, Precision precision)
    {
        var transform = run.Input.Transform;
        var read = new float[part.Length][];
        var faults = new ImageException?[part.Length];
        AllCores.For(part.Length, i =>
        {
            try
            {
                read[i] = transform.Apply(ImageCodec.DecodeFile(part[i].file, new ImageDecodeOptions { Background = transform.Background }));
            }
            catch (ImageException exception)
            {
                faults[i] = exception;
            }
        });
        for (var i = 0; i < part.Length; i++)
        {
            if (faults[i] is not { } fault) continue;
            if (part[i].named || broken == BrokenFilePolicy.Fail) throw fault;
            skipped.Add(fault);
        }
        var good = Enumerable.Range(0, part.Length).Where(i => faults[i] is null).ToList();
        if (good.Count == 0) return [];
        Precisions.Apply(run.Model, Precisions.Resolve(precision, run.Device));
        var scores = run.Scores([.. good.SelectMany(i => read[i])], good.Count);
        var classes = run.Input.Classes;
        return [.. good.Select((i, row) => new ImagePrediction(part[i].file, Top(scores.AsSpan(row * classes.Count, classes.Count), top)))];
    }

    IReadOnlyList<LabelProbability> Top(ReadOnlySpan<float> scores, int top)
    {
        var probabilities = Probabilities.Of(scores);
        return [.. Enumerable.Range(0, probabilities.Length).OrderByDescending(c => probabilities[c]).ThenBy(c => c).Take(top)
            .Select(c => new LabelProbability(run.Input.Classes[c], probabilities[c]))];
    }
}
