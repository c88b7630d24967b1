namespace Transformers.Tests.Checkpoints;

/// <summary>The byte strings that the format's reference implementation tests, and its published attacks.</summary>
public class SafetensorsReferenceTests : TempFolderTest
{
    internal static byte[] Bytes(string header, int dataLength = 0, long? claimed = null)
    {
        var json = Encoding.Latin1.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, claimed ?? json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }

    static SafetensorsHeader Read(byte[] bytes)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["m.safetensors"], bytes);
        using var file = SafetensorsFile.Open(folder["m.safetensors"]);
        return file.Header;
    }

    static SafetensorsException Refused(byte[] bytes)
    {
        var error = Assert.Throws<SafetensorsException>(() => Read(bytes));
        Assert.EndsWith("m.safetensors", error.File);
        Assert.Equal(error.File, error.Problems[0].File);
        return error;
    }

    const string Two = """{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}""";

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void Fewer_than_eight_bytes_are_too_small(int count) => Assert.Equal(SafetensorsError.HeaderTooSmall, Refused(new byte[count]).Error);

    [Theory]
    [InlineData(100_000_001L)]
    [InlineData(long.MaxValue)]
    [InlineData(-1L)]
    public void A_header_of_more_than_a_hundred_million_bytes_is_refused_before_it_is_read(long claimed) =>
        Assert.Equal(SafetensorsError.HeaderTooLarge, Refused(Bytes("{}", claimed: claimed)).Error);

    [Fact]
    public void A_header_that_ends_behind_the_file_is_refused() => Assert.Equal(SafetensorsError.InvalidHeaderLength, Refused(Bytes("{}", claimed: 3)).Error);

    [Fact]
    public void A_header_that_is_not_utf8_is_refused() => Assert.Equal(SafetensorsError.InvalidHeader, Refused(Bytes("\xff")).Error);

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}x")]
    [InlineData("{}\0")]
    [InlineData("{}{}")]
    [InlineData("\u00ef\u00bb\u00bf{}")]
    [InlineData("{\"a\":1}")]
    [InlineData("{\"a\":{}}")]
    [InlineData("""{"a":{"dtype":"F32","shape":[]}}""")]
    [InlineData("""{"a":{"dtype":"f32","shape":[],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":3,"shape":[],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}""")]
    [InlineData("""{"\ud83d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"__metadata__":{"a":1}}""")]
    [InlineData("""{"__metadata__":["a"]}""")]
    [InlineData("""{"__metadata__":null}""")]
    [InlineData("""{"__metadata__":{"a":"\udc00"}}""")]
    public void A_header_that_is_not_of_the_formats_shape_is_refused(string header) =>
        Assert.Equal(SafetensorsError.InvalidHeaderDeserialization, Refused(Bytes(header, 4)).Error);

    [Fact]
    public void Nesting_as_deep_as_the_file_is_long_is_refused_without_recursion() =>
        Assert.Equal(SafetensorsError.InvalidHeaderDeserialization, Refused(Bytes("""{"a":{"x":""" + new string('[', 200_000))).Error);

    [Fact]
    public void Ten_tensors_on_the_same_bytes_are_refused()
    {
        var tensors = string.Join(",", Enumerable.Range(0, 10).Select(i => $$"""  "weight_{{i}}":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}"""));
        var error = Refused(Bytes("{" + tensors + "}", 16));
        Assert.Equal(SafetensorsError.InvalidOffset, error.Error);
        Assert.StartsWith("weight_", error.Tensor);
    }

    [Theory]
    [InlineData("[4,20]", "leave a gap")]
    [InlineData("[0,16],\"x\":0},\"b\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[20,24]", "leave a gap")]
    [InlineData("[0,16],\"x\":0},\"b\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[12,16]", "overlap")]
    [InlineData("[16,0]", "end before")]
    public void Holes_overlaps_and_backward_offsets_are_refused(string offsets, string what)
    {
        var error = Refused(Bytes("""{"a":{"dtype":"I32","shape":[2,2],"data_offsets":""" + offsets + "}}", 24));
        Assert.Equal(SafetensorsError.InvalidOffset, error.Error);
        Assert.Contains(what, error.Message);
    }

    [Theory]
    [InlineData("[2,18446744073709551614]")]
    [InlineData("[2,9223372036854775807]")]
    [InlineData("[4611686018427387904]")]
    [InlineData("[4294967296,4294967296,0]")]
    public void A_size_that_does_not_fit_is_refused(string shape) =>
        Assert.Equal(SafetensorsError.ValidationOverflow, Refused(Bytes("""{"test":{"dtype":"I32","shape":""" + shape + ""","data_offsets":[0,16]}}""", 16)).Error);

    [Fact]
    public void Offsets_of_more_than_63_bits_are_refused() =>
        Assert.Equal(SafetensorsError.ValidationOverflow, Refused(Bytes("""{"t":{"dtype":"I32","shape":[2,2],"data_offsets":[0,18446744073709551615]}}""", 16)).Error);

    [Fact]
    public void Elements_that_do_not_fill_whole_bytes_are_refused() =>
        Assert.Equal(SafetensorsError.MisalignedSlice, Refused(Bytes("""{"t":{"dtype":"F4","shape":[1,3],"data_offsets":[0,2]}}""", 2)).Error);

    [Fact]
    public void Offsets_that_do_not_agree_with_the_shape_are_refused()
    {
        var error = Refused(Bytes("""{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,4]}}""", 4));
        Assert.Equal(SafetensorsError.TensorInvalidInfo, error.Error);
        Assert.Equal("test", error.Tensor);
    }

    [Theory]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(16 + 29)]
    public void Bytes_missing_or_left_over_are_refused(int dataLength) =>
        Assert.Equal(SafetensorsError.MetadataIncompleteBuffer, Refused(Bytes(Two, dataLength)).Error);

    [Theory]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1,"x":2}}""")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""")]
    public void A_name_that_occurs_twice_is_refused(string header) => Assert.Equal(SafetensorsError.InvalidName, Refused(Bytes(header)).Error);

    [Theory]
    [InlineData("{}")]
    [InlineData("{}      ")]
    [InlineData("{}\t\r\n ")]
    [InlineData("\r\n\t {}")]
    [InlineData("""{"__metadata__":{}}""")]
    public void An_empty_file_may_be_padded_with_white_space_on_either_side(string header) => Assert.Empty(Read(Bytes(header)).Tensors);

    [Fact]
    public void Scalars_and_empty_tensors_are_accepted()
    {
        var header = Read(Bytes("""{"scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"shape":[2,0,3],"dtype":"F64","data_offsets":[4,4]}}""", 4));
        Assert.Equal(["scalar", "none"], header.Tensors.Select(t => t.Name));
        Assert.Empty(header.Tensors[0].Shape);
        Assert.Equal([2L, 0L, 3L], header.Tensors[1].Shape);
    }

    [Fact]
    public void Metadata_and_unknown_fields_are_read_past()
    {
        var header = Read(Bytes("""{"__metadata__":{"format":"pt"},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"later":{"a":[1,{}]}}}""", 1));
        Assert.Equal("pt", header.Metadata["format"]);
        Assert.Single(header.Tensors);
    }

    [Fact]
    public void A_hundred_thousand_tensors_on_one_region_end_in_one_error()
    {
        var tensors = new StringBuilder("{");
        for (var i = 0; i < 100_000; i++) tensors.Append($$"""{{(i == 0 ? "" : ",")}}"t{{i}}":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}""");
        Assert.Equal(SafetensorsError.InvalidOffset, Refused(Bytes(tensors.Append('}').ToString(), 8)).Error);
    }

    [Fact]
    public void A_shape_of_more_sizes_than_any_tensor_has_is_refused()
    {
        static string Header(int sizes) => """{"t":{"dtype":"U8","shape":[""" + string.Join(",", Enumerable.Repeat("1", sizes)) + """],"data_offsets":[0,1]}}""";
        Assert.Equal(64, Read(Bytes(Header(64), 1)).Tensors[0].Shape.Count);
        Assert.Equal(SafetensorsError.InvalidHeaderDeserialization, Refused(Bytes(Header(65), 1)).Error);
    }

    [Fact]
    public void A_folder_or_nothing_in_the_files_place_is_an_error_that_names_it()
    {
        Assert.Equal(SafetensorsError.Unreadable, Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(folder.FullPath)).Error);
        Assert.Equal(SafetensorsError.Unreadable, Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(folder["absent"])).Error);
    }
}
