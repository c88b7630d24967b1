using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Transformers.Tests.Checkpoints;

[Collection("engine")]
public class CheckpointAverageTests : TinyRunTest
{
    [Fact]
    public void The_average_of_checkpoints_is_the_mean_of_their_weights_and_translates()
    {
        runs.Start(SentenceRuns.Translation(), "run", maxSteps: 11);
        using var folder = RunFolder.OpenForReading(runs.PathOf("run"));
        var checkpoints = folder.Checkpoints.Steps().Select(step => Checkpoint.Open(folder.Checkpoints.PathOf(step))).ToList();
        Assert.Equal([11, 8, 4], checkpoints.Select(one => one.Step));
        var made = CheckpointAverage.Average(checkpoints, runs.PathOf("mean"));
        Assert.Equal(11, made.Step);
        made.Verify();
        var parts = checkpoints.Select(Floats).ToList();
        foreach (var (name, values) in Floats(made))
            for (var i = 0; i < values.Length; i++) Assert.Equal(parts.Average(part => (double)part[name][i]), values[i], 1e-6);

        var translator = TrainedRun.Open(runs.PathOf("mean")).LoadTranslator(CPU);
        Assert.Single(translator.Translate(["1 2 3"], new TranslationOptions()).ToList());
        Assert.Contains("not empty", Assert.Throws<UserException>(() => CheckpointAverage.Average(checkpoints, runs.PathOf("mean"))).Message);
    }

    [Fact]
    public void Checkpoints_of_other_shapes_or_tokenizers_are_not_averaged()
    {
        runs.Start(SentenceRuns.Masked("training.steps=1"), "a");
        runs.Start(SentenceRuns.Masked("training.steps=1", "model.layers=1"), "b");
        runs.Start(SentenceRuns.Masked("training.steps=1", "data.tokenizer.kind=bytes"), "c");
        Checkpoint Newest(string run) => TrainedRun.Open(runs.PathOf(run)).Checkpoint;
        Assert.Contains("encoder.", Assert.Throws<CheckpointException>(() => CheckpointAverage.Average([Newest("a"), Newest("b")], runs.PathOf("x"))).Message);
        Assert.Contains("tokenizer.json", Assert.Throws<CheckpointException>(() => CheckpointAverage.Average([Newest("a"), Newest("c")], runs.PathOf("x"))).Message);
        Assert.Throws<UserException>(() => CheckpointAverage.Average([], runs.PathOf("x")));
    }

    [Fact]
    public void A_checkpoint_that_was_saved_only_because_it_was_the_best_is_averaged_with_others()
    {
        runs.Start(SentenceRuns.Translation(), "run", maxSteps: 1);
        var regular = TrainedRun.Open(runs.PathOf("run"), "latest").Checkpoint;
        using var contents = new CheckpointContents(2);
        foreach (var file in regular.Manifest.Files) contents.AddBytes(file.Name, regular.ReadBytes(file.Name));
        var best = CheckpointStore.WriteTo(runs.PathOf("best"), contents.AddText(CheckpointFiles.BestOnly, ""));
        Assert.False(CheckpointAverage.Average([best, regular], runs.PathOf("mean")).Has(CheckpointFiles.BestOnly));
    }

    static Dictionary<string, float[]> Floats(Checkpoint checkpoint)
    {
        using var file = checkpoint.OpenTensors(CheckpointFiles.Model);
        return file.Tensors.ToDictionary(tensor => tensor.Name, tensor => MemoryMarshal.Cast<byte, float>(file.Span(tensor)).ToArray());
    }
}
