namespace Transformers.Configs;

/// <summary>Guesses what a misspelt name was meant to be.</summary>
public static class Suggestion
{
    /// <summary>Other programs' names for settings: the setting's name, or its path if several settings have that name.</summary>
    internal static IReadOnlyDictionary<string, string> Common { get; } = new Dictionary<string, string>
    {
        ["n_layer"] = "layers", ["num_layers"] = "layers", ["num_hidden_layers"] = "layers", ["num_encoder_layers"] = "layers", ["depth"] = "layers",
        ["num_decoder_layers"] = "decoder_layers",
        ["n_head"] = "heads", ["num_heads"] = "heads", ["num_attention_heads"] = "heads", ["nhead"] = "heads",
        ["n_kv_head"] = "key_value_heads", ["num_kv_heads"] = "key_value_heads", ["num_key_value_heads"] = "key_value_heads",
        ["n_embd"] = "width", ["d_model"] = "width", ["hidden_size"] = "width", ["dim"] = "width", ["embed_dim"] = "width",
        ["block_size"] = "context", ["n_ctx"] = "context", ["max_seq_len"] = "context", ["max_position_embeddings"] = "context",
        ["d_ff"] = "feed_forward", ["intermediate_size"] = "feed_forward", ["dim_feedforward"] = "feed_forward", ["hidden_act"] = "feed_forward", ["activation"] = "feed_forward",
        ["vocab_size"] = "vocabulary", ["tie_word_embeddings"] = "tie_embeddings", ["rope_theta"] = "model.positions.base",
        ["rms_norm_eps"] = "model.norm.epsilon", ["layer_norm_eps"] = "model.norm.epsilon", ["layer_norm_epsilon"] = "model.norm.epsilon",
        ["hidden_dropout_prob"] = "model.dropout", ["resid_pdrop"] = "model.dropout", ["embd_pdrop"] = "model.dropout", ["attn_pdrop"] = "model.dropout",
        ["patch_size"] = "patch", ["img_size"] = "data.input.size", ["image_size"] = "data.input.size",
        ["learning_rate"] = "lr", ["max_lr"] = "lr", ["min_lr"] = "final_lr", ["warmup_iters"] = "warmup", ["warmup_steps"] = "warmup",
        ["max_iters"] = "steps", ["max_steps"] = "steps", ["grad_clip"] = "clip", ["max_grad_norm"] = "clip",
        ["epochs"] = "training.steps", ["num_epochs"] = "training.steps", ["max_epochs"] = "training.steps", ["num_train_epochs"] = "training.steps", ["lr_decay_iters"] = "training.steps",
        ["batch_size"] = "batch", ["train_batch_size"] = "batch", ["per_device_train_batch_size"] = "training.batch.micro", ["micro_batch_size"] = "training.batch.micro",
        ["gradient_accumulation_steps"] = "training.batch.micro", ["grad_accum_steps"] = "training.batch.micro", ["gradient_accumulation"] = "training.batch.micro",
        ["dtype"] = "precision", ["fp16"] = "precision", ["bf16"] = "precision", ["mixed_precision"] = "precision", ["amp"] = "precision",
        ["lr_scheduler"] = "schedule", ["lr_scheduler_type"] = "schedule", ["decay_lr"] = "schedule",
        ["beta1"] = "betas", ["beta2"] = "betas", ["adam_beta1"] = "betas", ["adam_beta2"] = "betas", ["adam_epsilon"] = "eps",
        ["label_smoothing_factor"] = "label_smoothing",
        ["eval_interval"] = "training.validate.every", ["eval_steps"] = "training.validate.every", ["eval_iters"] = "training.validate.batches",
        ["log_interval"] = "training.log.every", ["logging_steps"] = "training.log.every",
        ["save_interval"] = "training.checkpoint.every", ["save_steps"] = "training.checkpoint.every", ["save_total_limit"] = "training.checkpoint.keep",
        ["early_stopping"] = "training.validate.patience", ["early_stopping_patience"] = "training.validate.patience",
        ["random_seed"] = "seed", ["dataset"] = "data.source", ["data_dir"] = "data.source", ["train_file"] = "data.source",
        ["val_split"] = "data.holdout", ["validation_split"] = "data.holdout", ["test_size"] = "data.holdout",
    };

    static readonly IReadOnlyList<(string Words, string Conversion)> Conversions =
    [
        ("epochs num_epochs max_epochs num_train_epochs", "in steps: epochs × training examples / examples per step"),
        ("gradient_accumulation_steps grad_accum_steps gradient_accumulation", "in sequences: those of a step / accumulation steps"),
    ];

    /// <summary>Other programs' names for the kinds of a setting, and for its values.</summary>
    static readonly Dictionary<string, string> CommonValues = new()
    {
        ["gpt2"] = "gpt", ["llama"] = "gpt", ["mistral"] = "gpt", ["decoder"] = "gpt", ["bert"] = "encoder", ["roberta"] = "encoder",
        ["transformer"] = "seq2seq", ["encoder_decoder"] = "seq2seq", ["t5"] = "seq2seq", ["bart"] = "seq2seq", ["marian"] = "seq2seq",
        ["rope"] = "rotary", ["sin"] = "sinusoidal", ["sine"] = "sinusoidal", ["fixed"] = "sinusoidal", ["absolute"] = "learned",
        ["layernorm"] = "layer", ["layer_norm"] = "layer", ["rmsnorm"] = "rms", ["rms_norm"] = "rms", ["prenorm"] = "pre", ["postnorm"] = "post",
        ["swish"] = "silu", ["sentencepiece"] = "file", ["wordpiece"] = "file", ["tiktoken"] = "file", ["char"] = "characters",
        ["classification"] = "labelled", ["translation"] = "parallel",
        ["fp16"] = "bf16", ["float16"] = "bf16", ["half"] = "bf16", ["bfloat16"] = "bf16", ["float32"] = "fp32", ["float"] = "fp32",
    };

    /// <summary>This program's name for a setting of other programs, or its path, or null.</summary>
    /// <param name="name">What was written, such as <c>n_layer</c>.</param>
    public static string? CommonName(string name) => Common.GetValueOrDefault(name.ToLowerInvariant());

    /// <summary>How the value of another program's setting becomes that of <see cref="CommonName"/>; null if it stays as it is.</summary>
    /// <param name="name">What was written, such as <c>epochs</c>.</param>
    public static string? ConversionOf(string name) => Conversions.FirstOrDefault(one => one.Words.Split(' ').Contains(name.ToLowerInvariant())).Conversion;

    /// <summary>The value nearest to what was written, or what another program's value is called here; null if there is neither.</summary>
    /// <param name="value">What was written, such as <c>rope</c>.</param>
    /// <param name="values">The values that the setting may have.</param>
    public static string? ForValue(string value, IReadOnlyList<string> values) =>
        CommonValues.GetValueOrDefault(value.ToLowerInvariant().Replace('-', '_')) is { } common && values.Contains(common) ? common : For(value, values);

    /// <summary>The path of the setting that a word without a path most probably means; null if there is none, or several.</summary>
    /// <param name="root">The config's record.</param>
    /// <param name="name">What was written, such as <c>lr</c> or <c>learning_rate</c>.</param>
    public static string? ForSetting(Type root, string name)
    {
        if (ConfigShape.Of(root).Find(name) is not null) return name;
        if (SettingSearch.Find(root, name) is { } path) return path;
        return CommonName(name) is not { } common ? null : common.Contains('.') ? common : common == name ? null : ForSetting(root, common);
    }

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
        try
        {
            var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            if (SpecialFile.IsDenied(full)) return "or permission to look into one of its folders is denied";
            if (NearPath(path) is { } near) return $"did you mean {near}?";
            if (Path.GetDirectoryName(full) is { } folder && !Directory.Exists(folder)) return $"its folder does not exist either: {folder}";
            return Path.IsPathRooted(path) ? "check the path" : $"check the path, which is relative to the working directory, {Directory.GetCurrentDirectory()}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return "check the path";
        }
    }

    /// <summary>The path with the nearest name in the folder of a path that does not exist; null if none is near.</summary>
    /// <param name="path">The path as it was given.</param>
    public static string? NearPath(string path)
    {
        const int mostNames = 1000;
        try
        {
            var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            if (Path.GetDirectoryName(full) is not { } folder || !Directory.Exists(folder)) return null;
            var names = Directory.EnumerateFileSystemEntries(folder).Take(mostNames).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal);
            return For(Path.GetFileName(full), names) is { } near ? Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(path)) ?? "", near) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
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
