using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Native;
using Transformers.Runs;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>The result of an import.</summary>
/// <param name="Output">The run's folder.</param>
/// <param name="Layout">The layout of the folder, such as <c>gpt2</c>.</param>
/// <param name="Model">The kind of model.</param>
/// <param name="Parameters">The number of its parameters.</param>
/// <param name="Tensors">The number of its tensors.</param>
/// <param name="Ignored">Tensors of the folder that this program does not use.</param>
/// <param name="Notes">What the user should know.</param>
public sealed record ImportResult(string Output, string Layout, string Model, long Parameters, int Tensors, IReadOnlyList<string> Ignored, IReadOnlyList<string> Notes);

/// <summary>Turns a folder from Hugging Face's transformers library, or from timm, into a run.</summary>
public static class HuggingFaceImport
{
    const int Listed = 20;

    /// <summary>Reads a folder and writes a run with one checkpoint, at step 0.</summary>
    /// <param name="folder">The folder, with <c>config.json</c> and weights.</param>
    /// <param name="output">The run's folder, which must not exist or be empty.</param>
    /// <exception cref="UserException">The folder is damaged, or its model has a part that this program does not support.</exception>
    public static ImportResult Import(string folder, string output)
    {
        if (File.Exists(folder)) throw NotAFolder(folder);
        if (!Directory.Exists(folder)) throw new UserException([new Problem("the folder does not exist", folder)]);
        if (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any())
            throw new UserException([new Problem("the folder is not empty", output, Path: "--output", Hint: "name a new folder")]);
        NativeLibraries.Load();
        var config = ForeignConfig.Read(Path.Combine(folder, "config.json"));
        var layout = HuggingFaceLayout.Of(config);
        using var weights = new WeightFiles(folder);
        var model = layout.Read(config, weights);
        var ignored = CheckNames(folder, weights, model);
        var input = layout.ReadInput(folder, config, model, output);
        var run = RunOf(model, input);
        try
        {
            ConfigFile.Check(run);
        }
        catch (UserException exception)
        {
            throw new UserException([.. exception.Problems.Select(problem => new Problem($"describes a model that cannot be built: {problem.Message}", Path.Combine(folder, "config.json"), Hint: problem.Hint))], exception);
        }
        using var contents = new CheckpointContents(0);
        var tensors = new List<(string Name, Tensor Tensor)>();
        using (no_grad())
            foreach (var row in model.Rows)
                foreach (var one in Import(row, weights))
                {
                    contents.Own(one.Tensor);
                    tensors.Add(one);
                }
        WriteWhole(output, () => Write(output, run, input, contents, tensors));
        return new(output, layout.Name, KindAttribute.Of(run.Model), tensors.Sum(one => one.Tensor.numel()), tensors.Count, ignored, input.Notes);
    }

    /// <summary>Requires that data are named for a run that was imported, which has none of its own.</summary>
    /// <param name="run">The run's folder, for the message.</param>
    /// <param name="data">What <c>--data</c> names; null for nothing.</param>
    /// <exception cref="UserException">It was imported, and nothing is named.</exception>
    public static void RequireData(string run, RunConfig config, string? data)
    {
        if (data is null && ConfigWriter.ToYaml(config).Contains(ForeignInput.NoData, StringComparison.Ordinal))
            throw new UserException([new Problem("the run was imported and has no data of its own", run, Hint: "name a file or folder to evaluate it on with --data")]);
    }

    static UserException NotAFolder(string file) => new([new Problem(
        Path.GetExtension(file) is ".pt" or ".pth" or ".bin" or ".ckpt" or ".pkl" ? "is a PyTorch pickle, which can run arbitrary code, so it is not read" : "is a file, but import reads a folder with config.json and weights", file,
        Hint: Path.GetExtension(file) == ".safetensors" ? "name the folder that it is in" : WeightFiles.PickleHint)]);

    // Before anything is allocated: a config that claims more than the files contain is refused here.
    static List<string> CheckNames(string folder, WeightFiles weights, ForeignModel model)
    {
        var (missing, misfits, wanted) = (new List<string>(), new List<Problem>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var row in model.Rows)
        {
            foreach (var theirs in row.Theirs)
            {
                wanted.Add(theirs.Name);
                if (weights.ShapeOf(theirs.Name) is not { } shape)
                {
                    if (!row.Optional) missing.Add(theirs.Name);
                }
                else if (!shape.SequenceEqual(theirs.Shape)) misfits.Add(new($"{theirs.Name} is [{string.Join(", ", shape)}], but config.json implies [{string.Join(", ", theirs.Shape)}]", weights.FileOf(theirs.Name)));
            }
        }
        var others = weights.Names.Where(name => !wanted.Contains(name)).Order(StringComparer.Ordinal).ToList();
        var unexpected = others.Where(name => model.Ignored?.IsMatch(name) != true).ToList();
        var problems = misfits.Take(Listed).ToList();
        if (missing.Count > 0) problems.Add(new($"the weights lack {missing.Count} tensors: {List(missing)}", folder));
        if (unexpected.Count > 0) problems.Add(new($"the weights have {unexpected.Count} tensors that the model does not use: {List(unexpected)}", folder));
        return problems.Count == 0 ? others : throw new UserException(problems);
    }

    static string List(List<string> names) => string.Join(", ", names.Distinct().Take(Listed).Select(name => MessageText.Escape(name, 120))) + (names.Count > Listed ? ", …" : "");

    static IEnumerable<(string Name, Tensor Tensor)> Import(WeightRow row, WeightFiles weights)
    {
        if (row.IsConstant || (row.Optional && row.Theirs.Any(theirs => weights.ShapeOf(theirs.Name) is null))) return [];
        using var scope = NewDisposeScope();
        var ours = row.Change.Import([.. row.Theirs.Select(theirs => weights.Load(theirs.Name))]);
        return [.. row.Ours.Zip(ours, (name, tensor) => (name, tensor.contiguous().DetachFromDisposeScope()))];
    }

    static RunConfig RunOf(ForeignModel model, ForeignInput input)
    {
        // Settings for training that starts from these weights; nothing has been trained yet.
        var training = new TrainingConfig { Steps = 1000, Batch = new BatchConfig { Sequences = 8 }, Optimizer = new AdamWConfig { Lr = 5e-5, WeightDecay = 0.01 } };
        return new RunConfig { Data = input.Data, Model = model.Config, Training = training };
    }

    // The folder was empty or missing: after a failure nothing is left in it, so that the same command can be repeated.
    static void WriteWhole(string output, Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception)
        {
            if (Directory.Exists(output)) Directory.Delete(output, recursive: true);
            if (exception is CheckpointException refused) throw new UserException([refused.Problems[0] with { Hint = "nothing is left of the import" }], refused);
            throw;
        }
    }

    static void Write(string output, RunConfig config, ForeignInput input, CheckpointContents contents, List<(string Name, Tensor Tensor)> tensors)
    {
        var yaml = ConfigWriter.ToYaml(config);
        contents.AddTensors(CheckpointFiles.Model, tensors);
        contents.AddText(CheckpointFiles.Config, yaml);
        foreach (var (name, bytes) in input.Files) contents.AddBytes(name, bytes);
        var policy = TrainerOutputs.PolicyOf(config.Training.Checkpoint);
        using var folder = RunFolder.OpenForTraining(output, policy);
        folder.Checkpoints.Save(contents, policy);
        folder.WriteText(CheckpointFiles.Config, yaml);
        foreach (var (name, bytes) in input.Files) folder.WriteBytes(name, bytes);
    }
}
