using Transformers.Interchange.HuggingFace;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange;

/// <summary>Folders that tests/Golden/interchange.py made by hand, with logits of its own forward passes.</summary>
[Collection("engine")]
public sealed class HuggingFaceGoldenTests : TempFolderTest
{
    const double Tolerance = 1e-4;

    TrainedRun Import(string name, out Dictionary<string, Tensor> expected)
    {
        NativeLibraries.Load();
        HuggingFaceImport.Import(Repository.Golden("interchange", name), folder["run"]);
        var path = Path.Combine(Repository.Golden("interchange", name), "expected.safetensors");
        using var file = SafetensorsFile.Open(path);
        expected = file.Tensors.ToDictionary(tensor => tensor.Name, tensor => ModelTensors.Load(file, tensor, path));
        return TrainedRun.Open(folder["run"]);
    }

    static void Close(Tensor expected, Tensor actual)
    {
        Assert.True(expected.std().item<float>() > 0.1);
        Models.GoldenFile.AssertClose(expected, actual.detach(), Tolerance, "logits");
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Language_models_agree_with_an_independent_forward_pass(string name)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var run = Import(name, out var golden);
        Close(golden["logits"], run.LoadLanguageModel(run.LoadTokenizer(), CPU).forward(golden["ids"]));
    }

    [Theory]
    [InlineData("bert-masked")]
    [InlineData("bert-classify")]
    public void Encoders_agree_with_an_independent_forward_pass(string name)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var run = Import(name, out var golden);
        var model = run.LoadEncoder(run.LoadTokenizer(), CPU);
        Close(golden["logits"], model is MaskedTokenModel masked ? masked.forward(golden["ids"]) : ((TextClassifier)model).forward(golden["ids"], [9, 9]));
        if (model is TextClassifier) Assert.Equal(["bad", "fair", "good"], run.LoadClasses());
    }

    [Theory]
    [InlineData("vit")]
    [InlineData("swin")]
    [InlineData("timm-vit")]
    [InlineData("timm-swin")]
    public void Networks_over_images_agree_with_an_independent_forward_pass(string name)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var run = Import(name, out var golden);
        using var images = ImageRun.Open(run);
        Close(golden["logits"], images.Model.Logits(golden["pixels"]));
    }

    [Fact]
    public void An_encoder_decoder_agrees_with_an_independent_forward_pass_and_begins_with_padding()
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var run = Import("marian", out var golden);
        var tokenizers = run.LoadTokenizers();
        Close(golden["logits"], run.LoadSeq2Seq(tokenizers, CPU).forward(golden["source"], golden["target"]));
        Assert.Equal(tokenizers.target.SpecialTokens["<pad>"], SpecialIds.Of(tokenizers.target).Begin);
    }

    [Fact]
    public void What_an_image_looks_like_to_the_model_is_taken_from_the_processor()
    {
        HuggingFaceImport.Import(Repository.Golden("interchange", "vit"), folder["vit"]);
        var vit = ImageRun.Open(folder["vit"]).Input;
        Assert.Equal((12, false, 0.4, 0.25), (vit.Transform.Size, vit.Transform.KeepRatio, vit.Transform.Mean[0], vit.Transform.Std[2]));
        Assert.Equal("class 3", vit.Classes[3]);
        HuggingFaceImport.Import(Repository.Golden("interchange", "timm-swin"), folder["swin"]);
        var swin = ImageRun.Open(folder["swin"]).Input.Transform;
        Assert.Equal((24, 26, true, 0.485), (swin.Size, swin.Resize, swin.KeepRatio, swin.Mean[0]));
    }

    [Fact]
    public void Tensors_without_a_meaning_here_are_named()
    {
        var made = HuggingFaceImport.Import(Repository.Golden("interchange", "bert-masked"), folder["run"]);
        Assert.Equal(["bert.pooler.dense.bias", "bert.pooler.dense.weight", "cls.seq_relationship.bias", "cls.seq_relationship.weight"], made.Ignored);
        Assert.Equal(("bert", "encoder"), (made.Layout, made.Model));
    }
}
