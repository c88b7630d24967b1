using Transformers.Generators;
using Transformers.IO;

namespace Transformers.Data.Sentences;

/// <summary>One split of labelled text: its name and how to read it.</summary>
/// <param name="Name">The name of its file without ending, for example <c>train</c>.</param>
/// <param name="File">The file, or null where it is generated.</param>
/// <param name="Read">Reads it from the start, as a stream.</param>
public sealed record LabelledSplit(string Name, string? File, Func<IEnumerable<LabelledExample>> Read);

/// <summary>The splits of labelled text.</summary>
/// <param name="Train">The text to learn from.</param>
/// <param name="Validation">The text to choose by, if there is one.</param>
/// <param name="Test">The text to report on, if there is one.</param>
public sealed record LabelledSplits(LabelledSplit Train, LabelledSplit? Validation, LabelledSplit? Test);

/// <summary>Labelled text as a folder of splits.</summary>
/// <remarks>Files are named <c>split.tsv</c>, <c>split.csv</c> or <c>split.jsonl</c>, each also with <c>.gz</c>; the split is <c>train</c>;
/// <c>val</c>, <c>valid</c>, <c>validation</c> or <c>dev</c>; or <c>test</c>.</remarks>
public static class LabelledFolder
{
    static readonly string[] Endings = [".tsv", ".csv", ".jsonl"];

    /// <summary>Finds the splits of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="text">The text's column or field, as <see cref="LabelledFiles.Read"/> takes it.</param>
    /// <param name="label">The label's column or field.</param>
    /// <exception cref="UserException">There is no such folder, no training text in it, or a split stands in several files.</exception>
    public static LabelledSplits Find(string folder, string text, string label)
    {
        if (!Directory.Exists(folder)) throw new UserException([new Problem("there is no such folder", folder)]);
        return new LabelledSplits(
            Split("train") ?? throw new UserException([new Problem("the folder holds no training text", folder,
                Hint: "train.tsv, train.csv or train.jsonl is expected, each also with .gz")]),
            ParallelFolder.ValidationNames.Select(Split).FirstOrDefault(s => s is not null), Split("test"));

        LabelledSplit? Split(string name)
        {
            var files = Endings.SelectMany(e => new[] { name + e, name + e + ".gz" }).Select(f => Path.Combine(folder, f)).Where(File.Exists).ToList();
            if (files.Count > 1)
                throw new UserException([new Problem($"the split {name} stands in several files: {string.Join(", ", files.Select(Path.GetFileName))}", folder)]);
            return files.Count == 0 ? null : new LabelledSplit(name, files[0], () => LabelledFiles.Read(files[0], text, label));
        }
    }
}
