namespace TransformerCli.Tests.Commands;

/// <summary><c>export --to onnx</c> through its command line.</summary>
[Collection("engine")]
public sealed class OnnxExportCommandTests(TrainedKinds runs) : IClassFixture<TrainedKinds>
{
    [Fact]
    public void A_run_of_each_kind_is_exported_with_a_description_of_what_it_is_for()
    {
        foreach (var (run, task, graphs) in new[]
        {
            (runs.Gpt, "generate", "model.onnx"), (runs.Translator, "translate", "encoder.onnx decoder.onnx"), (runs.Vit, "classify_image", "model.onnx"),
            (runs.Classifier, "classify_text", "model.onnx"), (runs.Masked, "fill_mask", "model.onnx"), (runs.Pairs, "answer", "model.onnx"),
        })
        {
            var output = runs.At($"onnx-{task}");
            var outcome = CommandLine.Done("export", run, "--to", "onnx", "--output", output, "--json");
            Assert.Equal("transformer.export/1", outcome.Json.GetProperty("schema").GetString());
            Assert.Equal("onnx, opset 17", outcome.Json.GetProperty("layout").GetString());
            Assert.All(outcome.Json.GetProperty("files").EnumerateArray(), file =>
                Assert.Equal(new FileInfo(Path.Combine(output, file.GetProperty("name").GetString()!)).Length, file.GetProperty("bytes").GetInt64()));
            using var description = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, "model.json")));
            Assert.Equal(("transformer.onnx/1", task), (description.RootElement.GetProperty("schema").GetString(), description.RootElement.GetProperty("task").GetString()));
            Assert.Equal(graphs.Split(' '), description.RootElement.GetProperty("graphs").EnumerateArray().Select(graph => graph.GetString()!));
        }
    }

    [Fact]
    public void The_type_and_the_position_of_weights_are_options()
    {
        var sizes = new Dictionary<string, long>();
        foreach (var (name, options) in new (string, string[])[] { ("plain", []), ("beside", ["--weights", "beside"]), ("int8", ["--quantize", "int8"]) })
        {
            CommandLine.Done(["export", runs.Gpt, "--to", "onnx", "--output", runs.At(name), .. options]);
            sizes[name] = new FileInfo(Path.Combine(runs.At(name), "model.onnx")).Length;
            Assert.Equal(name == "beside", File.Exists(Path.Combine(runs.At(name), "weights.bin")));
        }
        Assert.True(sizes["beside"] < sizes["plain"] && sizes["int8"] < sizes["plain"]);
    }

    [Fact]
    public void Options_of_another_format_and_a_folder_in_use_are_refused()
    {
        Assert.Contains("--weights is for --to onnx", CommandLine.Refused("export", runs.Gpt, "--to", "huggingface", "--output", runs.At("other"), "--weights", "beside"));
        Assert.Contains("onnx has no weights of type bf16", CommandLine.Refused("export", runs.Gpt, "--to", "onnx", "--output", runs.At("other"), "--type", "bf16"));
        Assert.Contains("not empty", CommandLine.Refused("export", runs.Gpt, "--to", "onnx", "--output", runs.Gpt));
        Assert.False(Directory.Exists(runs.At("other")));
    }
}
