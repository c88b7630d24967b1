using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Torch.Tests.Modules;

public sealed class SavingTests
{
    static Module<Tensor, Tensor> Network() => Sequential(("one", Linear(3, 4)), ("two", LayerNorm(4)));

    [Fact]
    public void A_saved_module_loads_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using var saved = Network();
        using var loaded = Network();
        using var file = new MemoryStream();
        saved.save(file);
        file.Position = 0;
        var seen = new Dictionary<string, bool>();
        loaded.load(file, loadedParameters: seen);
        foreach (var (name, parameter) in saved.named_parameters()) Assert.Equal(parameter.Values(), loaded.get_parameter(name)!.Values());
        Assert.Equal(4, seen.Count(entry => entry.Value));
    }

    [Fact]
    public void What_is_skipped_or_missing_stays_and_is_told()
    {
        using var scope = NewDisposeScope();
        using var saved = Network();
        using var loaded = Network();
        using var file = new MemoryStream();
        saved.save(file, skip: ["one.bias"]);
        file.Position = 0;
        Assert.Throws<InvalidOperationException>(() => loaded.load(file));
        file.Position = 0;
        var (bias, seen) = (loaded.get_parameter("one.bias")!.Values(), new Dictionary<string, bool>());
        loaded.load(file, strict: false, loadedParameters: seen);
        Assert.False(seen["one.bias"]);
        Assert.True(seen["one.weight"]);
        Assert.Equal(bias, loaded.get_parameter("one.bias")!.Values());
    }

    [Fact]
    public void Tensors_of_every_type_and_shape_come_back()
    {
        using var scope = NewDisposeScope();
        foreach (var tensor in new[] { randn(2, 3), arange(4), tensor(true), zeros(0, 3), randn(3, 2).transpose(0, 1), randn(4).to(ScalarType.BFloat16), randn(2).to(ScalarType.Float16) })
        {
            using var file = new MemoryStream();
            TensorStream.Write(new BinaryWriter(file), tensor);
            file.Position = 0;
            var back = Tensor.Load(file);
            Assert.Equal(tensor.dtype, back.dtype);
            Assert.Equal(tensor.shape, back.shape);
            Assert.Equal(tensor.Values(), back.Values());
        }
    }

    [Theory]
    [InlineData(new byte[] { 99 })]
    [InlineData(new byte[] { 6, 70 })]
    [InlineData(new byte[] { 6, 2, 255, 255, 255, 255, 127, 255, 255, 255, 255, 127 })]
    [InlineData(new byte[] { 6, 1, 4, 0, 0, 0 })]
    public void A_damaged_stream_is_refused_before_memory_is_taken(byte[] bytes)
    {
        var error = Record.Exception(() => Tensor.Load(new MemoryStream(bytes)));
        Assert.True(error is InvalidDataException or EndOfStreamException, error?.ToString());
    }

    [Fact]
    public void A_tensor_writes_itself_as_shape_type_and_device()
    {
        using var scope = NewDisposeScope();
        Assert.Equal("[2x3], type = Float32, device = cpu", zeros(2, 3).ToString());
        Assert.Equal("[], type = Int64, device = cpu, value = 7", tensor(7L).ToString());
    }

    [Fact]
    public void Lists_and_arrays_of_more_dimensions_become_tensors()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([2L, 2], tensor(new List<float> { 1, 2, 3, 4 }, 2, 2).shape);
        Assert.Equal([1.0, 2, 3], tensor(new List<long> { 1, 2, 3 }).Values());
        Assert.Equal([2L, 1, 2], tensor(new[,,] { { { 1f, 2 } }, { { 3, 4 } } }).shape);
        Assert.Equal([1.0, -2], tensor(new short[] { 1, -2 }).Values());
    }
}
