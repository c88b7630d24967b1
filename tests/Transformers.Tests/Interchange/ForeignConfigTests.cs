using System.Text.Json.Nodes;
using Transformers.Interchange.HuggingFace;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange;

/// <summary>Changes to a <c>config.json</c> that the library understands: if one asks for a model that this program lacks, the error names
/// the key.</summary>
[Collection("engine")]
public sealed class ForeignConfigTests : TempFolderTest
{
    // A golden folder with changed keys; null removes one.
    string Changed(string golden, string changes)
    {
        var target = Directory.CreateDirectory(folder["model"]).FullName;
        foreach (var file in Directory.EnumerateFiles(Repository.Golden("interchange", golden))) File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        var path = Path.Combine(target, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(changes)!.AsObject())
            if (value is null) config.Remove(key);
            else config[key] = value.DeepClone();
        File.WriteAllText(path, config.ToJsonString());
        return target;
    }

    [Theory]
    [InlineData("llama", """{"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}""", "rope_scaling: of type llama3 is not supported")]
    [InlineData("llama", """{"rope_scaling": {"type": "linear", "factor": 2.0}}""", "rope_scaling: of type linear is not supported")]
    [InlineData("llama", """{"rope_parameters": {"rope_type": "yarn", "rope_theta": 5000}}""", "rope_scaling: of type yarn is not supported")]
    [InlineData("llama", """{"partial_rotary_factor": 0.5}""", "partial_rotary_factor: (0.5) is not supported")]
    [InlineData("llama", """{"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}""", "partial_rotary_factor: (0.5) is not supported")]
    [InlineData("llama", """{"head_dim": 12}""", "head_dim: (12) times num_attention_heads (4) must be hidden_size (24)")]
    [InlineData("llama", """{"attention_bias": true}""", "mlp_bias: (false) must be attention_bias (true)")]
    [InlineData("llama", """{"hidden_act": "gelu"}""", "hidden_act: (gelu) is not supported")]
    [InlineData("llama", """{"num_key_value_heads": 3}""", "k_proj.weight is [12, 24], but config.json implies [18, 24]")]
    [InlineData("llama", """{"model_type": "mistral", "sliding_window": 4096}""", "model_type: (mistral) must be one of gpt2, llama")]
    [InlineData("llama", """{"model_type": "qwen2"}""", "model_type: (qwen2) must be one of gpt2, llama")]
    [InlineData("llama", """{"model_type": "gemma"}""", "model_type: (gemma) must be one of gpt2, llama")]
    [InlineData("gpt2", """{"scale_attn_by_inverse_layer_idx": true}""", "scale_attn_by_inverse_layer_idx: (true) is not supported")]
    [InlineData("gpt2", """{"scale_attn_weights": false}""", "scale_attn_weights: (false) is not supported")]
    [InlineData("gpt2", """{"add_cross_attention": true}""", "add_cross_attention: (true) is not supported")]
    [InlineData("bert-classify", """{"position_embedding_type": "relative_key"}""", "position_embedding_type: (relative_key) is not supported")]
    [InlineData("bert-classify", """{"is_decoder": true}""", "is_decoder: (true) is not supported")]
    [InlineData("bert-classify", """{"problem_type": "multi_label_classification"}""", "problem_type: (multi_label_classification) is not supported")]
    [InlineData("vit", """{"problem_type": "regression"}""", "problem_type: (regression) is not supported")]
    [InlineData("vit", """{"qkv_bias": false}""", "qkv_bias: (false) is not supported")]
    [InlineData("swin", """{"layer_norm_eps": 1e-4}""", "layer_norm_eps: (0.0001) must be 1e-5")]
    [InlineData("swin", """{"use_absolute_embeddings": true}""", "use_absolute_embeddings: (true) is not supported")]
    [InlineData("marian", """{"normalize_before": true}""", "normalize_before: (true) is not supported")]
    [InlineData("marian", """{"decoder_ffn_dim": 8}""", "decoder_ffn_dim: (8) must be the encoder's")]
    [InlineData("timm-vit", """{"global_pool": "avg"}""", "global_pool: (avg) is not supported")]
    [InlineData("timm-vit", """{"model_args": {"num_heads": 3, "act_layer": "quick_gelu"}}""", "model_args.act_layer: is not supported")]
    public void A_part_that_this_program_does_not_have_is_refused_by_its_key(string golden, string changes, string part)
    {
        Assert.Contains(part, Assert.ThrowsAny<UserException>(() => HuggingFaceImport.Import(Changed(golden, changes), folder["run"])).Message);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData("""{"rope_theta": null}""", 10_000)]
    [InlineData("""{"rope_theta": 700}""", 700)]
    [InlineData("""{"rope_theta": null, "rope_parameters": {"rope_type": "default", "rope_theta": 700}}""", 700)]
    [InlineData("""{"rope_theta": 700, "rope_parameters": {"rope_type": "default", "partial_rotary_factor": 1.0}}""", 700)]
    [InlineData("""{"rope_theta": null, "rope_scaling": {"rope_type": "default", "rope_theta": 700}}""", 700)]
    public void The_base_of_rotary_positions_is_found_wherever_a_version_of_the_library_has_it(string changes, double expected)
    {
        HuggingFaceImport.Import(Changed("llama", changes), folder["run"]);
        var model = (GptConfig)TrainedRun.Open(folder["run"]).Config.Model;
        Assert.Equal(expected, ((RotaryPositionsConfig)model.Positions).Base);
    }

    [Theory]
    [InlineData("258", "")]
    [InlineData("[258]", "")]
    [InlineData("65", "config.json ends texts at A; generate ends them only at <|endoftext|>")]
    [InlineData("[258, 65, 66]", "config.json ends texts at A B; generate ends them only at <|endoftext|>")]
    public void Tokens_that_end_texts_there_but_not_here_are_noted(string ids, string note)
    {
        var made = HuggingFaceImport.Import(Changed("llama", $$"""{"eos_token_id": {{ids}}}"""), folder["run"]);
        Assert.Equal(note, string.Join("\n", made.Notes));
    }

    [Fact]
    public void A_head_with_a_single_output_predicts_a_number_and_is_refused()
    {
        var path = Changed("vit", """{"id2label": {"0": "LABEL_0"}}""");
        Rewrite(path, tensors =>
        {
            tensors["classifier.weight"] = tensors["classifier.weight"][..1];
            tensors["classifier.bias"] = tensors["classifier.bias"][..1];
        });
        Assert.Contains("id2label: has one class, which transformers treats as regression", Assert.ThrowsAny<UserException>(() => HuggingFaceImport.Import(path, folder["run"])).Message);
    }

    // DeiT III adds positions to patches alone; with the class token's position in the class token, it is the golden model.
    [Fact]
    public void Positions_without_one_for_the_class_token_are_read()
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var path = Changed("timm-vit", """{"architecture": "deit3_small_patch16_224"}""");
        Rewrite(path, tensors =>
        {
            var positions = tensors["pos_embed"];
            tensors["cls_token"] = tensors["cls_token"] + positions[.., ..1];
            tensors["pos_embed"] = positions[.., 1..];
        });
        HuggingFaceImport.Import(path, folder["run"]);
        var golden = Read(Path.Combine(path, "expected.safetensors"));
        using var images = ImageRun.Open(TrainedRun.Open(folder["run"]));
        Models.GoldenFile.AssertClose(golden["logits"], images.Model.Logits(golden["pixels"]), 1e-4, "logits");
    }

    static Dictionary<string, Tensor> Read(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.ToDictionary(tensor => tensor.Name, tensor => ModelTensors.Load(file, tensor, path).to(ScalarType.Float32));
    }

    static void Rewrite(string path, Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        var file = Path.Combine(path, "model.safetensors");
        var tensors = Read(file);
        change(tensors);
        SafetensorsWriter.Write(file, [.. tensors.Select(one => new TensorBytes(one.Key, SafetensorsDtype.F32, one.Value.shape, one.Value.contiguous().WriteTo))]);
    }
}
