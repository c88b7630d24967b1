namespace TransformerCli.Tests.Commands;

/// <summary>Text that is not UTF-8 follows one rule in every kind of data, in training, in <c>eval</c> and in <c>data inspect</c>.</summary>
[Collection("engine")]
public sealed class IllFormedTextTests(TrainedKinds kinds) : FolderTest, IClassFixture<TrainedKinds>
{
    const string Learning = "training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }";

    // The text in Latin-1, in which only the letters beyond ASCII are ill-formed UTF-8.
    string Latin(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        File.WriteAllText(At(name), text, Encoding.Latin1);
        return At(name);
    }

    // With a number in each text but the first and the last, so that some can be held out.
    static string Lines(string first, string second, string third) => first + string.Concat(Enumerable.Range(0, 10).Select(i => second.Replace("%", $"{i}") + third.Replace("%", $"{i}"))) + first;

    const string Replaced = "2 ill-formed UTF-8 sequences replaced with U+FFFD (";

    [Fact]
    public void Labelled_texts_are_read_with_replacements_which_are_counted_and_reported_with_the_first_line()
    {
        var config = At("labelled.yaml");
        foreach (var (name, text) in new[] { ("a.tsv", Lines("caf\u00e9\tgood\n", "bad text %\tbad\n", "good text %\tgood\n")), ("a.csv", Lines("\"caf\u00e9, \"\"so\"\"\",good\n", "bad text %,bad\n", "good text %,good\n")),
            ("a.jsonl", Lines("""{"text":"café","label":"good"}""" + "\n", """{"text":"bad text %","label":"bad"}""" + "\n", """{"text":"good text %","label":"good"}""" + "\n")) })
        {
            var table = Latin(name, text);
            File.WriteAllText(config, $$"""
                data: { kind: labelled, source: { folder: "{{table}}", text: {{(name.EndsWith('l') ? "text, label: label" : "0, label: 1")}} }, tokenizer: { kind: bpe, vocabulary: 270 }, max_length: 16, holdout: 0.2 }
                model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 16, head: { kind: classify } }
                {{Learning}}
                """);
            var warning = $"{table}:1: {Replaced}";
            Assert.Contains($"warning: {warning}", CommandLine.Done("train", config, "--run", At($"run-{name}"), "--device", "cpu").Error);
            Assert.Contains($"warning: {warning}", CommandLine.Done("eval", At($"run-{name}"), "--data", table, "--device", "cpu").Error);
            if (!name.EndsWith('l')) Assert.Contains($"warning     {warning}", CommandLine.Done("data", "inspect", table).Output);
            // Training has already reported what is in its own data.
            Assert.DoesNotContain("ill-formed", CommandLine.Done("eval", At($"run-{name}"), "--split", "validation", "--device", "cpu").Error);
        }
    }

    [Fact]
    public void Sentence_pairs_in_aligned_files_stay_aligned()
    {
        var (sources, targets) = (Latin("pairs/train.de", Lines("sch\u00f6n\n", "a b %\n", "c d %\n")), Latin("pairs/train.en", Lines("nice\n", "e f %\n", "g h %\n")));
        var config = Write("pairs.yaml", $$"""
            data: { kind: parallel, source: { folder: "{{At("pairs")}}", from: de, to: en }, tokenizer: { kind: bpe, vocabulary: 270 }, holdout: 0.2 }
            model: { kind: seq2seq, layers: 1, heads: 2, width: 16, context: 24 }
            {{Learning}}
            """);
        var trained = CommandLine.Done("train", config, "--run", At("run"), "--device", "cpu").Error;
        Assert.Contains($"warning: {sources}:1: {Replaced}", trained);
        Assert.DoesNotContain($"{targets}:", trained);
        var inspected = CommandLine.Done("data", "inspect", At("pairs")).Output;
        Assert.Contains("train       22 lines of 2 columns", inspected);
        Assert.Contains($"warning     {sources}:1: {Replaced}", inspected);
        var table = Latin("own.tsv", Lines("sch\u00f6n\tnice\n", "a b\te f\n", "c d\tg h\n"));
        Assert.Contains($"warning: {table}:1: {Replaced}", CommandLine.Done("eval", At("run"), "--data", table, "--device", "cpu").Error);
    }

    [Fact]
    public void Running_text_is_reported_by_eval_as_by_training()
    {
        var text = Latin("a.txt", Lines("caf\u00e9\n", "the cat sat\n", "on the mat\n"));
        Assert.Contains($"warning: {Replaced}", CommandLine.Done("eval", kinds.Gpt, "--data", text, "--device", "cpu").Error);
        Assert.DoesNotContain("ill-formed", CommandLine.Done("eval", kinds.Gpt, "--device", "cpu").Error);
    }

    [Fact]
    public void A_table_that_is_hardly_text_is_refused_with_the_remedy_and_inspected()
    {
        var bytes = new byte[3000];
        new Random(3).NextBytes(bytes);
        Write("noise.tsv", bytes);
        foreach (var run in new[] { kinds.Classifier, kinds.Translator })
        {
            var error = CommandLine.Refused("eval", run, "--data", At("noise.tsv"), "--device", "cpu");
            Assert.Contains($"{At("noise.tsv")}: ", error);
            Assert.Contains("iconv", error);
        }
        Assert.Contains("ill-formed UTF-8 sequences replaced", CommandLine.Done("data", "inspect", At("noise.tsv")).Output);
    }
}
