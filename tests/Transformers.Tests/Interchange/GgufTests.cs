using System.Runtime.InteropServices;
using Transformers.Interchange.Gguf;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange;

/// <summary>llama.cpp loads what is exported, cuts texts into the same tokens and continues them alike.</summary>
[Collection("engine")]
public sealed class GgufTests : TempFolderTest
{
    // With settings that are not llama.cpp's defaults, and an epsilon that is not negligible.
    const string Gpt2 = "layers: 2, heads: 2, width: 64, context: 48, feed_forward: { kind: gelu, tanh: true }, norm: { kind: layer, epsilon: 0.05 }";
    const string Llama = "layers: 2, heads: 4, key_value_heads: 2, width: 64, context: 48, feed_forward: { kind: swiglu, width: 96 }, positions: { kind: rotary, base: 5000 }, norm: { kind: rms, epsilon: 0.05 }";

    ExportResult Export(TrainedRun run, ExportType? type = null) => Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Gguf, Output = folder["model.gguf"], Type = type });

    public static TheoryData<string, string, double> Layouts => new()
    {
        { "gpt2", Gpt2 + ", bias: true", 1e-3 },
        { "gpt2", Gpt2 + ", tie_embeddings: false, vocabulary: 304", 1e-3 },
        { "llama", Llama, 1e-4 },
        { "llama", Llama + ", bias: true, tie_embeddings: false", 1e-4 },
    };

    // Twenty prompts, each continued by the best token until two are nearly as good.
    [Trait("Category", "slow")]
    [Theory]
    [MemberData(nameof(Layouts))]
    public void Greedy_continuations_are_equal_up_to_near_ties(string layout, string model, double nearTie)
    {
        var run = MadeRuns.Language(folder["run"], model);
        var made = Export(run);
        Assert.Equal(layout, made.Layout);
        var tokenizer = run.LoadTokenizer();
        using var ours = run.LoadLanguageModel(tokenizer, CPU);
        using var llama = new LlamaCpp(made.Output, 48);
        Assert.Equal((ours.Vocabulary, ours.Context, tokenizer.EndOfTextId), (llama.Vocabulary, llama.TrainedContext, llama.End));
        string[] words = ["the cat", " sat", " on", " rain", ". It's", " dog", " 2024", " and", "?", "the"];
        var continued = 0;
        for (var prompt = 0; prompt < 20; prompt++)
        {
            var ids = tokenizer.EncodeToIds(words[prompt % 10] + words[prompt * 7 % 10] + words[prompt * 3 % 10]).ToList();
            llama.Clear();
            var theirs = llama.Read(ids);
            while (ids.Count < 40)
            {
                var own = Logits(ours, ids);
                var best = own.Select((value, id) => (value, id)).OrderByDescending(one => one.value).Take(2).ToArray();
                Assert.InRange(Enumerable.Range(0, own.Length).Max(i => Math.Abs(own[i] - theirs[i])), 0, 20 * nearTie);
                if (best[0].value - best[1].value < nearTie) break;
                Assert.Equal(best[0].id, Array.IndexOf(theirs, theirs.Max()));
                ids.Add(best[0].id);
                continued++;
                theirs = llama.Read([best[0].id]);
            }
        }
        Assert.True(continued > 300, $"only {continued} tokens were compared");
    }

    static float[] Logits(Transformers.Models.Gpt model, List<int> ids)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        var logits = model.forward(tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Count]))[0, -1].contiguous();
        return MemoryMarshal.Cast<byte, float>(logits.bytes).ToArray();
    }

    [Theory]
    [InlineData(ExportType.F16, 0.62, 0.02)]
    [InlineData(ExportType.BF16, 0.62, 0.1)]
    [InlineData(ExportType.Q8_0, 0.42, 0.1)]
    public void Smaller_types_load_and_stay_near(ExportType type, double size, double tolerance)
    {
        var run = MadeRuns.Language(folder["run"], Llama);
        var whole = Export(run).Files[0].Bytes;
        File.Delete(folder["model.gguf"]);
        var small = Export(run, type);
        Assert.InRange(small.Files[0].Bytes / (double)whole, 0.2, size);
        var tokenizer = run.LoadTokenizer();
        using var ours = run.LoadLanguageModel(tokenizer, CPU);
        using var llama = new LlamaCpp(small.Output, 48);
        var ids = tokenizer.EncodeToIds("the cat sat on the mat").ToList();
        var (own, theirs) = (Logits(ours, ids), llama.Read(ids));
        var (error, range) = (Enumerable.Range(0, own.Length).Max(i => Math.Abs(own[i] - theirs[i])), own.Max() - own.Min());
        Assert.InRange(error / range, 1e-7, tolerance);
    }

    public static TheoryData<string> Tokenizers => new("gpt2", "cl100k", "qwen2", "o200k", "characters", "bytes");

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void A_text_has_the_same_ids(string kind)
    {
        const string text = "It's the year 2024, isn't it?\n\n  The CAT sat -- on 12345 mats!  naïve café\tand 日本語 or \U0001F600.\r\n    def f(x):\n\treturn x**2 + 3.14\n";
        var training = Enumerable.Range(0, 40).Select(i => (Stream)new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text + $" the cat {i} and the dogs' food we'll see. Isn't THAT nice?\n")));
        TextTokenizer tokenizer = kind switch
        {
            "characters" => CharacterTokenizer.FromText(text, [TextTokenizer.DefaultEndOfText]),
            "bytes" => new ByteTokenizer([TextTokenizer.DefaultEndOfText]),
            _ => BpeTrainer.Train(training, new BpeTrainerOptions { VocabularySize = 400, Pattern = SplitPatterns.Parse(kind), MinimumFrequency = 2 }),
        };
        var run = MadeRuns.Language(folder["run"], Llama, tokenizer);
        using var llama = new LlamaCpp(Export(run).Output, 16);
        foreach (var line in (string[])[text, .. text.Split('\n'), "the cat's", "  ", "\n", "a  b   c\n\n\nd"])
            if (kind != "characters" || line.All(text.Contains))
                Assert.Equal(tokenizer.EncodeToIds(line), llama.Tokenize(line));
        // Special tokens are text here as there.
        if (kind != "characters") Assert.Equal(tokenizer.EncodeToIds("<|endoftext|>"), llama.Tokenize("<|endoftext|>"));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("batches: { kind: packed }, document_start: true, ", true)]
    public void The_token_that_starts_documents_precedes_a_prompt_where_it_does_here(string batches, bool starts)
    {
        var run = MadeRuns.Language(folder["run"], Llama, batches: batches);
        using var llama = new LlamaCpp(Export(run).Output, 16);
        var tokenizer = run.LoadTokenizer();
        int[] first = starts ? [tokenizer.EndOfTextId!.Value] : [];
        Assert.Equal([.. first, .. tokenizer.EncodeToIds("the cat")], llama.Tokenize("the cat", addStart: true));
    }

    [Theory]
    [InlineData("layers: 1, heads: 2, width: 16, context: 12", "tanh approximation")]
    [InlineData("layers: 1, heads: 2, width: 16, context: 12, positions: { kind: alibi }", "positions of kind alibi")]
    public void What_llama_cpp_does_not_run_is_refused_by_name(string model, string part)
    {
        var run = MadeRuns.Language(folder["run"], model);
        Assert.Contains(part, Assert.Throws<UserException>(() => Export(run)).Message);
        Assert.False(File.Exists(folder["model.gguf"]));
    }

    [Fact]
    public void A_pattern_without_a_name_and_a_vocabulary_without_an_end_are_refused()
    {
        var whole = BpeTrainer.Train([new MemoryStream("the cat sat on the mat the cat sat"u8.ToArray())], new BpeTrainerOptions { VocabularySize = 262, Pattern = SplitPattern.None, MinimumFrequency = 2 });
        Assert.Contains("with the pattern none, which llama.cpp does not have", Assert.Throws<UserException>(() => Export(MadeRuns.Language(folder["a"], Llama, whole))).Message);
        var endless = CharacterTokenizer.FromText("the cat");
        Assert.Contains("no end-of-text token", Assert.Throws<UserException>(() => Export(MadeRuns.Language(folder["b"], Llama, endless))).Message);
    }

    [Fact]
    public void A_block_of_eight_bits_is_the_nearest_multiple_of_its_scale()
    {
        var values = Enumerable.Range(0, 64).Select(i => i < 32 ? (i - 15.5f) / 10 : 0).ToArray();
        var bytes = Quantized.Of(values);
        Assert.Equal(2 * 34, bytes.Length);
        var scale = (float)BitConverter.ToHalf(bytes, 0);
        Assert.Equal(1.55f / 127, scale, 1e-4f);
        for (var i = 0; i < 32; i++) Assert.Equal(values[i], (sbyte)bytes[2 + i] * scale, scale * 0.51f);
        Assert.All(bytes[34..], value => Assert.Equal(0, value));
    }
}
