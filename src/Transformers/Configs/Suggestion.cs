using Transformers.IO;

namespace Transformers.Configs;

/// <summary>Guesses what a misspelt name was meant to be.</summary>
public static class Suggestion
{
    /// <summary>Other programs' names for settings.</summary>
    static readonly Dictionary<string, string> Common = new()
    {
        ["n_layer"] = "layers", ["num_layers"] = "layers", ["num_hidden_layers"] = "layers", ["depth"] = "layers",
        ["n_head"] = "heads", ["num_heads"] = "heads", ["num_attention_heads"] = "heads",
        ["n_kv_head"] = "key_value_heads", ["num_kv_heads"] = "key_value_heads", ["num_key_value_heads"] = "key_value_heads",
        ["n_embd"] = "width", ["d_model"] = "width", ["hidden_size"] = "width", ["dim"] = "width", ["embed_dim"] = "width",
        ["block_size"] = "context", ["n_ctx"] = "context", ["max_seq_len"] = "context", ["max_position_embeddings"] = "context",
        ["d_ff"] = "feed_forward", ["intermediate_size"] = "feed_forward", ["vocab_size"] = "vocabulary",
        ["learning_rate"] = "lr", ["max_lr"] = "lr", ["min_lr"] = "final_lr", ["warmup_iters"] = "warmup", ["warmup_steps"] = "warmup",
        ["max_iters"] = "steps", ["max_steps"] = "steps", ["grad_clip"] = "clip", ["max_grad_norm"] = "clip",
        ["batch_size"] = "batch", ["dtype"] = "precision", ["lr_scheduler"] = "schedule", ["beta1"] = "betas", ["beta2"] = "betas",
    };

    /// <summary>This program's name for a setting of other programs, or null.</summary>
    /// <param name="name">What was written, such as <c>n_layer</c>.</param>
    public static string? CommonName(string name) => Common.GetValueOrDefault(name.ToLowerInvariant());

    /// <summary>The candidate nearest to a name, or null if none is near enough to be meant.</summary>
    /// <param name="name">What was written.</param>
    /// <param name="candidates">What could have been meant.</param>
    public static string? For(string name, IEnumerable<string> candidates)
    {
        if (name.Length is 0 or > 64) return null;
        var lower = name.ToLowerInvariant().Replace('-', '_');
        // About one slip in three letters, and at least one.
        var limit = Math.Max(1, name.Length / 3);
        return candidates
            .Select(candidate => (candidate, distance: Distance(lower, candidate.ToLowerInvariant().Replace('-', '_'))))
            .Where(pair => pair.distance <= limit && pair.distance < pair.candidate.Length)
            .OrderBy(pair => pair.distance)
            .Select(pair => pair.candidate)
            .FirstOrDefault();
    }

    /// <summary>The remedy for a path that does not exist: the nearest name in its folder, or the folder that a relative path starts
    /// from.</summary>
    /// <param name="path">The path as it was given.</param>
    public static string ForPath(string path)
    {
        const int mostNames = 1000;
        try
        {
            var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            if (SpecialFile.IsDenied(full)) return "or permission to look into one of its folders is denied";
            if (Path.GetDirectoryName(full) is { } folder)
            {
                if (!Directory.Exists(folder)) return $"its folder does not exist either: {folder}";
                if (For(Path.GetFileName(full), Directory.EnumerateFileSystemEntries(folder).Take(mostNames).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)) is { } near)
                    return $"did you mean {Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(path)) ?? "", near)}?";
            }
            return Path.IsPathRooted(path) ? "check the path" : $"check the path, which is relative to the working directory, {Directory.GetCurrentDirectory()}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return "check the path";
        }
    }

    /// <summary>The number of insertions, deletions, substitutions and swaps of adjacent letters between two words (optimal string
    /// alignment).</summary>
    static int Distance(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) table[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) table[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                var best = Math.Min(table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), Math.Min(table[i - 1, j], table[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) best = Math.Min(best, table[i - 2, j - 2] + 1);
                table[i, j] = best;
            }
        return table[a.Length, b.Length];
    }
}
