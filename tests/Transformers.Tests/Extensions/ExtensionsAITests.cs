using Microsoft.Extensions.AI;
using Transformers.Extensions.AI;
using Transformers.Tests.Interchange;

namespace Transformers.Tests.Extensions;

/// <summary>Runs behind the interfaces of Microsoft.Extensions.AI.</summary>
[Collection("engine")]
public sealed class ExtensionsAITests : TempFolderTest
{
    const string Small = "layers: 1, heads: 2, width: 16, context: 64";
    static readonly GenerationOptions Forty = new() { MaxNewTokens = 40, Seed = 3, Slide = true };

    [Fact]
    public async Task Embeddings_are_those_of_the_library_in_the_order_of_the_texts()
    {
        MadeRuns.Encoder(folder["run"], "layers: 1, heads: 2, width: 16, context: 24, head: { kind: masked }");
        string[] texts = ["the cat", "a dog in the rain", "it"];
        using IEmbeddingGenerator<string, Embedding<float>> generator = RunEmbeddingGenerator.Open(folder["run"]);
        var made = await generator.GenerateAsync(texts, cancellationToken: TestContext.Current.CancellationToken);

        var run = TrainedRun.Open(folder["run"]);
        using var embedder = Kind.For(run).OpenEmbedder(run, NativeLibraries.Cpu);
        Assert.Equal(embedder.Embed(texts, Pooling.Mean).Select(one => one.Vectors[0]), made.Select(one => one.Vector.ToArray()));
        Assert.Equal(embedder.Embed(texts, null).Sum(one => one.Ids.Count), made.Usage!.InputTokenCount);
        Assert.Equal(16, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions);
        await Assert.ThrowsAsync<UserException>(() => generator.GenerateAsync(texts, new() { Dimensions = 8 }));
        using var ended = new CancellationTokenSource();
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync(texts, cancellationToken: ended.Token));
    }

    [Fact]
    public async Task Streamed_text_is_what_the_library_generates()
    {
        var run = MadeRuns.Language(folder["run"], Small);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, NativeLibraries.Cpu);
        using var library = new TextGenerator(model, tokenizer, NativeLibraries.Cpu);
        var expected = library.Generate(["the cat"], Forty)[0].Text;

        using var generator = RunTextGenerator.Open(folder["run"]);
        var parts = new List<string>();
        await foreach (var part in generator.StreamAsync("the cat", Forty, TestContext.Current.CancellationToken)) parts.Add(part);
        Assert.Equal(expected, string.Concat(parts));
        Assert.True(parts.Count > 5, $"the text came in {parts.Count} parts");
    }

    [Fact]
    public async Task A_stream_ends_when_it_is_cancelled_or_left_and_the_next_one_begins()
    {
        MadeRuns.Language(folder["run"], Small);
        using var generator = RunTextGenerator.Open(folder["run"]);
        // Far more tokens than a test waits for.
        var endless = Forty with { MaxNewTokens = 10_000_000 };
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in generator.StreamAsync("the", endless, stop.Token)) await stop.CancelAsync();
        });
        await foreach (var _ in generator.StreamAsync("the", endless, TestContext.Current.CancellationToken)) break;
        var after = new List<string>();
        await foreach (var part in generator.StreamAsync("the", Forty with { MaxNewTokens = 3 }, TestContext.Current.CancellationToken)) after.Add(part);
        Assert.NotEmpty(after);
    }

    [Fact]
    public async Task What_is_wrong_with_a_request_reaches_the_reader()
    {
        MadeRuns.Language(folder["run"], Small);
        using var generator = RunTextGenerator.Open(folder["run"]);
        var refused = await Assert.ThrowsAsync<UserException>(async () =>
        {
            await foreach (var _ in generator.StreamAsync("the", new() { Temperature = -1 }, TestContext.Current.CancellationToken)) { }
        });
        Assert.Contains("--temperature (-1)", refused.Message);
    }
}
