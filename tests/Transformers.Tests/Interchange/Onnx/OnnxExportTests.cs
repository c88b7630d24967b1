using TorchSharp;
using Transformers.Generators.Stories;
using Transformers.Interchange.Onnx;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange.Onnx;

/// <summary>Exported runs do in ONNX Runtime what they do in the program.</summary>
[Collection("engine")]
public sealed class OnnxExportTests : TempFolderTest
{
    // Where our two best tokens are closer than this, either may come first.
    const float Tie = 1e-4f;

    readonly DisposeScope scope = NewDisposeScope();

    public override void Dispose()
    {
        scope.Dispose();
        base.Dispose();
    }

    static TrainedRun Open(string name) => TrainedRun.Open(Repository.Golden("Runs", name));

    ExportResult Export(TrainedRun run, string name = "onnx", ExportType? type = null, bool? beside = null) =>
        Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = folder[name], Type = type, WeightsBeside = beside });

    JsonElement Description(string name = "onnx") => JsonDocument.Parse(File.ReadAllText(Path.Combine(folder[name], OnnxDescription.FileName))).RootElement;

    // Tokens agree up to the first position where two are equally good.
    static void AssertSame(IReadOnlyList<int> expected, IReadOnlyList<int> actual, Func<int, Tensor> logitsAfter)
    {
        var same = expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        if (same == expected.Count && same == actual.Count) return;
        var best = logitsAfter(same).topk(2).values;
        var gap = (best[0] - best[1]).item<float>();
        Assert.True(gap < Tie, $"[{string.Join(' ', actual)}] where [{string.Join(' ', expected)}] was expected: token {same} differs, and the best two are {gap} apart");
    }

    // The most probable tokens, read with the cache.
    static List<int> Greedy(OnnxSession session, Dictionary<string, Tensor> cache, int[] start, int most, int vocabulary, int? end, params (string Name, Tensor Value)[] further)
    {
        var made = new List<int>();
        var read = start;
        while (made.Count < most)
        {
            var ids = tensor(Array.ConvertAll(read, id => (long)id), [1, read.Length]);
            var outputs = session.Run([("input_ids", ids), .. further, .. cache.Select(one => (one.Key, one.Value))]);
            OnnxSession.Keep(cache, outputs);
            var next = (int)outputs["logits"][0, -1, ..vocabulary].argmax().item<long>();
            if (next == end) break;
            made.Add(next);
            read = [next];
        }
        return made;
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("llama")]
    public void Greedy_generation_with_the_cache_gives_the_tokens_of_the_program(string name)
    {
        var run = Open(name);
        Export(run);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, CPU);
        using var session = new OnnxSession(Path.Combine(folder["onnx"], "model.onnx"));
        var description = Description();
        int? begin = description.TryGetProperty("begin", out var id) ? id.GetInt32() : null;
        int? end = description.TryGetProperty("end", out id) ? id.GetInt32() : null;
        Assert.Equal((tokenizer.VocabularySize, model.Context), (description.GetProperty("vocabulary").GetInt32(), description.GetProperty("context").GetInt32()));
        using var generator = new TextGenerator(model, tokenizer, CPU) { StartsDocuments = Kind.For(run).StartsDocuments(run.Config.Data) };
        var different = new HashSet<string>();
        for (var i = 0; i < 20; i++)
        {
            var prompt = StoryGenerator.Story(seed: 5, i)[..(4 + i)];
            int[] start = [.. begin is { } first ? [first] : Array.Empty<int>(), .. tokenizer.EncodeToIds(prompt)];
            var most = model.Context - start.Length;
            var expected = generator.Generate([prompt], new GenerationOptions { Greedy = true, MaxNewTokens = most })[0].Ids;
            var actual = Greedy(session, session.EmptyCache(1), start, most, tokenizer.VocabularySize, end);
            AssertSame(expected, actual, same => model.forward(tensor(start.Concat(expected.Take(same)).Select(one => (long)one).ToArray()).unsqueeze(0))[0, -1]);
            different.Add(string.Join(' ', expected));
        }
        Assert.True(different.Count > 10, "the prompts lead to the same text");
    }

    [Fact]
    public void Two_hundred_greedy_translations_are_those_of_the_program()
    {
        var run = Open("copy");
        Export(run);
        var (source, target) = run.LoadTokenizers();
        using var model = run.LoadSeq2Seq((source, target), CPU);
        var description = Description();
        var (begin, end) = (description.GetProperty("begin").GetInt32(), description.GetProperty("end").GetInt32());
        using var encoder = new OnnxSession(Path.Combine(folder["onnx"], "encoder.onnx"));
        using var decoder = new OnnxSession(Path.Combine(folder["onnx"], "decoder.onnx"));
        var random = new Random(3);
        string[] sentences = [.. Enumerable.Range(0, 200).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(1, 14)).Select(_ => random.Next(1, 11))))];
        var translator = new Translator(model, source, target, CPU);
        foreach (var (sentence, translation) in sentences.Zip(translator.Translate(sentences, new TranslationOptions { MaxNewTokens = 20 }).ToList()))
        {
            using var each = NewDisposeScope();
            long[] ids = [.. source.EncodeToIds(sentence).Select(one => (long)one), description.GetProperty("source_end").GetInt32()];
            var (input, mask) = (tensor(ids).unsqueeze(0), ones(1, ids.Length, dtype: ScalarType.Int64));
            var cache = decoder.EmptyCache(1);
            OnnxSession.Keep(cache, encoder.Run(("input_ids", input), ("attention_mask", mask)));
            var actual = Greedy(decoder, cache, [begin], 20, target.VocabularySize, end, ("encoder_attention_mask", mask));
            AssertSame(translation.Best.Ids, actual, same => model.forward(input, tensor(translation.Best.Ids.Take(same).Prepend(begin).Select(one => (long)one).ToArray()).unsqueeze(0))[0, -1]);
        }
    }

    [Theory]
    [InlineData("digits")]
    [InlineData("shapes")]
    public void The_accuracy_over_a_test_split_is_that_of_the_program(string name)
    {
        using var plain = no_grad();
        var run = Open(name);
        Export(run);
        using var network = ImageRun.Open(run);
        using var images = network.OpenImages(generated: folder["images"]);
        var expected = ImageEvaluation.Run(network, images, "test");
        using var session = new OnnxSession(Path.Combine(folder["onnx"], "model.onnx"));
        int right = 0, all = 0;
        foreach (var batch in images.EvaluationBatches(images.Dataset.Split("test"), 50).RestOfEpoch())
        {
            using var _ = batch;
            var pixels = tensor(batch.Pixels, [batch.Count, network.Model.Shape.Channels, network.Model.Shape.Size, network.Model.Shape.Size]);
            var logits = session.Run(("pixel_values", pixels))["logits"];
            Assert.True((logits - network.Model.Logits(pixels)).abs().max().item<float>() <= 1e-4);
            right += (int)logits.argmax(1).eq(tensor(batch.Labels.Select(label => (long)label).ToArray())).sum().item<long>();
            all += batch.Count;
        }
        Assert.Equal(expected.Report.Examples, all);
        Assert.Equal(expected.Report.Accuracy, (double)right / all, 12);
        Assert.Equal(network.Input.Classes, Description().GetProperty("labels").EnumerateArray().Select(label => label.GetString()!));
        Assert.Equal(network.Input.Transform.Size, Description().GetProperty("image").GetProperty("size").GetInt32());
    }

    [Fact]
    public void A_classifier_of_texts_is_described_by_its_labels_and_special_tokens()
    {
        var run = Open("sentiment");
        var result = Export(run);
        Assert.Equal(["model.onnx", "tokenizer.json", "model.json"], result.Files.Select(file => file.Name));
        var description = Description();
        var special = SpecialIds.Of(run.LoadTokenizer());
        Assert.Equal(("encoder", "classify_text"), (description.GetProperty("kind").GetString(), description.GetProperty("task").GetString()));
        Assert.Equal(run.LoadClasses(), description.GetProperty("labels").EnumerateArray().Select(label => label.GetString()!));
        Assert.Equal((special.Begin, special.End, special.Padding), (description.GetProperty("begin").GetInt32(), description.GetProperty("end").GetInt32(), description.GetProperty("padding").GetInt32()));
    }

    [Fact]
    public void Weights_beside_the_graphs_are_stored_once_and_give_the_same_numbers()
    {
        var run = Open("copy");
        Export(run, "inside");
        var result = Export(run, "beside", beside: true);
        Assert.Contains("weights.bin", result.Files.Select(file => file.Name));
        foreach (var name in new[] { "encoder.onnx", "decoder.onnx" })
        {
            var (inside, beside) = (ModelOf("inside", name), ModelOf("beside", name));
            Assert.Equal(inside.Graph.Node, beside.Graph.Node);
            var outside = beside.Graph.Initializer.Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External).ToList();
            Assert.NotEmpty(outside);
            Assert.All(outside, tensor => Assert.Equal("0", $"{long.Parse(tensor.ExternalData.Single(entry => entry.Key == "offset").Value) % 4096}"));
        }
        // One matrix of embeddings serves sources, targets and the output layer.
        var offsets = new[] { "encoder.onnx", "decoder.onnx" }.Select(name => ModelOf("beside", name).Graph.Initializer.Single(tensor => tensor.Name == "src_emb.weight").ExternalData.Single(entry => entry.Key == "offset").Value);
        Assert.Single(offsets.Distinct());
        var ids = tensor(new long[] { 4, 6, 8, 2 }).unsqueeze(0);
        var mask = ones_like(ids);
        using var one = new OnnxSession(Path.Combine(folder["inside"], "encoder.onnx"));
        using var other = new OnnxSession(Path.Combine(folder["beside"], "encoder.onnx"));
        Assert.True(one.Run(("input_ids", ids), ("attention_mask", mask))["last_hidden_state"].equal(other.Run(("input_ids", ids), ("attention_mask", mask))["last_hidden_state"]).all().item<bool>());
    }

    [Fact]
    public void Weights_that_a_graph_cannot_contain_are_stored_beside_it_unless_that_is_ruled_out()
    {
        var run = Open("digits");
        var request = new ExportRequest { Format = ExportFormat.Onnx, Output = folder["onnx"], MostInside = 10_000 };
        var refused = Assert.Throws<UserException>(() => Kind.For(run).Export(run, request with { WeightsBeside = false }));
        Assert.Contains("are too large for --weights inside: a graph's file can have at most 10,000 bytes of them", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["onnx"]));
        Assert.Contains("weights.bin", Kind.For(run).Export(run, request).Files.Select(file => file.Name));
    }

    ModelProto ModelOf(string export, string name) => ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder[export], name)));

    [Theory]
    [InlineData("gpt")]
    [InlineData("llama")]
    public void In_8_bits_the_loss_of_a_trained_model_is_at_most_1_percent_worse(string name)
    {
        var run = Open(name);
        Export(run, "f32");
        Export(run, "int8", ExportType.Int8);
        Assert.Equal(("f32", "int8"), (Description("f32").GetProperty("weights").GetString(), Description("int8").GetProperty("weights").GetString()));
        var tokenizer = run.LoadTokenizer();
        long[] ids = [.. StoryGenerator.Generate(seed: 77, bytes: 20_000).SelectMany(story => tokenizer.EncodeToIds(story.Replace("'", ""))).Select(id => (long)id)];
        var rows = ids.Length / 32;
        var text = tensor(ids[..(rows * 32)]).view(rows, 32);
        var (wide, narrow) = (Loss("f32", text), Loss("int8", text));
        Assert.NotEqual(wide, narrow);
        Assert.True(narrow <= 1.01 * wide, $"{narrow} instead of {wide}");
    }

    double Loss(string export, Tensor text)
    {
        using var each = NewDisposeScope();
        using var session = new OnnxSession(Path.Combine(folder[export], "model.onnx"));
        double sum = 0;
        for (long row = 0; row < text.size(0); row += 50)
        {
            var part = text[(int)row..(int)Math.Min(row + 50, text.size(0))];
            var logits = session.Run([("input_ids", part), .. session.EmptyCache(part.size(0)).Select(one => (one.Key, one.Value))])["logits"];
            sum += nn.functional.cross_entropy(logits[.., ..^1].reshape(-1, logits.size(-1)), part[.., 1..].reshape(-1), reduction: nn.Reduction.Sum).item<float>();
        }
        return sum / (text.size(0) * (text.size(1) - 1));
    }

    [Theory]
    [InlineData("digits")]
    [InlineData("shapes")]
    public void In_8_bits_the_loss_over_images_is_at_most_1_percent_worse(string name)
    {
        var run = Open(name);
        using var network = ImageRun.Open(run);
        using var images = network.OpenImages(generated: folder["images"]);
        var losses = new Dictionary<ExportType, double>();
        foreach (var type in new[] { ExportType.F32, ExportType.Int8 })
        {
            Export(run, $"{type}", type);
            using var session = new OnnxSession(Path.Combine(folder[$"{type}"], "model.onnx"));
            losses[type] = 0;
            foreach (var batch in images.EvaluationBatches(images.Dataset.Split("test"), 50).RestOfEpoch())
            {
                using var _ = batch;
                var pixels = tensor(batch.Pixels, [batch.Count, network.Model.Shape.Channels, network.Model.Shape.Size, network.Model.Shape.Size]);
                var labels = tensor(batch.Labels.Select(label => (long)label).ToArray());
                losses[type] += nn.functional.cross_entropy(session.Run(("pixel_values", pixels))["logits"], labels, reduction: nn.Reduction.Sum).item<float>();
            }
        }
        Assert.NotEqual(losses[ExportType.F32], losses[ExportType.Int8]);
        Assert.True(losses[ExportType.Int8] <= 1.01 * losses[ExportType.F32], $"{losses[ExportType.Int8]} instead of {losses[ExportType.F32]}");
    }

    [Fact]
    public void In_8_bits_as_many_of_200_translations_are_right_but_for_1_percent()
    {
        var run = Open("copy");
        var (source, target) = run.LoadTokenizers();
        var pairs = ((ParallelDataConfig)run.Config.Data).Open().Test!.Read().Take(200).ToList();
        var right = new Dictionary<ExportType, int>();
        foreach (var type in new[] { ExportType.F32, ExportType.Int8 })
        {
            Export(run, $"{type}", type);
            var description = Description($"{type}");
            using var encoder = new OnnxSession(Path.Combine(folder[$"{type}"], "encoder.onnx"));
            using var decoder = new OnnxSession(Path.Combine(folder[$"{type}"], "decoder.onnx"));
            right[type] = pairs.Count(pair =>
            {
                using var each = NewDisposeScope();
                long[] ids = [.. source.EncodeToIds(pair.Source).Select(one => (long)one), description.GetProperty("source_end").GetInt32()];
                var (input, mask) = (tensor(ids).unsqueeze(0), ones(1, ids.Length, dtype: ScalarType.Int64));
                var cache = decoder.EmptyCache(1);
                OnnxSession.Keep(cache, encoder.Run(("input_ids", input), ("attention_mask", mask)));
                return target.Decode(Greedy(decoder, cache, [description.GetProperty("begin").GetInt32()], 20, target.VocabularySize, description.GetProperty("end").GetInt32(), ("encoder_attention_mask", mask))) == pair.Target;
            });
        }
        Assert.True(right[ExportType.F32] > 0.9 * pairs.Count, $"{right[ExportType.F32]} of {pairs.Count} are right");
        Assert.True(right[ExportType.Int8] >= 0.99 * right[ExportType.F32], $"{right[ExportType.Int8]} instead of {right[ExportType.F32]} are right");
    }

    [Fact]
    public void What_cannot_be_exported_is_refused_with_the_reason()
    {
        var run = Open("gpt");
        Assert.Contains("onnx has no weights of type f16", Assert.Throws<UserException>(() => Export(run, type: ExportType.F16)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["onnx"]));
        folder.Write("full/file", "");
        Assert.Contains("not empty", Assert.Throws<UserException>(() => Export(run, "full")).Message, StringComparison.Ordinal);
    }
}
