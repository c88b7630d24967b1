using Transformers.Data.Text;

namespace Transformers.Data.ImageText;

/// <summary>A report on images with text; training on them gives the same warnings.</summary>
/// <param name="Splits">The splits.</param>
/// <param name="Unusable">The number of examples whose text or image cannot be used.</param>
/// <param name="UnusableExamples">The first of these, with what is wrong.</param>
/// <param name="Warnings">What a user should know before training on them.</param>
public sealed record ImageTextReport(IReadOnlyList<ImageTextSplitReport> Splits, int Unusable, IReadOnlyList<string> UnusableExamples, IReadOnlyList<string> Warnings)
{
    const int MostNamed = 10, MostAnswers = 20;

    static readonly string[] Names = ["train.jsonl", "train.jsonl.gz", "train.tsv", "train.tsv.gz"];

    /// <summary>Whether a path is a folder of such splits or one such file, which its first example shows.</summary>
    public static bool IsFor(string path)
    {
        var file = File.Exists(path) ? path : Names.Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists);
        if (file is null || SpecialFile.IsAt(file) || !file.Contains(".jsonl", StringComparison.OrdinalIgnoreCase) && !file.Contains(".tsv", StringComparison.OrdinalIgnoreCase)) return false;
        try
        {
            return Open(file).Train.Read().FirstOrDefault() is { } first && IO.Images.ImageFiles.HasImageName(first.Image);
        }
        catch (UserException exception)
        {
            // Reading a file that may not be opened says so; its folder must not count as something else.
            return exception.InnerException is UnauthorizedAccessException;
        }
    }

    static ImageTextSplits Open(string path) => new ImageTextFolderConfig { Folder = path }.Open(null);

    /// <summary>Reads every line of a folder or of one file, and the header of every image.</summary>
    /// <exception cref="UserException">A line cannot be read.</exception>
    public static ImageTextReport Of(string path)
    {
        var splits = Open(path).WithoutBroken();
        return Of([splits.Train, .. splits.Validation is { } held ? new[] { held } : [], .. splits.Tests]);
    }

    /// <summary>Reports on splits, the training split first.</summary>
    internal static ImageTextReport Of(IReadOnlyList<ImageTextSplit> splits)
    {
        var (reports, warnings, known, shown) = (new List<ImageTextSplitReport>(), new List<string>(), new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var split in splits)
        {
            var (examples, without, unknown, first) = (0, 0, 0, (string?)null);
            var (images, answers) = (new HashSet<string>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal));
            foreach (var example in split.Read())
            {
                examples++;
                images.Add(example.Image);
                if (example.Answer is not { } answer)
                {
                    without++;
                    continue;
                }
                answers[answer] = answers.GetValueOrDefault(answer) + 1;
                if (reports.Count == 0 || known.Contains(answer)) continue;
                unknown++;
                first ??= answer;
            }
            if (reports.Count == 0) (known, shown) = ([.. answers.Keys], images);
            else if (images.Count(shown.Contains) is > 0 and var same) warnings.Add($"{same:N0} of {Amount.Of(images.Count, "image")} of the split {split.Name} {(same == 1 ? "is a training image" : "are training images")} too");
            if (unknown > 0 && known.Count > 0) warnings.Add($"{Amount.Of(unknown, "example")} of the split {split.Name} {(unknown == 1 ? "has" : "have")} an answer that no training example has; the first: {MessageText.Quote(first!)}");
            reports.Add(new(split.Name, split.File, examples, images.Count, without, answers.Count, answers.OrderByDescending(one => one.Value).ThenBy(one => one.Key, StringComparer.Ordinal).Take(MostAnswers).ToDictionary(), split.Broken.Count));
        }
        List<Problem> faults = [.. splits.Select(split => split.Broken).Distinct().SelectMany(one => one.OrderBy(fault => fault.Key)).Select(fault => fault.Value)];
        List<string> broken = faults.ConvertAll(fault => fault.ToString());
        var imagesOnly = faults.TrueForAll(fault => fault.Message.StartsWith("the image ", StringComparison.Ordinal));
        if (broken.Count > 0) warnings.Insert(0, $"{Amount.Of(broken.Count, "example")} {(imagesOnly ? "whose image" : "that")} cannot be used {(broken.Count == 1 ? "is" : "are")} left out; the first: {broken[0]}");
        warnings.AddRange(IllFormedText.Warnings(splits.Select(split => split.File).OfType<string>()));
        return new(reports, broken.Count, [.. broken.Take(MostNamed)], warnings);
    }
}

/// <summary>One split of images with text.</summary>
/// <param name="Name">Its name.</param>
/// <param name="File">Its file.</param>
/// <param name="Examples">The number of examples whose image can be used.</param>
/// <param name="Images">The number of distinct images.</param>
/// <param name="WithoutAnswer">The number of examples without an answer.</param>
/// <param name="Answers">The number of distinct answers.</param>
/// <param name="MostFrequent">The most frequent answers, with their counts.</param>
/// <param name="Unusable">The number of examples whose text or image cannot be used.</param>
public sealed record ImageTextSplitReport(string Name, string? File, int Examples, int Images, int WithoutAnswer, int Answers, IReadOnlyDictionary<string, int> MostFrequent, int Unusable);
