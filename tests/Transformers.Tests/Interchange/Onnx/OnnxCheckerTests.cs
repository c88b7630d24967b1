namespace Transformers.Tests.Interchange.Onnx;

/// <summary>The reference implementation of the format (python3-onnx) accepts every file.</summary>
[Collection("engine")]
public sealed class OnnxCheckerTests : TempFolderTest
{
    const string Python = "/usr/bin/python3";

    // The checker, then shapes and types of every value, where an operator that contradicts another is an error.
    const string Check = """
        import sys, onnx
        for path in sys.argv[1:]:
            onnx.checker.check_model(path, full_check=True)
            model = onnx.load(path)
            inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
            known = {value.name for value in inferred.graph.value_info} | {value.name for value in inferred.graph.output}
            missing = [name for node in inferred.graph.node for name in node.output if name not in known]
            assert not missing, missing[:5]
            print(path, len(inferred.graph.node), model.opset_import[0].version)
        """;

    static Outcome Run(params string[] arguments) => Programs.Run(Python, ["-c", .. arguments]);

    internal static void SkipWithoutPython() => Assert.SkipUnless(File.Exists(Python) && Run("import onnx").ExitCode == 0, "needs python3-onnx");

    /// <summary>Every graph passes the checker and the inference of all shapes.</summary>
    internal static void AssertAccepted(IReadOnlyCollection<string> graphs) =>
        Assert.Equal(graphs.Count, Run([Check, .. graphs]).Done().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => line.EndsWith(" 17", StringComparison.Ordinal)));

    [Fact]
    public void Every_exported_graph_passes_the_checker_and_the_inference_of_all_shapes()
    {
        SkipWithoutPython();
        var graphs = new List<string>();
        foreach (var name in new[] { "gpt", "llama", "copy", "sentiment", "digits", "shapes" })
            foreach (var (type, beside) in new[] { (ExportType.F32, false), (ExportType.Int8, false), (ExportType.F32, true) })
            {
                var run = TrainedRun.Open(Repository.Golden("Runs", name));
                var output = folder[$"{name}-{type}-{beside}"];
                var result = Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = output, Type = type, WeightsBeside = beside });
                graphs.AddRange(result.Files.Where(file => file.Name.EndsWith(".onnx", StringComparison.Ordinal)).Select(file => Path.Combine(output, file.Name)));
            }
        Assert.Equal(21, graphs.Count);
        AssertAccepted(graphs);
    }
}
