namespace TransformerCli.Tests.Commands;

/// <summary>The commands export and import, on trained runs of each kind.</summary>
public sealed class ExportImportTests(TrainedKinds runs) : FolderTest, IClassFixture<TrainedKinds>
{
    static JsonElement Done(params string[] words) => CommandLine.Done([.. words, "--json"]).Json;

    [Fact]
    public void An_exported_translator_is_imported_again_and_translates_alike()
    {
        var written = Done("export", runs.Translator, "--to", "huggingface", "--output", At("marian"));
        Assert.Equal(("transformer.export/1", "marian"), (written.GetProperty("schema").GetString(), written.GetProperty("layout").GetString()));
        Assert.Equal(["tokenizer.json", "tokenizer_config.json", "generation_config.json", "config.json", "model.safetensors"], written.GetProperty("files").EnumerateArray().Select(file => file.GetProperty("name").GetString()!));
        var read = Done("import", At("marian"), "--output", At("run"));
        Assert.Equal(("transformer.import/1", "seq2seq"), (read.GetProperty("schema").GetString(), read.GetProperty("model").GetString()));
        string Translation(string run) => Done("generate", run, "--prompt", "7 3 5", "--device", "cpu").GetProperty("completions")[0].GetProperty("text").GetString()!;
        Assert.Equal(Translation(runs.Translator), Translation(At("run")));
    }

    [Fact]
    public void An_imported_run_is_evaluated_on_data_that_are_named_and_says_so_where_none_are()
    {
        Done("export", runs.Gpt, "--to", "huggingface", "--output", At("gpt2"));
        Done("import", At("gpt2"), "--output", At("run"));
        Assert.Contains($"{At("run")}: the run was imported and has no data of its own (name a file or folder to evaluate it on with --data)", CommandLine.Refused("eval", At("run")));
        var text = runs.Write("text.txt", string.Concat(Enumerable.Repeat("One morning Anna went to the lake. ", 20)));
        Assert.True(Done("eval", At("run"), "--data", text, "--device", "cpu").GetProperty("metrics").GetProperty("loss").GetDouble() > 0);
        // A run that was trained here has data of its own.
        Done("eval", runs.Gpt, "--device", "cpu");
    }

    [Fact]
    public void An_exported_network_is_imported_again_predicts_alike_and_trains_on()
    {
        Done("export", runs.Vit, "--to", "huggingface", "--output", At("vit"));
        Done("import", At("vit"), "--output", At("run"));
        var image = Directory.EnumerateFiles(Path.Combine("data", ".cache", "images"), "*.png", SearchOption.AllDirectories).First();
        string Labels(string run) => Done("predict", run, image, "--device", "cpu").GetProperty("predictions")[0].GetProperty("labels").ToString();
        Assert.Equal(Labels(runs.Vit), Labels(At("run")));

        var config = runs.Write("further.yaml", """
            data: { kind: images, source: { generator: digits, count: 200, side: 16 }, input: { size: 16 }, holdout: { count: 40 } }
            model: { kind: vit, patch: 8, layers: 1, heads: 2, width: 16 }
            training: { steps: 2, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }
            """);
        var outcome = CommandLine.Done("train", config, "--from", At("run"), "--run", At("further"), "--device", "cpu");
        Assert.Contains("tensors were loaded", outcome.Error);
        Assert.DoesNotContain("; new: blocks", outcome.Error);
    }

    [Fact]
    public void What_cannot_be_is_refused_with_a_remedy()
    {
        Assert.Contains("a run of kind encoder cannot be exported to gguf", CommandLine.Refused("export", runs.Masked, "--to", "gguf", "--output", At("a.gguf")));
        Assert.Contains("--quantize int8 is for --to onnx", CommandLine.Refused("export", runs.Vit, "--to", "huggingface", "--output", At("b"), "--quantize", "int8"));
        Assert.Contains("--shard-size is for --to huggingface", CommandLine.Refused("export", runs.Gpt, "--to", "gguf", "--output", At("c.gguf"), "--shard-size", "1GB"));
        Assert.Contains("huggingface has no weights of type q8_0", CommandLine.Refused("export", runs.Vit, "--to", "huggingface", "--output", At("d"), "--type", "q8_0"));
        Assert.Contains("the folder does not exist", CommandLine.Refused("import", At("nowhere"), "--output", At("e")));
        Assert.Contains("config.json: is missing", CommandLine.Refused("import", runs.At(""), "--output", At("f")));
    }
}
