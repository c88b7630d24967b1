namespace Transformers.Checkpoints;

/// <summary>Averages the weights of checkpoints.</summary>
/// <remarks>Vaswani et al. 2017, section 6.1, who average the last 5 or 20.</remarks>
public static class CheckpointAverage
{
    /// <summary>Writes a checkpoint whose weights are the mean of others'; it has what generation and evaluation need, but training cannot
    /// continue from it.</summary>
    /// <param name="checkpoints">The checkpoints, at least one: of one model and one tokenizer.</param>
    /// <param name="folder">The new checkpoint's folder, which must be empty or not exist.</param>
    /// <returns>The new checkpoint; its step is the latest of the others'.</returns>
    /// <exception cref="UserException">The checkpoints do not fit together, or the folder cannot be written.</exception>
    public static Checkpoint Average(IReadOnlyList<Checkpoint> checkpoints, string folder)
    {
        if (checkpoints.Count == 0) throw new UserException("there are no checkpoints to average");
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new UserException([new Problem("the folder is not empty", folder, Path: "--output", Hint: "name a new folder")]);
        var first = checkpoints[0];
        var kept = first.Manifest.Files.Select(one => one.Name).Where(IsKept).ToDictionary(name => name, first.ReadBytes);
        foreach (var other in checkpoints.Skip(1))
            foreach (var (name, bytes) in kept.Where(one => one.Key != CheckpointFiles.Config))
                if (!other.Has(name) || !other.ReadBytes(name).AsSpan().SequenceEqual(bytes))
                    throw new CheckpointException(other.Folder, $"{name} differs from that of {first.Folder}", "average checkpoints of one run, or of runs with the same tokenizer");
        var contents = new CheckpointContents(checkpoints.Max(one => one.Step)).AddTensors(CheckpointFiles.Model, Mean(checkpoints));
        foreach (var (name, bytes) in kept) contents.AddBytes(name, bytes);
        return CheckpointStore.WriteTo(folder, contents);
    }

    // Everything except tensors, the trainer's state, and the reason for saving the checkpoint.
    static bool IsKept(string name) => !name.EndsWith(".safetensors", StringComparison.Ordinal) && name is not (CheckpointFiles.State or CheckpointFiles.BestOnly or CheckpointFiles.Manifest);

    static List<TensorBytes> Mean(IReadOnlyList<Checkpoint> checkpoints)
    {
        var files = new List<SafetensorsFile>();
        try
        {
            files.AddRange(checkpoints.Select(one => one.OpenTensors(CheckpointFiles.Model)));
            foreach (var other in files.Skip(1)) CheckSame(files[0], other);
            return [.. files[0].Tensors.Select(tensor => Mean(files, tensor))];
        }
        finally
        {
            foreach (var one in files) one.Dispose();
        }
    }

    static void CheckSame(SafetensorsFile first, SafetensorsFile other)
    {
        foreach (var tensor in first.Tensors)
            if (!other.Header.TryFind(tensor.Name, out var same) || same.Dtype != tensor.Dtype || !same.Shape.SequenceEqual(tensor.Shape))
                throw new CheckpointException(other.Path, $"{tensor.Name} differs from that in {first.Path}", "average checkpoints of the same model");
        if (other.Tensors.Count != first.Tensors.Count) throw new CheckpointException(other.Path, $"has different tensors from {first.Path}", "average checkpoints of the same model");
    }

    static TensorBytes Mean(List<SafetensorsFile> files, SafetensorsTensor tensor)
    {
        // Whole numbers are not weights: they are copied.
        if (tensor.Dtype != SafetensorsDtype.F32) return TensorBytes.FromMemory(tensor.Name, tensor.Dtype, tensor.Shape, files[0].Span(tensor).ToArray());
        var sums = new double[tensor.ByteCount / sizeof(float)];
        foreach (var file in files)
        {
            var values = MemoryMarshal.Cast<byte, float>(file.Span(file[tensor.Name]));
            for (var i = 0; i < sums.Length; i++) sums[i] += values[i];
        }
        var mean = Array.ConvertAll(sums, sum => (float)(sum / files.Count));
        return TensorBytes.FromMemory(tensor.Name, tensor.Dtype, tensor.Shape, MemoryMarshal.AsBytes<float>(mean).ToArray());
    }
}
