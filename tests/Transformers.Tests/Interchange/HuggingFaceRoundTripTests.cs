using System.Text.Json.Nodes;
using Transformers.Interchange.HuggingFace;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange;

/// <summary>What is exported and imported again is the same model.</summary>
[Collection("engine")]
public sealed class HuggingFaceRoundTripTests : TempFolderTest
{
    public static TheoryData<string, string> Models => new()
    {
        { "gpt2", "layers: 2, heads: 2, width: 16, context: 12, bias: true, feed_forward: { kind: gelu, tanh: true }" },
        { "gpt2", "layers: 1, heads: 2, width: 16, context: 12, tie_embeddings: false, feed_forward: { kind: relu, width: 40 }, norm: { kind: layer, epsilon: 1.0e-4 }" },
        { "llama", "layers: 2, heads: 4, key_value_heads: 2, width: 24, context: 12, feed_forward: { kind: swiglu }, positions: { kind: rotary, base: 5000 }, norm: { kind: rms, epsilon: 1.0e-6 }" },
        { "llama", "layers: 1, heads: 2, width: 16, context: 12, bias: true, tie_embeddings: false, vocabulary: 320, feed_forward: { kind: swiglu, width: 24 }, positions: { kind: rotary }, norm: { kind: rms }" },
        { "bert", "masked|layers: 2, heads: 2, width: 16, context: 14, head: { kind: masked }" },
        { "bert", "masked|layers: 1, heads: 2, width: 16, context: 14, head: { kind: masked, bias: true }" },
        { "bert", "classes|layers: 2, heads: 2, width: 16, context: 14, feed_forward: { kind: gelu, tanh: true }, norm: { kind: layer, placement: post, epsilon: 1.0e-12 }, head: { kind: classify }" },
        { "vit", "kind: vit, patch: 4, layers: 2, heads: 2, width: 16" },
        { "swin", "kind: swin, patch: 2, width: 8, layers: [2, 2], heads: [1, 2], window: 3" },
        { "swin", "kind: swin, patch: 2, width: 8, layers: [2, 1], heads: [1, 2], window: 4, padding: zeros" },
        { "marian", "layers: 2, decoder_layers: 1, heads: 2, width: 16, context: 20" },
        { "marian", "layers: 1, heads: 2, width: 16, context: 20, feed_forward: { kind: silu }, embeddings: { scale: false, output_bias: true }" },
    };

    TrainedRun Make(string layout, string model) => layout switch
    {
        "bert" => MadeRuns.Encoder(folder["run"], model[(model.IndexOf('|') + 1)..], model.StartsWith("classes", StringComparison.Ordinal) ? ["bad", "fair", "good"] : null),
        "vit" => MadeRuns.Images(folder["run"], model, 12),
        "swin" => MadeRuns.Images(folder["run"], model, 24),
        "marian" => MadeRuns.Translator(folder["run"], model),
        _ => MadeRuns.Language(folder["run"], model),
    };

    ExportResult Export(TrainedRun run, string name = "exported", ExportType? type = null, long shard = 5_000_000_000) =>
        Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.HuggingFace, Output = folder[name], Type = type, ShardBytes = shard });

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_weights_and_config_come_back_bit_for_bit(string layout, string model)
    {
        using var scope = NewDisposeScope();
        var run = Make(layout, model);
        Assert.Equal(layout, Export(run).Layout);
        HuggingFaceImport.Import(folder["exported"], folder["imported"]);
        var back = TrainedRun.Open(folder["imported"]);

        using (var before = run.Checkpoint.OpenTensors(CheckpointFiles.Model))
        using (var after = back.Checkpoint.OpenTensors(CheckpointFiles.Model))
        {
            Assert.Equal(before.Tensors.Select(tensor => tensor.Name).Order(), after.Tensors.Select(tensor => tensor.Name).Order());
            foreach (var tensor in before.Tensors) Assert.True(before.Span(tensor).SequenceEqual(after.Span(after[tensor.Name])), tensor.Name);
        }
        Assert.Equal([], ConfigDifferences.Of(run.Config.Model, back.Config.Model, "model").Select(one => one.Path).Except(["model.vocabulary"]));
        var (expected, actual) = (MadeRuns.Logits(run), MadeRuns.Logits(back));
        Assert.True(expected.std().item<float>() > 0.01);
        Assert.True(expected.equal(actual).all().item<bool>());
    }

    public static TheoryData<string, string, string> Classes => new()
    {
        { "gpt2", "layers: 1, heads: 2, width: 16, context: 12", "GPT2LMHeadModel" },
        { "llama", "layers: 1, heads: 2, width: 16, context: 12, feed_forward: { kind: swiglu }, positions: { kind: rotary }, norm: { kind: rms }", "LlamaForCausalLM" },
        { "bert", "masked|layers: 1, heads: 2, width: 16, context: 14, head: { kind: masked }", "BertForMaskedLM" },
        { "bert", "classes|layers: 1, heads: 2, width: 16, context: 14, head: { kind: classify }", "BertForSequenceClassification" },
        { "vit", "kind: vit, patch: 4, layers: 1, heads: 2, width: 16", "ViTForImageClassification" },
        { "swin", "kind: swin, patch: 2, width: 8, layers: [2], heads: [1], window: 3", "SwinForImageClassification" },
        { "marian", "layers: 1, heads: 2, width: 16, context: 20", "MarianMTModel" },
    };

    // An import needs neither, but the library chooses the class and the type by them.
    [Theory]
    [MemberData(nameof(Classes))]
    public void A_config_names_the_class_that_reads_it_and_the_type_of_the_weights(string layout, string model, string name)
    {
        Export(Make(layout, model), type: ExportType.BF16);
        Assert.Equal([name], Json("config.json")["architectures"]!.AsArray().Select(one => (string)one!));
        Assert.Equal("bfloat16", (string)Json("config.json")["torch_dtype"]!);
    }

    const string Framing = "pad_token_id=<pad> bos_token_id=<s> eos_token_id=</s>", Ending = "bos_token_id=<|endoftext|> eos_token_id=<|endoftext|>", Translating = Framing + " forced_eos_token_id=</s> decoder_start_token_id=<s>";

    // An import takes them from the tokenizer, but the library from these files.
    [Theory]
    [InlineData("gpt2", "layers: 1, heads: 2, width: 16, context: 12", "config.json", Ending)]
    [InlineData("gpt2", "layers: 1, heads: 2, width: 16, context: 12", "generation_config.json", Ending)]
    [InlineData("bert", "masked|layers: 1, heads: 2, width: 16, context: 14, head: { kind: masked }", "config.json", Framing)]
    [InlineData("marian", "layers: 1, heads: 2, width: 16, context: 20", "config.json", Translating)]
    [InlineData("marian", "layers: 1, heads: 2, width: 16, context: 20", "generation_config.json", Translating)]
    public void Special_tokens_are_named_by_their_ids(string layout, string model, string file, string tokens)
    {
        var run = Make(layout, model);
        Export(run);
        var special = (layout == "marian" ? run.LoadTokenizers().source : run.LoadTokenizer()).SpecialTokens;
        foreach (var pair in tokens.Split(' ').Select(pair => pair.Split('='))) Assert.Equal((pair[0], special[pair[1]]), (pair[0], (int)Json(file)[pair[0]]!));
    }

    [Fact]
    public void A_model_in_several_files_with_an_index_comes_back_the_same()
    {
        using var scope = NewDisposeScope();
        var run = MadeRuns.Language(folder["run"], "layers: 2, heads: 2, width: 16, context: 12, bias: true");
        var files = Export(run, shard: 10_000).Files.Select(file => file.Name).ToList();
        Assert.Contains("model.safetensors.index.json", files);
        Assert.True(files.Count(file => file.EndsWith(".safetensors", StringComparison.Ordinal)) > 2);
        HuggingFaceImport.Import(folder["exported"], folder["imported"]);
        Assert.True(MadeRuns.Logits(run).equal(MadeRuns.Logits(TrainedRun.Open(folder["imported"]))).all().item<bool>());
    }

    [Theory]
    [InlineData(ExportType.F16, 2e-3)]
    [InlineData(ExportType.BF16, 2e-2)]
    public void Sixteen_bits_halve_the_file_and_stay_near(ExportType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        var run = MadeRuns.Language(folder["run"], "layers: 1, heads: 2, width: 16, context: 12");
        var whole = Export(run).Files.Single(file => file.Name == "model.safetensors").Bytes;
        var half = Export(run, "half", type).Files.Single(file => file.Name == "model.safetensors").Bytes;
        Assert.InRange(half / (double)whole, 0.45, 0.62);
        HuggingFaceImport.Import(folder["half"], folder["imported"]);
        Tests.Models.GoldenFile.AssertClose(MadeRuns.Logits(run), MadeRuns.Logits(TrainedRun.Open(folder["imported"])), tolerance * 5, "logits");
    }

    [Fact]
    public void The_tokenizer_of_an_encoder_frames_texts_as_the_model_reads_them()
    {
        var run = MadeRuns.Encoder(folder["run"], "layers: 1, heads: 2, width: 16, context: 14, head: { kind: masked }");
        Export(run);
        var tokenizer = Transformers.Tokenizers.Formats.TokenizerFile.Load(folder["exported/tokenizer.json"]);
        Assert.Equal([1], tokenizer.Frame.Before.Select(id => id - tokenizer.SpecialTokens["<s>"] + 1));
        Assert.Equal([tokenizer.SpecialTokens["</s>"]], tokenizer.Frame.After);
        var description = JsonNode.Parse(File.ReadAllText(folder["exported/tokenizer_config.json"]))!;
        Assert.Equal("PreTrainedTokenizerFast", (string)description["tokenizer_class"]!);
        Assert.Equal("<mask>", (string)description["mask_token"]!);
        Assert.Equal(14, (int)description["model_max_length"]!);
    }

    // Versions of the library before 5 return token_type_ids by default, for which GPT-2 adds embeddings.
    [Theory]
    [InlineData("gpt2", "layers: 1, heads: 2, width: 16, context: 12")]
    [InlineData("marian", "layers: 1, heads: 2, width: 16, context: 20")]
    public void A_tokenizer_gives_out_what_the_model_reads(string layout, string model)
    {
        Export(Make(layout, model));
        Assert.Equal(["input_ids", "attention_mask"], Json("tokenizer_config.json")["model_input_names"]!.AsArray().Select(name => (string)name!));
    }

    JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(folder[$"exported/{name}"]))!;

    // Where a config does not name them, the library's Llama ends texts at token 2, an ordinary one here.
    [Fact]
    public void A_vocabulary_without_an_end_of_text_token_exports_as_one()
    {
        Export(MadeRuns.Language(folder["run"], "layers: 1, heads: 2, width: 16, context: 12, feed_forward: { kind: swiglu }, positions: { kind: rotary }, norm: { kind: rms }", CharacterTokenizer.FromText("abc de")));
        foreach (var key in (string[])["bos_token_id", "eos_token_id"])
        {
            Assert.True(Json("config.json").AsObject().TryGetPropertyValue(key, out var id));
            Assert.Null(id);
            Assert.False(Json("generation_config.json").AsObject().ContainsKey(key));
        }
    }

    // Without one, the library generates 20 tokens.
    [Fact]
    public void A_translator_exports_the_maximum_length_of_a_translation()
    {
        Export(Make("marian", "layers: 1, heads: 2, width: 16, context: 37"));
        Assert.Equal(37, (int)Json("generation_config.json")["max_length"]!);
    }

    [Fact]
    public void Weights_that_are_not_finite_are_not_exported()
    {
        var run = MadeRuns.Language(folder["run"], "layers: 1, heads: 2, width: 16, context: 12", spoil: "blocks.0.mlp.up.weight");
        foreach (var type in (ExportType[])[ExportType.F32, ExportType.F16])
            Assert.Contains("transformer.h.0.mlp.c_fc.weight has numbers that are not finite", Assert.Throws<UserException>(() => Export(run, type: type)).Message);
        Assert.False(Directory.Exists(folder["exported"]));
    }

    [Fact]
    public void The_token_that_starts_documents_is_put_before_texts_there_and_comes_back()
    {
        var run = MadeRuns.Language(folder["run"], "layers: 1, heads: 2, width: 16, context: 12", batches: "batches: { kind: packed }, document_start: true, ");
        Export(run);
        HuggingFaceImport.Import(folder["exported"], folder["imported"]);
        var back = TrainedRun.Open(folder["imported"]);
        Assert.Equal([back.LoadTokenizer().EndOfTextId!.Value], back.LoadTokenizer().Frame.Before);
        Assert.True(Kind.For(back).StartsDocuments(back.Config.Data));

        var plain = MadeRuns.Language(folder["plain"], "layers: 1, heads: 2, width: 16, context: 12");
        Export(plain, "other");
        HuggingFaceImport.Import(folder["other"], folder["imported2"]);
        Assert.False(Kind.For(plain).StartsDocuments(TrainedRun.Open(folder["imported2"]).Config.Data));
    }

    [Fact]
    public void An_image_processor_keeps_how_images_are_seen_and_the_names_of_classes()
    {
        var run = MadeRuns.Images(folder["run"], "kind: vit, patch: 4, layers: 1, heads: 2, width: 16", 12, channels: 1, classes: ["no", "yes"]);
        Export(run);
        HuggingFaceImport.Import(folder["exported"], folder["imported"]);
        var (before, after) = (ImageRun.Open(run).Input, ImageRun.Open(folder["imported"]).Input);
        Assert.Equal(before.ToJson(), after.ToJson());
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "gpt|layers: 1, heads: 2, width: 16, context: 12, positions: { kind: alibi }", "positions of kind alibi" },
        { "gpt|layers: 1, heads: 2, width: 16, context: 12, norm: { kind: layer, placement: post }", "layer norm before each sublayer" },
        { "gpt|layers: 1, heads: 2, key_value_heads: 1, width: 16, context: 12", "fewer model.key_value_heads" },
        { "vit|kind: vit, patch: 4, layers: 1, heads: 2, width: 16, pool: mean", "model.pool: mean" },
        { "vit|kind: vit, patch: 4, layers: 1, heads: 2, width: 16, layer_scale: 1.0e-4", "model.layer_scale" },
        { "swin|kind: swin, patch: 2, width: 8, layers: [2, 1], heads: [1, 2], window: 4", "padding is masked" },
        { "swin|kind: swin, patch: 4, width: 8, layers: [1, 1], heads: [1, 2], window: 6", "larger than the grid of stage 2" },
        { "swin|kind: swin, patch: 2, width: 8, layers: [2, 1], heads: [1, 2], window: 3, norm: { kind: layer, epsilon: 1.0e-4 }", "a layer norm of epsilon 1e-5" },
        { "seq|layers: 1, heads: 2, width: 16, context: 20, norm: { kind: layer, placement: pre }", "epsilon 1e-5 after each sublayer" },
        { "enc|layers: 1, heads: 2, width: 16, context: 20, head: { kind: classify, pool: mean }", "pool other than cls" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_no_layout_expresses_is_refused_by_name(string model, string part)
    {
        var (kind, settings) = (model[..model.IndexOf('|')], model[(model.IndexOf('|') + 1)..]);
        var run = kind switch
        {
            "gpt" => MadeRuns.Language(folder["run"], settings),
            "seq" => MadeRuns.Translator(folder["run"], settings),
            "enc" => MadeRuns.Encoder(folder["run"], settings, ["a", "b"]),
            _ => MadeRuns.Images(folder["run"], settings, 24),
        };
        Assert.Contains(part, Assert.Throws<UserException>(() => Export(run)).Message);
        Assert.False(Directory.Exists(folder["exported"]));
    }

    [Fact]
    public void A_folder_with_files_is_not_written_over()
    {
        var run = MadeRuns.Language(folder["run"], "layers: 1, heads: 2, width: 16, context: 12");
        Directory.CreateDirectory(folder["exported"]);
        File.WriteAllText(folder["exported/mine.txt"], "mine");
        Assert.Contains("not empty", Assert.Throws<UserException>(() => Export(run)).Message);
        Assert.Equal("mine", File.ReadAllText(folder["exported/mine.txt"]));
    }
}
