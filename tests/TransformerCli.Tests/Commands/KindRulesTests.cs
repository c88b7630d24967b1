namespace TransformerCli.Tests.Commands;

/// <summary>What commands say to a run of a kind that does not suit them, and to options that its kind does not use.</summary>
[Collection("engine")]
public sealed class KindRulesTests(TrainedKinds runs) : IClassFixture<TrainedKinds>
{
    [Fact]
    public void A_folder_with_the_finished_run_of_one_config_is_no_result_of_another()
    {
        var error = CommandLine.Refused("train", runs.At("translator.yaml"), "--run", runs.Gpt, "--device", "cpu");
        Assert.Contains("contains a finished run of a different config: model.kind is \"gpt\" there and \"seq2seq\" here (name another folder with --run)", error);
        var text = runs.Write("own.txt", string.Concat(Enumerable.Repeat("quite another text. ", 100)));
        Assert.Contains("data.source", CommandLine.Refused("train", runs.At("gpt.yaml"), "--run", runs.Gpt, "--data", text));
        CommandLine.Done("train", runs.At("gpt.yaml"), "--run", runs.Gpt, "--device", "cpu");
    }

    [Fact]
    public void A_run_is_continued_by_its_folder_or_its_config()
    {
        var (stopped, whole) = (runs.At("stopped"), runs.At("whole"));
        CommandLine.Done("train", runs.At("gpt.yaml"), "--run", whole, "--set", "training.steps=6", "--set", "seed=5", "--device", "cpu");
        CommandLine.Done("train", runs.At("gpt.yaml"), "--run", stopped, "--set", "training.steps=6", "--set", "seed=5", "--max-steps", "2", "--device", "cpu");
        Assert.Contains("\"steps\":4", CommandLine.Printed("train", stopped, "--max-steps", "4", "--json", "--device", "cpu"));
        Assert.Contains("\"steps\":6", CommandLine.Printed("train", Path.Combine(stopped, "config.yaml"), "--json", "--device", "cpu"));
        foreach (var folder in (string[])[whole, stopped]) Assert.True(File.Exists(Path.Combine(folder, "result.json")));
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole, "checkpoints", "step-00000006", "model.safetensors")), File.ReadAllBytes(Path.Combine(stopped, "checkpoints", "step-00000006", "model.safetensors")));
        Assert.Contains("give the run's folder and --checkpoint latest", CommandLine.Refused("eval", Path.Combine(whole, "checkpoints", "latest")));
    }

    [Theory]
    [InlineData("stopped")]
    [InlineData("seeds")]
    public void A_run_that_is_stopped_before_its_first_step_still_prints_one_document(string schema)
    {
        // New text every time, so that it is not in the cache and takes longer to prepare than the time that is given.
        var text = runs.Write($"new-{schema}.txt", string.Concat(Enumerable.Range(0, 100_000).Select(_ => $"{Guid.NewGuid()} ")));
        var run = runs.At($"at-once-{schema}");
        var output = CommandLine.Printed(["train", runs.At("gpt.yaml"), "--data", text, "--set", "data.tokenizer={ kind: bpe, vocabulary: 1000 }", "--run", run, "--max-time", "1ms", "--json", "--device", "cpu", .. schema == "seeds" ? ["--seeds", "2"] : (string[])[]]);
        using var document = JsonDocument.Parse(output);
        Assert.Equal($"transformer.{schema}/1", document.RootElement.GetProperty("schema").GetString());
        Assert.Equal("max_time", document.RootElement.GetProperty("stopped").GetString());
    }

    [Fact]
    public void A_file_that_is_not_there_is_no_text()
    {
        foreach (var path in (string[])["revews.txt", "./reviews", "data/reviews.tsv"])
            Assert.Contains($"{path}: INPUT: the file does not exist", CommandLine.Refused("predict", runs.Classifier, path));
        foreach (var text in (string[])["good/bad", "fine.", "see a.txt", "https://example.org/a.txt"]) CommandLine.Done("predict", runs.Classifier, text, "--device", "cpu");
    }

    [Fact]
    public void What_is_no_run_is_said_to_be_what_it_is()
    {
        Assert.Contains("gpt.yaml: is a file, but a run folder is needed", CommandLine.Refused("train", runs.At("gpt.yaml"), "--from", runs.At("gpt.yaml"), "--run", runs.At("from-a-file")));
        CommandLine.Done("export", runs.Gpt, "--to", "huggingface", "--output", runs.At("exported"));
        Assert.Contains($"transformer import {runs.At("exported")} --output RUN", CommandLine.Refused("generate", runs.At("exported"), "--prompt", "a"));
        var config = Path.Combine(runs.At("exported"), "config.json");
        File.WriteAllText(config, System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(config), "\"n_head\": *[0-9]+", "\"n_head\": 3"));
        Assert.Contains($"{config}: describes a model that cannot be built: model.width (16) must be divisible by model.heads (3)", CommandLine.Refused("import", runs.At("exported"), "--output", runs.At("imported")));
        Assert.Contains("--layer (0) must be at least 1", CommandLine.Refused("plot", "positions", runs.Gpt, "--layer", "0", "--output", runs.At("p.svg")));
    }

    [Fact]
    public void A_sweep_refuses_a_split_that_its_runs_lack_before_the_first_one_trains()
    {
        foreach (var name in (string[])["translator", "classifier", "pairs", "vit"])
            Assert.Matches("no split named tets|must be train, validation or test", CommandLine.Refused("sweep", runs.At($"{name}.yaml"), "--vary", "model.width=16,32", "--split", "tets", "--output", runs.At($"sweep-{name}"), "--device", "cpu"));
        Assert.Empty(Directory.GetDirectories(runs.At("."), "sweep-*"));
    }

    [Fact]
    public void A_space_is_between_a_scaled_number_and_the_word_after_it()
    {
        var shown = CommandLine.Printed("inspect", "gpt-stories", "--no-measure");
        Assert.Matches("[0-9.]+ [kMG]FLOP of them for attention", shown);
        Assert.Matches("[0-9.]+ [kMG]? ?in [0-9,]+ steps", shown);
    }

    [Fact]
    public void An_evaluation_says_what_it_counts()
    {
        Assert.Matches("validation: [0-9,]+ tokens", CommandLine.Printed("eval", runs.Gpt, "--device", "cpu"));
        Assert.Contains(" sentence pairs", CommandLine.Printed("eval", runs.Translator, "--device", "cpu"));
        Assert.Contains(" images", CommandLine.Printed("eval", runs.Vit, "--device", "cpu"));
        Assert.Contains(" texts", CommandLine.Printed("eval", runs.Classifier, "--device", "cpu"));
        Assert.Contains(" pairs", CommandLine.Printed("eval", runs.Pairs, "--device", "cpu"));
    }

    [Fact]
    public void What_validation_measures_can_be_expected_whatever_the_kind()
    {
        var names = CommandLine.Refused("train", "copy", "--expect", "nothing<=1").Split("the results are ")[1].TrimEnd(')', '\n', '\r').Split(", ");
        foreach (var run in new[] { runs.Gpt, runs.Translator, runs.Vit, runs.Classifier, runs.Masked, runs.Pairs })
        {
            using var result = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "result.json")));
            var measured = result.RootElement.GetProperty("metrics").EnumerateObject().Select(metric => metric.Name).ToList();
            Assert.NotEmpty(measured);
            Assert.All(measured, one => Assert.Contains(names, name => name == one || name.EndsWith('*') && one.StartsWith(name[..^1], StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void The_error_names_the_kind_and_not_a_file_that_it_lacks()
    {
        Assert.Contains("the run is of kind vit, but this needs a language model (gpt) or an encoder-decoder (seq2seq)", CommandLine.Refused("generate", runs.Vit, "--prompt", "a"));
        Assert.Contains("the run is of kind vit, which does not read text", CommandLine.Refused("embed", runs.Vit, "--input", runs.Write("in.txt", "a\n")));
        Assert.Contains("the run is of kind vit", CommandLine.Refused("bench", "generate", runs.Vit));
        Assert.Contains("the run is of kind vit", CommandLine.Refused("plot", "embeddings", runs.Vit, "--text", "a", "--output", runs.At("e.svg")));
    }

    [Fact]
    public void Generate_refuses_the_options_of_the_other_kind_all_at_once()
    {
        Assert.Contains("--beams is for encoder-decoders (seq2seq), but the run is of kind gpt", CommandLine.Refused("generate", runs.Gpt, "--beams", "2"));
        var error = CommandLine.Refused("generate", runs.Translator, "--prompt", "1 2", "--top-k", "5", "--greedy", "--overflow", "slide", "--stream");
        foreach (var option in new[] { "--top-k", "--greedy", "--overflow", "--stream" })
            Assert.Contains($"{option} is for language models (gpt), but the run is of kind seq2seq", error);
        CommandLine.Done("generate", runs.Translator, "--prompt", "1 2", "--beams", "2", "--max-new-tokens", "3");
        Assert.Contains("--beams is for encoder-decoders", CommandLine.Refused("eval", runs.Gpt, "--beams", "2"));
    }

    [Fact]
    public void Each_line_of_input_has_as_many_completions_as_are_asked_for()
    {
        var lines = CommandLine.Done("generate", runs.Gpt, "--input", runs.Write("two.txt", "Once\nThe\n"), "--num", "2", "--max-new-tokens", "2", "--json").JsonLines;
        Assert.Equal(["Once", "Once", "The", "The"], lines.Select(line => line.GetProperty("prompt").GetString()));
    }

    [Fact]
    public void Only_a_line_feed_ends_a_line_of_input_and_a_line_that_is_not_utf8_is_reported()
    {
        var input = runs.Write("returns.txt", "a\rb\r\nc\n");
        var prompts = CommandLine.Done("generate", runs.Gpt, "--input", input, "--max-new-tokens", "1", "--json").JsonLines.Select(line => line.GetProperty("prompt").GetString());
        Assert.Equal(["a\rb", "c"], prompts);

        byte[] wrong = [(byte)'a', (byte)'\n', 0xE4, (byte)'\n'];
        File.WriteAllBytes(runs.At("wrong.txt"), wrong);
        Assert.Contains($"{runs.At("wrong.txt")}:2: the line is not UTF-8", CommandLine.Refused("score", runs.Gpt, "--whole", "--input", runs.At("wrong.txt")));
        using StringWriter output = new(), error = new();
        using var standardInput = new StreamReader(new MemoryStream(wrong));
        Assert.Equal(2, App.Run(["generate", runs.Gpt, "--input", "-"], standardInput, output, error));
        Assert.Contains("standard input:2: the line is not UTF-8", error.ToString());
    }

    [Fact]
    public void Only_checkpoints_of_one_model_are_averaged_and_each_counts_once()
    {
        // Two heads or four have tensors of the same names and shapes.
        CommandLine.Done("train", runs.At("gpt.yaml"), "--run", runs.At("four-heads"), "--set", "model.heads=4", "--device", "cpu", "--quiet");
        CommandLine.Done("train", runs.At("gpt.yaml"), "--run", runs.At("dropped"), "--set", "model.dropout=0.5", "--device", "cpu", "--quiet");
        var newest = Path.Combine(runs.Gpt, "checkpoints", "step-00000004");
        Assert.Contains("model.heads is 4 here and 2 there", CommandLine.Refused("average", newest, runs.At("four-heads"), "--output", runs.At("mixed")));
        Assert.Contains($"{newest}: is given 2 times", CommandLine.Refused("average", runs.Gpt, newest, "--output", runs.At("mixed")));
        Assert.False(Directory.Exists(runs.At("mixed")));
        CommandLine.Done("average", newest, runs.At("dropped"), "--output", runs.At("mixed"));
        foreach (string[] more in new string[][] { [], ["--dry-run"] })
            Assert.Contains($"{runs.At("mixed")}: is a checkpoint, not a run folder", CommandLine.Refused(["train", runs.At("gpt.yaml"), "--run", runs.At("mixed"), "--device", "cpu", "--quiet", .. more]));
        Assert.Contains("training cannot resume from it (start a new run from its weights", CommandLine.Refused("train", runs.At("gpt.yaml"), $"--resume={runs.At("mixed")}", "--run", runs.At("resumed"), "--device", "cpu", "--quiet"));
    }

    [Fact]
    public void A_line_that_is_not_utf8_stops_none_of_the_others_in_any_command()
    {
        File.WriteAllBytes(runs.At("ill.txt"), [.. "a\n"u8, 0xE4, .. "\nb\n"u8]);
        File.WriteAllBytes(runs.At("ill.tsv"), [.. "1 2\t1 2\n1 \t"u8, 0xE4, .. "\n3\t3\n"u8]);
        var (ill, well, pairs) = (runs.At("ill.txt"), runs.Write("well.txt", "a\nb\n"), runs.Write("well.tsv", "1 2\t1 2\n3\t3\n"));
        foreach (var (command, bad, good) in new (string[] Command, string[] Bad, string[] Good)[]
        {
            (["score", runs.Gpt], ["--input", ill], ["--input", well]),
            (["score", runs.Masked, "--json"], ["--input", ill], ["--input", well]),
            (["score", runs.Translator], ["--input", runs.At("ill.tsv")], ["--input", pairs]),
            (["score", runs.Translator], ["--input", runs.Write("three.txt", "a\na\nb\n"), "--target", ill], ["--input", well, "--target", well]),
            (["embed", runs.Gpt], ["--input", ill], ["--input", well]),
            (["generate", runs.Gpt, "--greedy", "--max-new-tokens", "2"], ["--input", ill], ["--input", well]),
            (["generate", runs.Translator, "--max-new-tokens", "2"], ["--input", ill], ["--input", well]),
            (["predict", runs.Classifier], [ill], [well]),
        })
        {
            var whole = CommandLine.Printed([.. command, .. good]).Split('\n');
            var some = CommandLine.Run([.. command, .. bad]);
            var line = string.Join(' ', command);
            Assert.True(some.ExitCode == 2, $"{line}: {some.ExitCode} {some.Error}");
            Assert.Contains($"warning: {(bad.Contains(runs.At("ill.tsv")) ? runs.At("ill.tsv") : ill)}:2: the line is not UTF-8", some.Error);
            Assert.Contains("error: 1 of 3 lines could not be read; the rest were processed", some.Error);
            var given = some.Output.Split('\n');
            Assert.True(given.Length == 4, $"{line}: {some.Output}");
            Assert.Equal<IEnumerable<string>>(whole[..2], [given[0], given[2]]);
        }
        var finishes = CommandLine.Run("generate", runs.Translator, "--max-new-tokens", "2", "--input", ill, "--json").JsonLines;
        Assert.Equal(("\uFFFD", "unread"), (finishes[1].GetProperty("prompt").GetString(), finishes[1].GetProperty("finish").GetString()));
        Assert.DoesNotContain("unread", finishes[0].GetProperty("finish").GetString());
        Assert.Equal(1, CommandLine.Printed("predict", runs.Classifier, "a text\nof two lines").Count(c => c == '\n'));
        var several = CommandLine.Run("predict", runs.Classifier, well, ill, "a text");
        Assert.Equal((2, 6), (several.ExitCode, several.Output.Count(c => c == '\n')));
        Assert.Contains($"{ill}:2: the line is not UTF-8", several.Error);
    }

    [Theory]
    [InlineData("test")]
    [InlineData("train")]
    [InlineData("nonsense")]
    public void A_language_model_has_a_validation_split_only(string split)
    {
        Assert.Contains($"--split ({split}): text has only a validation split", CommandLine.Refused("eval", runs.Gpt, "--split", split));
        CommandLine.Done("eval", runs.Gpt, "--split", "validation");
    }

    [Fact]
    public void An_expectation_of_no_result_leaves_one_document_on_standard_output()
    {
        // An evaluation refuses it before it begins: nothing is evaluated for it.
        var outcome = CommandLine.Run("eval", runs.Gpt, "--json", "--expect", "nothing<=1").Exits(2);
        Assert.Equal("transformer.error/1", outcome.Json.GetProperty("schema").GetString());
        Assert.Contains("no result named nothing", outcome.Json.GetProperty("errors")[0].GetProperty("message").GetString());
        Assert.DoesNotContain("using step", outcome.Error);
        // No classifier's number comes of a language model, which only its end shows.
        outcome = CommandLine.Run("train", runs.At("gpt.yaml"), "--run", runs.Gpt, "--json", "--expect", "accuracy>=1").Exits(2);
        JsonDocument.Parse(outcome.Output).Dispose();
        Assert.Contains("no result named accuracy", outcome.Error);
    }

    [Fact]
    public void The_metrics_that_an_evaluation_announces_are_those_that_it_gives()
    {
        foreach (var run in new[] { runs.Gpt, runs.Translator, runs.Vit, runs.Classifier, runs.Masked })
        {
            using var document = JsonDocument.Parse(CommandLine.Printed("eval", run, "--json"));
            var given = document.RootElement.GetProperty("metrics").EnumerateObject().Select(metric => metric.Name).Order(StringComparer.Ordinal);
            var trained = Transformers.Evaluation.TrainedRun.Open(run);
            Assert.Equal(given, Transformers.Kinds.Kind.For(trained).EvaluationMetrics(trained)!.Order(StringComparer.Ordinal));
            Assert.Contains("no result named nothing", CommandLine.Refused("eval", run, "--expect", "nothing<=1"));
        }
    }

    [Fact]
    public void Other_text_is_cut_into_documents_as_the_runs_own()
    {
        var config = runs.Write("lines.yaml", File.ReadAllText(runs.At("gpt.yaml")).Replace("{ generator: stories, size: 60kB }",
            $"{{ files: [\"{runs.Write("lines.txt", string.Join("\n---\n", Enumerable.Range(0, 200).Select(i => $"story {i} of many")))}\"], separator: \"---\", text_field: story }}"));
        CommandLine.Done("train", config, "--run", runs.At("lines"), "--device", "cpu");
        double Loss(string name, string text) => CommandLine.Done("eval", runs.At("lines"), "--data", runs.Write(name, text), "--json").Json.GetProperty("metrics").GetProperty("loss").GetDouble();
        var documents = new[] { "one story here", "and another one" };
        var plain = Loss("plain.txt", string.Join("\n---\n", documents));
        Assert.Equal(plain, Loss("fields.jsonl", string.Concat(documents.Select(text => $$"""{"story": "{{text}}"}""" + "\n"))), 1e-6);
    }

    [Fact]
    public void Options_that_choose_among_checkpoints_are_refused_where_there_is_no_choice()
    {
        var checkpoint = Path.Combine(runs.Gpt, "checkpoints", "step-00000004");
        Assert.Contains("is itself a checkpoint", CommandLine.Refused("plot", "embeddings", checkpoint, "--checkpoint", "2000", "--output", runs.At("e.svg")));
        Assert.Contains("is itself a checkpoint", CommandLine.Refused("eval", checkpoint, "--checkpoint", "2"));
        Assert.Contains("--last (99) must be at most 2", CommandLine.Refused("average", runs.Gpt, "--last", "99", "--output", runs.At("mean")));
        Assert.Contains("is itself a checkpoint", CommandLine.Refused("average", checkpoint, "--last", "1", "--output", runs.At("mean")));
        Assert.Contains("--set is for a config", CommandLine.Refused("plot", "positions", runs.Gpt, "--set", "model.layers=2", "--output", runs.At("p.svg")));
    }

    [Fact]
    public void A_vocabulary_of_words_is_called_so_and_knows_its_ids()
    {
        Assert.Equal("words", CommandLine.Done("tokenizer", "inspect", runs.Translator, "--json").Json.GetProperty("kind").GetString());
        var ids = runs.Write("ids.txt", "5 9999");
        Assert.Contains("token id 9999 is not in the vocabulary", CommandLine.Refused("tokenizer", "decode", runs.Translator, "--input", ids));
        File.WriteAllBytes(runs.At("ids.bin"), [0xFF, 0xFF, 0xFF, 0xFF]);
        Assert.Contains("token id -1 is not in the vocabulary", CommandLine.Refused("tokenizer", "decode", runs.Translator, "--input", runs.At("ids.bin")));
    }

    [Fact]
    public void A_report_makes_its_folder_as_a_plot_does()
    {
        CommandLine.Done("report", runs.Gpt, "--output", runs.At("a/b/page.html"));
        Assert.True(File.Exists(runs.At("a/b/page.html")));
        Directory.CreateDirectory(runs.At("folder.html"));
        Assert.DoesNotContain(".tmp", CommandLine.Refused("report", runs.Gpt, "--output", runs.At("folder.html")));
    }
}
