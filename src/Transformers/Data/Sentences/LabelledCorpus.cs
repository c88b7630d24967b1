using Transformers.Generators;
using Transformers.IO;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Labelled texts as token ids, framed as <c>&lt;s&gt; x &lt;/s&gt;</c>, in memory.</summary>
public sealed class LabelledCorpus
{
    LabelledCorpus(TokenStore tokens, int[] labels, IReadOnlyList<string> classes, long shortened) =>
        (Tokens, Labels, Classes, Shortened) = (tokens, labels, classes, shortened);

    /// <summary>The framed ids of each text.</summary>
    public TokenStore Tokens { get; }

    /// <summary>The class of each text.</summary>
    public IReadOnlyList<int> Labels { get; }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Texts whose end was cut off because they were too long.</summary>
    public long Shortened { get; }

    /// <summary>The number of texts.</summary>
    public int Count => Labels.Count;

    /// <summary>Encodes labelled texts.</summary>
    /// <param name="examples">The texts, read as a stream.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="special">Its framing ids.</param>
    /// <param name="classes">The expected classes (for validation, those of the training split); by default those that occur.</param>
    /// <param name="maximumTokens">The maximum length of a sequence, including framing; longer texts are truncated, and counted in <see cref="Shortened"/>.</param>
    /// <param name="file">The file to name in errors.</param>
    /// <param name="cancel">Cancels between two texts.</param>
    /// <exception cref="UserException">A label is not one of the expected classes.</exception>
    public static LabelledCorpus Encode(
        IEnumerable<LabelledExample> examples, TextTokenizer tokenizer, SpecialIds special,
        IReadOnlyList<string>? classes = null, int maximumTokens = int.MaxValue, string? file = null, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumTokens, 3);
        var (tokens, names, lines) = (new TokenStore(), new List<string>(), new List<int>());
        long shortened = 0;
        var ids = new List<int>();
        foreach (var example in examples)
        {
            cancel.ThrowIfCancellationRequested();
            ids.Clear();
            ids.Add(special.Begin);
            ids.AddRange(tokenizer.EncodeToIds(example.Text));
            if (ids.Count > maximumTokens - 1)
            {
                ids.RemoveRange(maximumTokens - 1, ids.Count - (maximumTokens - 1));
                shortened++;
            }
            ids.Add(special.End);
            tokens.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids));
            names.Add(example.Label);
            lines.Add(example.Line);
        }
        classes ??= ClassNames.Of(names);
        var known = classes.Select((name, id) => (name, id)).ToDictionary(c => c.name, c => c.id, StringComparer.Ordinal);
        var labels = new int[names.Count];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = known.TryGetValue(names[i], out var id) ? id
                : throw new UserException([new Problem($"the label {names[i]} is not one of the {classes.Count} classes", file,
                    lines[i] > 0 ? lines[i] : null, Hint: $"classes: {string.Join(", ", classes.Take(20))}")]);
        return new LabelledCorpus(tokens, labels, classes, shortened);
    }
}
