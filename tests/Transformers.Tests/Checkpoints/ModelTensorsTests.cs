using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Tests.Checkpoints;

[Collection("engine")]
public sealed class ModelTensorsTests : TempFolderTest
{
    readonly DisposeScope scope = NewDisposeScope();

    public ModelTensorsTests() => NativeLibraries.Load();

    public override void Dispose()
    {
        scope.Dispose();
        base.Dispose();
    }

    [Fact]
    public void The_pieces_of_a_tensor_are_its_bytes_row_by_row()
    {
        var tensor = arange((1 << 24) + 40, dtype: ScalarType.Int32).view(-1, 8).t();
        using var written = new MemoryStream();
        tensor.WriteTo(written);
        Assert.True(tensor.contiguous().bytes.SequenceEqual(written.ToArray()));
        Assert.Equal([1 << 24, 40], TensorPieces.Of(tensor).Select(piece => piece.numel()));
        Assert.Empty(TensorPieces.Of(empty(0)));
    }

    // More bytes than a span or an array can hold.
    [Fact]
    [Trait("Category", "slow")]
    public void A_tensor_of_more_than_2_GiB_is_stored_and_loaded()
    {
        Assert.SkipUnless(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes > 8L << 30, "needs 8 GiB of memory");
        const long size = (1L << 31) + 100;
        var tensor = zeros(size, dtype: ScalarType.Byte);
        foreach (var at in (long[])[0, int.MaxValue, size - 1]) tensor[at] = (byte)(1 + at % 100);
        using (var contents = new CheckpointContents(1))
        {
            contents.AddSnapshot("large.safetensors", [("large", tensor)]);
            CheckpointStore.WriteTo(folder["checkpoint"], contents);
        }
        var path = folder["checkpoint/large.safetensors"];
        using var file = SafetensorsFile.Open(path);
        Assert.True(ModelTensors.Load(file, file["large"], path).equal(tensor).all().item<bool>());
    }
}
