namespace TestSupport;

/// <summary>A config that is wrong, and what the program must say about it.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Content">The file.</param>
/// <param name="Line">The line that is to blame.</param>
/// <param name="Path">The setting that is to blame; null where the file as a whole is.</param>
/// <param name="Says">A part of the message.</param>
/// <param name="Remedy">A part of the remedy; null where the message is the remedy (<c>must be above 0</c>).</param>
/// <param name="File">The file's name, whose extension is that of YAML or of JSON.</param>
public sealed record BadConfig(string Name, byte[] Content, int Line, string? Path, string Says, string? Remedy, string File = "bad.yaml")
{
    public override string ToString() => Name;
}

/// <summary>The table of bad configs that both the library's and the command line's tests go through.</summary>
public static class BadConfigs
{
    /// <summary>A config with nothing wrong, in which the table changes a line at a time.</summary>
    public const string Good = """
        seed: 1337
        data:
          kind: text
          source: { generator: stories, size: 20MB }
          tokenizer: { kind: bpe, vocabulary: 2048 }
          holdout: 0.05
        model:
          kind: gpt
          layers: 4
          heads: 4
          width: 128
          context: 128
          positions: { kind: rotary }
        training:
          steps: 800
          batch: { tokens: 4096 }
          optimizer: { kind: adamw, lr: 1.0e-3, betas: [0.9, 0.99], weight_decay: 0.1 }
          schedule: { kind: cosine, warmup: 100, final_lr: 1.0e-4 }
          clip: 1.0
          precision: auto
          validate: { every: 250, batches: 20 }
          checkpoint: { every: 500, keep: 2 }

        """;

    public static IReadOnlyList<BadConfig> All { get; } =
    [
        // Names
        Change("a misspelt section", "training:", "trainig:", "trainig", "not a setting", "did you mean training?"),
        Change("a misspelt setting", "  layers: 4", "  layer: 4", "model.layer", "not a setting of kind gpt", "did you mean layers?"),
        Change("two letters swapped", "  clip: 1.0", "  cilp: 1.0", "training.cilp", "not a setting", "did you mean clip?"),
        Change("a name in capitals", "  layers: 4", "  LAYERS: 4", "model.LAYERS", "not a setting", "did you mean layers?"),
        Change("a hyphen for an underscore", "  holdout: 0.05", "  holdout-mode: tail", "data.holdout-mode", "not a setting", "did you mean holdout_mode?"),
        Change("a setting in the wrong place", "  clip: 1.0", "  final_lr: 0.1", "training.final_lr", "not a setting", "did you mean training.schedule.final_lr?"),
        Change("a setting that nothing is called", "  clip: 1.0", "  zzzzzzzz: 1.0", "training.zzzzzzzz", "not a setting", "the settings here are steps, batch"),
        Change("a misspelt name in a small mapping", "keep: 2", "kep: 2", "training.checkpoint.kep", "not a setting", "did you mean keep?"),
        Change("a setting of another kind", "kind: rotary", "kind: rotary, buckets: 8", "model.positions.buckets", "not a setting of kind rotary", "it belongs to kind relative"),
        Change("another program's name", "  layers: 4", "  n_layer: 4", "model.n_layer", "not a setting", "did you mean layers?"),
        Change("another program's name in the wrong place", "  clip: 1.0", "  learning_rate: 1.0", "training.learning_rate", "not a setting", "did you mean training.optimizer.lr?"),
        Change("a merge key", "  kind: gpt", "  kind: gpt\n  <<: { layers: 2 }", "model.<<", "not a setting", "the settings here are", 1),
        // Kinds
        Change("a kind that is not there", "  kind: gpt\n", "  kind: gtp\n", "model.kind", "(gtp) must be", "did you mean gpt?"),
        Change("an unknown kind", "kind: rotary", "kind: spherical", "model.positions.kind", "must be one of alibi, learned, none", null),
        Change("no kind", "{ kind: bpe, vocabulary: 2048 }", "{ vocabulary: 2048 }", "data.tokenizer.kind", "is missing", "one of bpe, bytes, characters, file"),
        Change("a misspelt kind key", "{ kind: rotary }", "{ kin: rotary }", "model.positions.kind", "is missing", "did you mean kind"),
        Change("a bare word for a mapping", "positions: { kind: rotary }", "positions: rotary", "model.positions", "must be a mapping", "write { kind: rotary }"),
        Change("a list for a kind", "kind: rotary", "kind: [rotary]", "model.positions.kind", "is a list", null),
        Change("no source", "{ generator: stories, size: 20MB }", "{ size: 20MB }", "data.source", "needs one of files, generator", "add one of"),
        Change("a misspelt source", "{ generator: stories, size: 20MB }", "{ file: [a.txt] }", "data.source.file", "not a setting", "did you mean files?"),
        Change("two sources", "generator: stories, size: 20MB", "generator: stories, files: [a.txt]", "data.source.generator", "must not both be given", "keep one"),
        // Missing
        Change("a missing setting", "  layers: 4\n", "", "model.layers", "is missing", "add layers: a whole number", -2),
        Change("a missing section", "model:", "seed2:", "model", "is missing", "add model: a mapping of kind", line: 1),
        Change("a missing learning rate", "lr: 1.0e-3, ", "", "training.optimizer.lr", "is missing", "add lr: a number"),
        Change("an empty batch", "{ tokens: 4096 }", "{}", "training.batch.tokens", "or training.batch.sequences must be given", "for example tokens: 4096"),
        Change("a setting without a value", "  steps: 800", "  steps:", "training.steps", "has no value", "must be a whole number"),
        Change("a null where a value must be", "  steps: 800", "  steps: null", "training.steps", "is null and must be a whole number", null),
        Change("an empty section", "  clip: 1.0", "  clip: 1.0\n  log:", "training.log", "has no value", "must be a mapping", 1),
        Change("a number for a mapping", "{ tokens: 4096 }", "32", "training.batch", "must be a mapping", "its settings are tokens, sequences"),
        // Types
        Change("a word for a number", "layers: 4", "layers: four", "model.layers", "(four) must be a whole number", null),
        Change("a fraction for a whole number", "layers: 4", "layers: 4.5", "model.layers", "(4.5) must be a whole number", null),
        Change("a number in quotes", "layers: 4", "layers: \"4\"", "model.layers", "must be a whole number", "remove the quotes"),
        Change("a list for a number", "layers: 4", "layers: [4]", "model.layers", "is a list and must be a whole number", null),
        Change("a mapping for a number", "layers: 4", "layers: { n: 4 }", "model.layers", "is a mapping and must be a whole number", null),
        Change("a number for a list", "betas: [0.9, 0.99]", "betas: 0.9", "training.optimizer.betas", "must be a list of two numbers", "[0.9, 0.99]"),
        Change("three numbers for two", "betas: [0.9, 0.99]", "betas: [0.9, 0.99, 1]", "training.optimizer.betas", "must be a list of two numbers", "[0.9, 0.99]"),
        Change("a word in a list of numbers", "betas: [0.9, 0.99]", "betas: [0.9, high]", "training.optimizer.betas[1]", "(high) must be a number", null),
        Change("text for a list", "generator: stories, size: 20MB", "files: a.txt", "data.source.files", "must be a list", "write [a.txt]"),
        Change("yes for true", "context: 128", "context: 128\n  bias: yes", "model.bias", "must be true or false", "write true", 1),
        Change("a size without sense", "20MB", "20 apples", "data.source.size", "must be a size such as 20MB", null),
        Change("a hexadecimal number", "steps: 800", "steps: 0x320", "training.steps", "must be a whole number", null),
        Change("an unknown word of a list", "precision: auto", "precision: fp23", "training.precision", "must be one of auto, fp32, bf16", "did you mean fp32?"),
        Change("not a number", "clip: 1.0", "clip: .nan", "training.clip", "must be a number", null),
        // Ranges
        Change("zero layers", "layers: 4", "layers: 0", "model.layers", "(0) must be between 1 and 10000", null),
        Change("negative steps", "steps: 800", "steps: -800", "training.steps", "(-800) must be between 1 and", null),
        Change("a number beyond 32 bits", "layers: 4", "layers: 99999999999", "model.layers", "must be between 1 and 10000", null),
        Change("a negative seed", "seed: 1337", "seed: -1", "seed", "must be between 0 and 18446744073709551615", null),
        Change("a hold-out of everything", "holdout: 0.05", "holdout: 1.5", "data.holdout", "(1.5) must be between 0 and 0.9", null),
        Change("a learning rate of zero", "lr: 1.0e-3", "lr: 0", "training.optimizer.lr", "(0) must be above 0", null),
        Change("a number too large to hold", "lr: 1.0e-3", "lr: 1e999", "training.optimizer.lr", "is too large", null),
        Change("a beta of one", "betas: [0.9, 0.99]", "betas: [0.9, 1]", "training.optimizer.betas", "(1) must be at least 0 and below 1", null),
        Change("a tiny vocabulary", "vocabulary: 2048", "vocabulary: 100", "data.tokenizer.vocabulary", "(100) must be between 257 and", null),
        Change("no files", "generator: stories, size: 20MB", "files: []", "data.source.files", "must not be empty", null),
        Change("an empty file name", "generator: stories, size: 20MB", "files: [a.txt, '']", "data.source.files[1]", "must be a path", null),
        // What does not fit together
        Change("heads that do not divide the width", "width: 128", "width: 130", "model.width", "model.width (130) must be divisible by model.heads (4)", null),
        Change("key/value heads that do not divide the heads", "  heads: 4", "  heads: 4\n  key_value_heads: 3", "model.key_value_heads", "(3) must divide model.heads (4)", null, 1),
        Change("an odd head width with rotary positions", "width: 128", "width: 132", "model.width", "must give an even head width for rotary positions, not 33", null),
        Change("a warm-up longer than the training", "warmup: 100", "warmup: 900", "training.schedule.warmup", "(900) must be at most training.steps (800)", null),
        Change("a final rate above the peak", "final_lr: 1.0e-4", "final_lr: 0.01", "training.schedule.final_lr", "(0.01) must be at most training.optimizer.lr (0.001)", null),
        Change("a batch of both tokens and sequences", "{ tokens: 4096 }", "{ tokens: 4096, sequences: 32 }", "training.batch.sequences", "must not both be given", "keep one of them"),
        Change("a batch that cuts a window", "tokens: 4096", "tokens: 4000", "training.batch.tokens", "(4000) must be a multiple of model.context (128)", "for example 3968"),
        Change("a batch of more tokens than fit in an array", "{ tokens: 4096 }", "{ sequences: 40000000 }", "training.batch.sequences", "(40000000) times model.context (128) must be at most 1000000000 tokens", "at most 7812500"),
        Change("more micro than batch", "{ tokens: 4096 }", "{ sequences: 8, micro: 16 }", "training.batch.micro", "(16) must be at most training.batch.sequences (8)", null),
        Change("buckets beyond the distance", "{ kind: rotary }", "{ kind: relative, buckets: 64, max_distance: 32 }", "model.positions.max_distance", "(32) must be above half of model.positions.buckets (64)", null),
        Change("noam without a warm-up", "{ kind: cosine, warmup: 100, final_lr: 1.0e-4 }", "{ kind: noam }", "training.schedule.warmup", "(0) must be above 0 for noam", "4000"),
        // The file itself
        Change("a setting given twice", "  heads: 4\n", "  heads: 4\n  heads: 8\n", "model.heads", "is given twice", "the first is on line 10", 1),
        Change("a section given twice", "keep: 2 }\n", "keep: 2 }\nseed: 1\n", "seed", "is given twice", "the first is on line 1", 1),
        Change("a tab for indentation", "  layers: 4", "\tlayers: 4", null, "not YAML", "spaces"),
        Change("a bracket that never closes", "checkpoint: { every: 500, keep: 2 }", "checkpoint: { every: 500, keep: 2", null, "not YAML", "brackets", 1),
        Change("an anchor", "  kind: gpt\n", "  kind: &k gpt\n", "model.kind", "anchor", "write the value out"),
        Change("an alias", "  kind: gpt\n", "  kind: *k\n", "model.kind", "alias", "write the value out"),
        Change("a tag", "layers: 4", "layers: !!int 4", "model.layers", "tag", "quoted"),
        Change("a list as a key", "layers: 4", "[layers]: 4", "model", "as a key", "quote"),
        Text("an empty file", "", 1, null, "is empty", "config copy"),
        Text("a file of comments", "# nothing\n\n", 1, null, "is empty", "config copy"),
        Text("a list instead of a config", "- a\n- b\n", 1, null, "is a list and must be a mapping", null),
        Text("a sentence instead of a config", "hello there\n", 1, null, "must be a mapping", null),
        Text("two documents", Good + "---\nseed: 1\n", Good.Split('\n').Length, null, "more than one document", "keep one"),
        Text("an alias bomb", "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n", 1, "a", "anchor", "write the value out"),
        Text("lists 10,000 deep", "data: " + new string('[', 10_000) + new string(']', 10_000), 1, "data", "more than 64 levels deep", "no setting"),
        Text("mappings 10,000 deep", string.Concat(Enumerable.Repeat("{a: ", 10_000)) + "1" + new string('}', 10_000), 1, "a.a.a", "more than 64 levels deep", "no setting"),
        Text("dashes 10,000 deep", string.Concat(Enumerable.Repeat("- ", 10_000)), 1, "[0]", "more than 64 levels deep", "no setting"),
        new("bytes that are not UTF-8", [.. Encoding.UTF8.GetBytes("seed: 1\nname: "), 0xC3, 0x28, (byte)'\n'], 2, null, "not UTF-8", "save it as UTF-8"),
        new("UTF-16", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Good)], 1, null, "not UTF-8", "save it as UTF-8"),
        Text("a NUL", Good + "\0", Good.Split('\n').Length, null, "control character U+0000", "text file"),
        // JSON
        Json("a comma too many", "{\n  \"seed\": 1,\n}", 3, null, "not JSON", "no comma after the last"),
        Json("a comment", "{\n  // none\n  \"seed\": 1\n}", 2, null, "not JSON", "no comments"),
        Json("a key twice", "{\n  \"seed\": 1,\n  \"seed\": 2\n}", 3, "seed", "is given twice", "the first is on line 2"),
        Json("JSON 10,000 deep", new string('[', 10_000) + new string(']', 10_000), 1, null, "more than 64 levels deep", "no setting"),
        Json("a number in quotes in JSON", "{\n  \"seed\": \"1\"\n}", 2, "seed", "must be a whole number", "remove the quotes"),
        Json("a number for text", "{ \"data\": { \"kind\": \"text\",\n \"source\": { \"files\": [5] } } }", 2, "data.source.files[0]", "(5) must be text", "put it in quotes"),
        Json("two JSON documents", "{}\n{}", 2, null, "not JSON", "YAML"),
        Json("half a surrogate pair", "{\n  \"\\ud800\": 1\n}", 2, null, "surrogate", "character"),
        Json("an empty JSON file", " \n", 1, null, "is empty", "config copy"),
    ];

    /// <summary>The table's rows by number, as a test reports them.</summary>
    public static Xunit.TheoryData<int, string> Rows() => new(All.Select((bad, i) => (i, bad.Name)));

    static BadConfig Change(string name, string find, string replacement, string? path, string says, string? remedy, int lines = 0, int? line = null)
    {
        var place = Good.IndexOf(find, StringComparison.Ordinal);
        if (place < 0 || Good.IndexOf(find, place + 1, StringComparison.Ordinal) >= 0)
            throw new InvalidOperationException($"'{find}' must stand once in the good config");
        var text = Good[..place] + replacement + Good[(place + find.Length)..];
        return new(name, Encoding.UTF8.GetBytes(text), line ?? Good[..place].Count(c => c == '\n') + 1 + lines, path, says, remedy);
    }

    static BadConfig Text(string name, string text, int line, string? path, string says, string? remedy) =>
        new(name, Encoding.UTF8.GetBytes(text), line, path, says, remedy);

    static BadConfig Json(string name, string text, int line, string? path, string says, string? remedy) =>
        new(name, Encoding.UTF8.GetBytes(text), line, path, says, remedy, "bad.json");
}
