using Transformers.IO;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers;

/// <summary>What the readers of vocabulary files share: bounds, names and the errors that say where.</summary>
sealed class TokenizerParts(string file)
{
    readonly Dictionary<string, int> ids = [];
    readonly Dictionary<int, string> names = [];

    /// <summary>Tokens by name, as the file writes them.</summary>
    internal IReadOnlyDictionary<string, int> Ids => ids;

    /// <summary>One more than the highest id.</summary>
    internal int Size { get; private set; }

    /// <summary>The error of a file, with the place if it is known.</summary>
    internal UserException Error(string message, string? path = null, int? line = null, string? hint = null) =>
        new([new Problem(message, File: file, Line: line, Path: path, Hint: hint)]);

    /// <summary>Adds a token; its name and its id must be new, unless both belong together already.</summary>
    internal void Add(string name, long id, string path, int? line = null)
    {
        if (name.Length == 0) throw Error($"the token of id {id} is empty", path, line);
        if (name.Length > TokenizerLimits.TrainingPiece) throw Error($"the token of id {id} has {name.Length:N0} characters, more than {TokenizerLimits.TrainingPiece:N0}", path, line);
        if (id < 0) throw Error($"token {Show(name)} has the negative id {id}", path, line);
        if (id >= TokenizerLimits.Ids) throw Error($"token {Show(name)} has id {id}, and ids must be below {TokenizerLimits.Ids:N0}", path, line);
        if (!ids.TryAdd(name, (int)id)) throw Error($"token {Show(name)} stands twice", path, line);
        if (!names.TryAdd((int)id, name)) throw Error($"tokens {Show(names[(int)id])} and {Show(name)} have the same id {id}", path, line);
        Size = Math.Max(Size, (int)id + 1);
    }

    /// <summary>The name of an id, or null.</summary>
    internal string? NameOf(int id) => names.GetValueOrDefault(id);

    /// <summary>A merge of two tokens by name, whose joined names must be a token too.</summary>
    internal Merge MergeOf(string left, string right, string path, int? line = null)
    {
        if (!ids.TryGetValue(left, out var leftId)) throw Error($"the merge names {Show(left)}, which is not in the vocabulary", path, line);
        if (!ids.TryGetValue(right, out var rightId)) throw Error($"the merge names {Show(right)}, which is not in the vocabulary", path, line);
        if (!ids.TryGetValue(left + right, out var result)) throw Error($"the merge makes {Show(left + right)}, which is not in the vocabulary", path, line);
        return new(leftId, rightId, result);
    }

    /// <summary>The bytes of all tokens but the special and added ones, whose names are not in the byte alphabet.</summary>
    internal byte[]?[] ByteTokens(IReadOnlySet<string> except, string path)
    {
        var tokens = new byte[]?[Size];
        foreach (var (name, id) in ids)
            if (!except.Contains(name))
                tokens[id] = ByteAlphabet.ToBytes(name)
                    ?? throw Error($"token {Show(name)} is not written in the alphabet of byte-level BPE", path, hint: "only byte-level BPE vocabularies can be read");
        return tokens;
    }

    /// <summary>A name as a message shows it: short, and without control characters.</summary>
    internal static string Show(string name)
    {
        var text = new System.Text.StringBuilder("'");
        foreach (var c in name.Length > 40 ? name[..40] + "…" : name)
            text.Append(char.IsControl(c) || char.IsSurrogate(c) ? $"\\u{(int)c:x4}" : c.ToString());
        return text.Append('\'').ToString();
    }
}
