using static TorchSharp.torch;

namespace Transformers.Tests.Decoding;

[Collection("engine")]
public class TextGeneratorTests
{
    static readonly ByteTokenizer Bytes = new();

    static Gpt Model(int context = 64, int? vocabulary = null)
    {
        using var generator = new Generator(11);
        var model = new Gpt(new GptConfig { Layers = 2, Heads = 2, Width = 32, Context = context, Positions = new RotaryPositionsConfig(), Init = new Gpt2InitConfig { Std = 0.4 } }, vocabulary ?? Bytes.VocabularySize, generator);
        model.eval();
        return model;
    }

    static TextGenerator Of(Gpt model) => new(model, Bytes, CPU);

    [Fact]
    public void Greedy_generation_with_a_cache_equals_full_passes_token_for_token()
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        using var model = Model();
        var completion = Of(model).Generate(["Once upon"], new GenerationOptions { Greedy = true, MaxNewTokens = 40 })[0];
        List<long> tokens = [.. Bytes.EncodeToIds("Once upon").Select(id => (long)id)];
        foreach (var id in completion.Ids)
        {
            var logits = model.forward(tensor(tokens.ToArray(), [1, tokens.Count]))[0, -1];
            Assert.Equal(logits.argmax().item<long>(), id);
            tokens.Add(id);
        }
        Assert.NotEmpty(completion.Ids);
    }

    [Fact]
    public void A_generation_that_is_cut_short_lets_go_of_its_memory()
    {
        using var model = Model();
        using var generator = Of(model);
        generator.Generate(["Once"], new GenerationOptions { MaxNewTokens = 3 });
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 10; i++)
        {
            using var cancel = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => generator.Generate(["Once"], new GenerationOptions { MaxNewTokens = 50 }, (_, _) => cancel.Cancel(), cancel.Token));
        }
        Assert.InRange(Tensor.TotalCount, 0, before);
    }

    [Fact]
    public void What_comes_of_a_prompt_does_not_depend_on_the_others_in_the_batch()
    {
        using var model = Model();
        string[] prompts = ["a", "the second prompt is longer", "", "xyz"];
        var options = new GenerationOptions { MaxNewTokens = 20, Greedy = true };
        var together = Of(model).Generate(prompts, options);
        for (var i = 0; i < prompts.Length; i++)
            Assert.Equal(Of(model).Generate([prompts[i]], options)[0].Ids, together[i].Ids);
    }

    [Theory]
    [InlineData(Precision.Bf16, false)]
    [InlineData(Precision.Bf16, true)]
    [InlineData(Precision.Fp32, true)]
    public void In_every_format_a_sample_is_the_same_alone_and_among_others_with_the_same_score(Precision precision, bool quantized)
    {
        using var model = Model();
        // The number of a prompt is part of its random stream: the first of the batch is drawn as it is alone.
        string[] prompts = ["a prompt of some length", "b", "", "and the last of the prompts"];
        using var generator = new TextGenerator(model, Bytes, CPU) { Precision = precision, Quantized = quantized };
        var options = new GenerationOptions { MaxNewTokens = 30, TopK = 40 };
        var together = generator.Generate(prompts, options);
        var alone = generator.Generate(prompts[..1], options);
        Assert.Equal(alone[0].Ids, together[0].Ids);
        Assert.Equal(alone[0].Score, together[0].Score);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 1.3)]
    [InlineData(false, 1)]
    public void With_a_large_vocabulary_a_prompt_is_continued_as_it_is_alone_and_only_with_tokens_that_exist(bool greedy, double penalty)
    {
        // Three rows are enough for several threads to choose at the same time.
        using var model = Model(vocabulary: 40_000);
        string[] prompts = ["a prompt of some length", "b", "and the last of the prompts"];
        var options = new GenerationOptions { MaxNewTokens = 12, Greedy = greedy, RepetitionPenalty = penalty };
        using var generator = Of(model);
        var together = generator.Generate(prompts, options);
        Assert.All(together, completion => Assert.All(completion.Ids, id => Assert.InRange(id, 0, Bytes.VocabularySize - 1)));
        var alone = generator.Generate(prompts[..1], options)[0];
        Assert.Equal(alone.Ids, together[0].Ids);
        Assert.Equal(alone.Score, together[0].Score);
        if (greedy)
            for (var i = 0; i < prompts.Length; i++) Assert.Equal(generator.Generate([prompts[i]], options)[0].Ids, together[i].Ids);
    }

    [Fact]
    public void A_seed_repeats_a_sample_and_another_gives_another()
    {
        using var model = Model();
        string Sample(ulong seed) => Of(model).Generate(["hello"], new GenerationOptions { MaxNewTokens = 30, Seed = seed })[0].Text;
        Assert.Equal(Sample(1), Sample(1));
        Assert.NotEqual(Sample(1), Sample(2));
    }

    [Fact]
    public void Streamed_text_is_the_text_and_ends_before_a_stop()
    {
        using var model = Model();
        var whole = Of(model).Generate(["hello"], new GenerationOptions { MaxNewTokens = 40, Greedy = true })[0];
        var stop = whole.Text.Substring(10, 3);
        var streamed = new System.Text.StringBuilder();
        var stopped = Of(model).Generate(["hello"], new GenerationOptions { MaxNewTokens = 40, Greedy = true, Stop = [stop] }, (_, text) => streamed.Append(text))[0];
        Assert.Equal("stop", stopped.Finish);
        Assert.Equal(whole.Text[..whole.Text.IndexOf(stop, StringComparison.Ordinal)], stopped.Text);
        Assert.Equal(stopped.Text, streamed.ToString());
    }

    [Fact]
    public void At_the_contexts_end_it_stops_with_length_or_slides()
    {
        using var model = Model(context: 16);
        var stopped = Of(model).Generate(["0123456789"], new GenerationOptions { MaxNewTokens = 50, Greedy = true })[0];
        Assert.Equal("length", stopped.Finish);
        Assert.InRange(stopped.Ids.Count, 6, 7);
        var slid = Of(model).Generate(["0123456789"], new GenerationOptions { MaxNewTokens = 50, Greedy = true, Slide = true })[0];
        Assert.True(slid.Ids.Count == 50 || slid.Finish == "eos");
        Assert.Throws<UserException>(() => Of(model).Generate(["this prompt has more than sixteen tokens"], new GenerationOptions()));
    }

    // At the end of a context of 16, the newest 8 tokens are read again, so that 8 more fit before the next time.
    [Fact]
    public void Sliding_reads_the_newer_half_of_the_context_again()
    {
        using var model = Model(context: 16);
        var prompt = "0123456789";
        var completion = Of(model).Generate([prompt], new GenerationOptions { MaxNewTokens = 30, Greedy = true, Slide = true })[0];
        using var plain = no_grad();
        List<int> read = [.. Bytes.EncodeToIds(prompt)];
        foreach (var id in completion.Ids)
        {
            if (read.Count > 16) read.RemoveRange(0, read.Count - 8);
            using var scope = NewDisposeScope();
            var logits = model.forward(tensor(read.Select(one => (long)one).ToArray(), [1, read.Count]))[0, -1].narrow(0, 0, Bytes.VocabularySize);
            Assert.Equal(id, logits.argmax().item<long>());
            read.Add(id);
        }
        Assert.True(completion.Ids.Count > 15, $"only {completion.Ids.Count} tokens: the context did not slide twice");
    }

    [Fact]
    public void Options_out_of_range_are_named_together()
    {
        using var model = Model();
        Assert.Equal(3, Assert.Throws<UserException>(() => Of(model).Generate(["x"], new GenerationOptions { Temperature = 0, TopP = 2, TopK = 0 })).Problems.Count);
    }
}
