using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;

namespace Transformers.Tests.Checkpoints;

public class SafetensorsFileTests : TempFolderTest
{
    static TensorBytes Tensor(string name, SafetensorsDtype dtype, long[] shape, params byte[] bytes) => TensorBytes.FromMemory(name, dtype, shape, bytes);

    static byte[] Written(IReadOnlyList<TensorBytes> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.WriteTo(stream, tensors, metadata);
        return stream.ToArray();
    }

    [Fact]
    public void The_bytes_are_those_that_the_reference_writes()
    {
        var bytes = Written([Tensor("attn.0", SafetensorsDtype.F32, [1, 2], 1, 2, 3, 4, 5, 6, 7, 8)]);
        byte[] expected = [64, 0, 0, 0, 0, 0, 0, 0, .. """{"attn.0":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}   """u8, 1, 2, 3, 4, 5, 6, 7, 8];
        Assert.Equal(expected, bytes);
    }

    [Fact]
    public void Tensors_of_random_names_types_and_shapes_come_back_bit_for_bit()
    {
        var dtypes = Enum.GetValues<SafetensorsDtype>().Where(d => d.Bits() % 8 == 0).ToArray();
        var tensor =
            from name in ArbMap.Default.GeneratorFor<NonNull<string>>()
            from dtype in Gen.Elements(dtypes)
            from rank in Gen.Choose(0, 4)
            from shape in Gen.Choose(0, 4).ArrayOf(rank)
            from seed in Gen.Choose(0, int.MaxValue)
            select (Name: name.Get, Dtype: dtype, Shape: shape.Select(n => (long)n).ToArray(), Seed: seed);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60).WithReplay(1, 1), Prop.ForAll(tensor.ArrayOf().ToArbitrary(), wanted =>
        {
            wanted = [.. wanted.DistinctBy(t => t.Name).Where(t => t.Name != "__metadata__" && IsWhole(t.Name))];
            var data = wanted.ToDictionary(t => t.Name, t =>
            {
                var bytes = new byte[t.Shape.Aggregate(1L, (a, b) => a * b) * t.Dtype.Bits() / 8];
                new System.Random(t.Seed).NextBytes(bytes);
                return bytes;
            });
            using var folder = new TempFolder();
            SafetensorsWriter.Write(folder["t"], [.. wanted.Select(t => Tensor(t.Name, t.Dtype, t.Shape, data[t.Name]))]);
            using var file = SafetensorsFile.Open(folder["t"]);
            Assert.Equal(wanted.Length, file.Tensors.Count);
            foreach (var t in wanted)
            {
                Assert.Equal(t.Dtype, file[t.Name].Dtype);
                Assert.Equal(t.Shape, file[t.Name].Shape);
                Assert.True(file.Span(file[t.Name]).SequenceEqual(data[t.Name]));
            }
        }));
    }

    static bool IsWhole(string text)
    {
        try
        {
            new UTF8Encoding(false, true).GetBytes(text);
            return true;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    [Fact]
    public void Wide_elements_come_first_then_names_in_order()
    {
        TensorBytes[] tensors = [Tensor("b", SafetensorsDtype.U8, [1], 1), Tensor("z", SafetensorsDtype.F64, [1], new byte[8]), Tensor("a", SafetensorsDtype.U8, [1], 2)];
        static string[] Order(byte[] bytes) => [.. SafetensorsHeader.Parse(bytes.AsSpan(8, BinaryPrimitives.ReadInt32LittleEndian(bytes)), bytes.Length, "x").Tensors.Select(t => t.Name)];
        Assert.Equal(["z", "a", "b"], Order(Written(tensors)));
    }

    [Fact]
    public void Equal_contents_give_equal_files_and_data_that_begin_at_a_multiple_of_eight()
    {
        TensorBytes a = Tensor("a", SafetensorsDtype.U8, [3], 1, 2, 3), b = Tensor("b", SafetensorsDtype.U8, [1], 4);
        var one = Written([a, b], new Dictionary<string, string> { ["x"] = "1", ["y"] = "é\n" });
        var other = Written([b, a], new Dictionary<string, string> { ["y"] = "é\n", ["x"] = "1" });
        Assert.Equal(one, other);
        Assert.Equal(0, BinaryPrimitives.ReadInt32LittleEndian(one) % 8);
    }

    [Fact]
    public void Metadata_come_back()
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["\"quoted\" / \u0001"] = "𝔘 \\ \n" };
        SafetensorsWriter.Write(folder["t"], [], metadata);
        using var file = SafetensorsFile.Open(folder["t"]);
        Assert.Equal(metadata, file.Header.Metadata);
    }

    [Fact]
    public unsafe void Memory_at_an_address_is_written_and_copied_back_to_an_address()
    {
        float[] values = [1, float.NaN, float.NegativeInfinity, -0f], back = new float[4];
        fixed (float* p = values, q = back)
        {
            SafetensorsWriter.Write(folder["t"], [TensorBytes.FromPointer("t", SafetensorsDtype.F32, [2, 2], (nint)p, 16, values)]);
            using var file = SafetensorsFile.Open(folder["t"]);
            file.CopyTo(file["t"], (nint)q);
        }
        Assert.Equal(MemoryMarshal.AsBytes<float>(values).ToArray(), MemoryMarshal.AsBytes<float>(back).ToArray());
    }

    [Fact]
    public void What_no_reader_could_read_is_not_written()
    {
        static SafetensorsError Error(params TensorBytes[] tensors) => Assert.Throws<SafetensorsException>(() => Written(tensors)).Error;
        Assert.Equal(SafetensorsError.InvalidName, Error(Tensor("__metadata__", SafetensorsDtype.U8, [0])));
        Assert.Equal(SafetensorsError.InvalidName, Error(Tensor("a", SafetensorsDtype.U8, [0]), Tensor("a", SafetensorsDtype.U8, [0])));
        Assert.Equal(SafetensorsError.InvalidName, Error(Tensor("\ud83d", SafetensorsDtype.U8, [0])));
        Assert.Equal(SafetensorsError.MisalignedSlice, Error(Tensor("a", SafetensorsDtype.F4, [1, 3], 0, 0)));
        Assert.Equal(SafetensorsError.ValidationOverflow, Error(Tensor("a", SafetensorsDtype.U8, [long.MaxValue, 2])));
        Assert.Equal(SafetensorsError.ValidationOverflow, Error(Tensor("a", SafetensorsDtype.U8, [long.MaxValue]), Tensor("b", SafetensorsDtype.U8, [1])));
        Assert.Equal(SafetensorsError.TensorInvalidInfo, Error(Tensor("a", SafetensorsDtype.U8, [-1, 1])));
        Assert.Equal(SafetensorsError.TensorInvalidInfo, Error(Tensor("a", SafetensorsDtype.U8, [.. Enumerable.Repeat(1L, 65)], 0)));
        Assert.Equal(SafetensorsError.WrongByteCount, Error(Tensor("a", SafetensorsDtype.U8, [2], 1)));
        Assert.Equal(SafetensorsError.WrongByteCount, Error(Tensor("a", SafetensorsDtype.U8, [2], 1, 2, 3)));
        Assert.Equal(SafetensorsError.HeaderTooLarge, Assert.Throws<SafetensorsException>(() => Written([], new Dictionary<string, string> { ["k"] = new('x', 100_000_000) })).Error);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_no_leftover()
    {
        File.WriteAllText(folder["t"], "old");
        Assert.Throws<SafetensorsException>(() => SafetensorsWriter.Write(folder["t"], [Tensor("a", SafetensorsDtype.U8, [2], 1)]));
        Assert.Equal("old", File.ReadAllText(folder["t"]));
        Assert.Equal([folder["t"]], Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void A_tensor_that_is_not_there_is_named()
    {
        SafetensorsWriter.Write(folder["t"], []);
        using var file = SafetensorsFile.Open(folder["t"]);
        var error = Assert.Throws<SafetensorsException>(() => file["blocks.0.attention.weight"]);
        Assert.Equal("blocks.0.attention.weight", error.Tensor);
        Assert.Contains("blocks.0.attention.weight", error.Message);
    }

    [Fact]
    public void A_closed_file_gives_no_bytes()
    {
        SafetensorsWriter.Write(folder["t"], [Tensor("a", SafetensorsDtype.U8, [1], 1)]);
        var file = SafetensorsFile.Open(folder["t"]);
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Span(file.Tensors[0]).Length);
    }
}
