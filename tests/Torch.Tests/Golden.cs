using System.Text.Json;
using TestSupport;

namespace Torch.Tests;

/// <summary>What PyTorch computes, from <c>tests/Golden/Torch/generate.py</c>.</summary>
static class Golden
{
    static readonly Lazy<JsonElement> root = new(() =>
        JsonDocument.Parse(File.ReadAllText(Repository.PathOf("tests", "Golden", "Torch", "golden.json"))).RootElement);

    internal static JsonElement Section(string name) => root.Value.GetProperty(name);

    internal static IEnumerable<object[]> Names(string section) => Section(section).EnumerateObject().Select(entry => new object[] { entry.Name });

    /// <summary>Numbers of JSON, those that JSON cannot write included.</summary>
    internal static double[] Numbers(JsonElement list) =>
        [.. list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? Named(item.GetString()!) : item.GetDouble())];

    static double Named(string text) => text switch { "inf" => double.PositiveInfinity, "-inf" => double.NegativeInfinity, _ => double.NaN };

    /// <summary>Equal to a part in so many, or as close to 0.</summary>
    internal static void AssertClose(double[] expected, double[] actual, double tolerance = 2e-6)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])),
                $"number {i}: expected {expected[i]:G9}, got {actual[i]:G9}");
    }

    internal static double[] Values(this TorchSharp.torch.Tensor tensor)
    {
        using var numbers = tensor.detach().to(TorchSharp.torch.ScalarType.Float64, disposeAfter: true);
        return numbers.data<double>().ToArray();
    }
}
