using TestSupport;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>A golden file: a model's config, its weights, an input, and what an independent implementation makes of them.</summary>
sealed class GoldenModel : IDisposable
{
    readonly SafetensorsFile file;

    GoldenModel(SafetensorsFile file) => this.file = file;

    public static GoldenModel Open(string name) =>
        new(SafetensorsFile.Open(Repository.PathOf("tests", "Golden", "data", name + ".safetensors")));

    public ModelConfig Config => ConfigFile.Parse<ModelFragment>(file.Header.Metadata["config"]).Model;

    // The weights and gradients in the files have the names of an older version.
    public Tensor this[string name] => ModelTensors.Load(file, file.Tensors.First(tensor => CurrentName(tensor.Name) == name), file.Path);

    internal static string CurrentName(string name) =>
        name.Split('.', 2) is ["weight" or "gradient" or "grad" or "gradients" or "weights", var rest] ? $"{name[..^rest.Length]}{TensorNames.Current(rest)}" : name;

    /// <summary>Gives a model the file's weights; every parameter must be there, and none left over.</summary>
    public void Fill(nn.Module model)
    {
        using var plain = no_grad();
        var names = model.named_parameters().Select(named => named.name).ToList();
        var stored = file.Tensors.Select(t => CurrentName(t.Name)).Where(name => name.StartsWith("weight.")).ToDictionary(name => name["weight.".Length..], name => this[name]);
        Assert.Equal(stored.Keys.Order(), names.Order());
        foreach (var (name, parameter) in model.named_parameters())
        {
            Assert.Equal(stored[name].shape, parameter.shape);
            parameter.copy_(stored[name]);
        }
    }

    public static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var scale = Math.Max(1, expected.abs().max().item<float>());
        var difference = (expected - actual).abs().max().item<float>();
        Assert.True(difference <= tolerance * scale, $"{what} differs by {difference} of {scale}");
    }

    public void Dispose() => file.Dispose();
}
