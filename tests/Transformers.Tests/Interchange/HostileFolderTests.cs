using Transformers.Interchange.HuggingFace;

namespace Transformers.Tests.Interchange;

/// <summary>Folders that are damaged or made to harm: each ends in a message that names the file, and nothing is written.</summary>
[Collection("engine")]
public sealed class HostileFolderTests : TempFolderTest
{
    // A copy of a golden folder that a test may change.
    string Copy(string golden)
    {
        var target = Directory.CreateDirectory(folder["model"]).FullName;
        foreach (var file in Directory.EnumerateFiles(Repository.Golden("interchange", golden)))
            if (Path.GetFileName(file) != "expected.safetensors") File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        return target;
    }

    string Refused(string path)
    {
        var message = Assert.ThrowsAny<UserException>(() => HuggingFaceImport.Import(path, folder["run"])).Message;
        Assert.False(Directory.Exists(folder["run"]));
        return message;
    }

    [MountFact]
    public void After_a_full_disk_nothing_is_left_and_with_room_the_same_import_works()
    {
        var (path, disk) = (Copy("llama"), Directory.CreateDirectory(folder["disk"]).FullName);
        Assert.Equal(0, MountFactAttribute.Run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk));
        try
        {
            var message = Assert.ThrowsAny<UserException>(() => HuggingFaceImport.Import(path, Path.Combine(disk, "run"))).Message;
            Assert.EndsWith("No space left on device (nothing is left of the import)", message);
            Assert.Empty(Directory.EnumerateFileSystemEntries(disk));
            Assert.Equal(0, MountFactAttribute.Run("mount", "-o", "remount,size=30m", disk));
            HuggingFaceImport.Import(path, Path.Combine(disk, "run"));
        }
        finally
        {
            MountFactAttribute.Run("umount", "-l", disk);
        }
    }

    static void Change(string file, string from, string to)
    {
        var text = File.ReadAllText(file);
        Assert.Contains(from, text);
        File.WriteAllText(file, text.Replace(from, to));
    }

    [Theory]
    [InlineData("../expected.safetensors")]
    [InlineData("/etc/passwd.safetensors")]
    [InlineData("..\\\\x.safetensors")]
    [InlineData("x/y.safetensors")]
    [InlineData("passwd")]
    public void An_index_that_points_outside_the_folder_is_refused(string name)
    {
        var path = Copy("llama");
        Change(Path.Combine(path, "model.safetensors.index.json"), "model-00002-of-00003.safetensors", name);
        Assert.Contains("must be a .safetensors file in the same folder", Refused(path));
    }

    [Fact]
    public void An_index_that_is_not_json_is_reported_with_its_line()
    {
        var path = Copy("llama");
        File.WriteAllText(Path.Combine(path, "model.safetensors.index.json"), "{\n  x");
        var message = Refused(path);
        Assert.Contains("model.safetensors.index.json:2:3: is not valid JSON", message);
        Assert.DoesNotContain("LineNumber", message);
    }

    [Fact]
    public void A_link_to_a_file_elsewhere_is_not_followed()
    {
        var path = Copy("llama");
        var shard = Path.Combine(path, "model-00002-of-00003.safetensors");
        File.Move(shard, folder["elsewhere"]);
        File.CreateSymbolicLink(shard, folder["elsewhere"]);
        Assert.Contains("symbolic link", Refused(path));
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        var path = Copy("llama");
        File.Delete(Path.Combine(path, "model-00003-of-00003.safetensors"));
        var message = Refused(path);
        Assert.Contains("model-00003-of-00003.safetensors: is missing", message);
    }

    [Fact]
    public void A_tensor_that_is_not_in_the_file_of_the_index_is_named()
    {
        var path = Copy("llama");
        var index = Path.Combine(path, "model.safetensors.index.json");
        Change(index, "\"model.norm.weight\": \"model-00003", "\"model.norm.weight\": \"model-00001");
        Assert.Contains("'model.norm.weight'", Refused(path));
    }

    [Fact]
    public void Missing_and_left_over_tensors_are_all_listed()
    {
        var path = Copy("vit");
        Rewrite(path, tensors => tensors.Select(tensor => tensor.Name.StartsWith("classifier.", StringComparison.Ordinal) ? tensor : tensor with { Name = tensor.Name.Replace("layernorm_before", "norm1") }));
        var message = Refused(path);
        Assert.Contains("lack 4 tensors: vit.encoder.layer.0.layernorm_before.weight, vit.encoder.layer.0.layernorm_before.bias", message);
        Assert.Contains("4 tensors that the model does not use: vit.encoder.layer.0.norm1.bias", message);
    }

    [Theory]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 9999", "lack")]
    [InlineData("\"n_embd\": 16", "\"n_embd\": 1000000", "but config.json implies [259, 1000000]")]
    [InlineData("\"n_embd\": 16", "\"n_embd\": -1", "n_embd: (-1) must be a whole number from 1")]
    [InlineData("\"n_embd\": 16", "\"n_embd\": \"16\"", "n_embd: (16) must be a whole number")]
    [InlineData("\"n_embd\": 16", "\"n_embd\": 1e400", "n_embd")]
    [InlineData("\"n_head\": 2", "\"n_head\": 3", "must be divisible")]
    [InlineData("\"vocab_size\": 259", "\"vocab_size\": 200", "wte.weight is [259, 16], but config.json implies [200, 16]")]
    [InlineData("\"gelu_new\"", "\"quick_gelu\"", "activation_function: (quick_gelu) must be gelu")]
    [InlineData("\"gpt2\"", "\"mamba\"", "model_type: (mamba) must be one of gpt2, llama, bert, vit, swin, marian")]
    [InlineData("{", "[", "is not valid JSON")]
    public void A_config_that_does_not_fit_the_weights_is_refused_before_memory_is_taken(string from, string to, string part)
    {
        var path = Copy("gpt2");
        var file = Path.Combine(path, "config.json");
        var text = File.ReadAllText(file);
        var at = text.IndexOf(from, StringComparison.Ordinal);
        File.WriteAllText(file, text[..at] + to + text[(at + from.Length)..]);
        var before = GC.GetTotalAllocatedBytes();
        Assert.Contains(part, Refused(path));
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 200 << 20);
    }

    [Fact]
    public void Weights_that_are_not_finite_are_refused_by_name()
    {
        var path = Copy("vit");
        Rewrite(path, tensors => tensors.Select(tensor => tensor.Name != "vit.layernorm.bias" ? tensor : tensor with { WriteTo = stream =>
        {
            var bytes = new byte[tensor.Shape[0] * 4];
            BinaryPrimitives.WriteSingleLittleEndian(bytes, float.NaN);
            stream.Write(bytes);
        } }));
        Assert.Contains("vit.layernorm.bias has numbers that are not finite", Refused(path));
    }

    [Fact]
    public void Weights_of_another_type_than_floats_are_refused_by_name()
    {
        var path = Copy("vit");
        Rewrite(path, tensors => tensors.Select(tensor => tensor.Name != "vit.layernorm.bias" ? tensor
            : tensor with { Dtype = SafetensorsDtype.I32 }));
        Assert.Contains("vit.layernorm.bias has the type I32", Refused(path));
    }

    [Fact]
    public void A_tied_copy_that_differs_is_refused()
    {
        var path = Copy("gpt2");
        Rewrite(path, tensors =>
        {
            var all = tensors.ToList();
            var embedding = all.Single(tensor => tensor.Name == "wte.weight");
            return [.. all, embedding with { Name = "lm_head.weight", WriteTo = stream => stream.Write(new byte[259 * 16 * 4]) }];
        });
        Assert.Contains("lm_head.weight differs from wte.weight", Refused(path));
    }

    [Fact]
    public void A_tokenizer_larger_than_the_model_is_refused()
    {
        var path = Copy("gpt2");
        Change(Path.Combine(path, "tokenizer.json"), "\"merges\"", "\"merges\"");
        var tokenizer = MadeRuns.Bpe();
        tokenizer.Save(Path.Combine(path, "tokenizer.json"));
        Assert.Contains($"has {tokenizer.VocabularySize} tokens, but the model only 259", Refused(path));
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.pt")]
    public void A_pickle_is_refused_with_how_to_convert_it(string name)
    {
        var path = Copy("gpt2");
        File.Move(Path.Combine(path, "model.safetensors"), Path.Combine(path, name));
        foreach (var asked in (string[])[path, Path.Combine(path, name)])
        {
            var message = Refused(asked);
            Assert.Contains("can run arbitrary code, so it is not read", message);
            Assert.Contains("safe_serialization=True", message);
            Assert.Contains("safetensors.torch.save_file", message);
        }
    }

    [Fact]
    public void Whatever_a_changed_byte_makes_of_a_config_or_an_index_the_error_is_typed()
    {
        foreach (var (golden, name) in (ReadOnlySpan<(string, string)>)[("gpt2", "config.json"), ("llama", "model.safetensors.index.json"), ("swin", "config.json"), ("vit", "preprocessor_config.json")])
        {
            var path = Copy(golden);
            var file = Path.Combine(path, name);
            var whole = File.ReadAllBytes(file);
            var random = new Random(1);
            for (var i = 0; i < 60; i++)
            {
                var changed = (byte[])whole.Clone();
                for (var hit = 0; hit <= i % 3; hit++) changed[random.Next(changed.Length)] = (byte)random.Next(32, 127);
                File.WriteAllBytes(file, i % 5 == 0 ? changed[..random.Next(changed.Length)] : changed);
                try
                {
                    HuggingFaceImport.Import(path, folder["run"]);
                    Directory.Delete(folder["run"], recursive: true);
                }
                catch (UserException)
                {
                    Assert.False(Directory.Exists(folder["run"]));
                }
            }
            Directory.Delete(path, recursive: true);
        }
    }

    // Rewrites the weights of a folder with changes.
    static void Rewrite(string path, Func<IEnumerable<TensorBytes>, IEnumerable<TensorBytes>> change)
    {
        var file = Path.Combine(path, "model.safetensors");
        List<TensorBytes> tensors;
        using (var opened = SafetensorsFile.Open(file))
            tensors = [.. change(opened.Tensors.Select(tensor => TensorBytes.FromMemory(tensor.Name, tensor.Dtype, tensor.Shape, opened.Span(tensor).ToArray())).ToList())];
        SafetensorsWriter.Write(file, tensors);
    }
}
