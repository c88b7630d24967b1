namespace Transformers.Tests.Training;

[Collection("engine")]
public class TensorBoardLogTests : TinyRunTest
{
    [Fact]
    public void A_resumed_run_leaves_every_loss_and_sample_in_its_event_files_once()
    {
        var config = TinyRuns.Config("training.sample.tokens=3", "training.steps=20");
        runs.Train(config, "run", maxSteps: 10);
        runs.Train(config, "run");
        var files = Directory.GetFiles(Path.Combine(runs.PathOf("run"), "tensorboard")).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, files.Length);
        var events = files.SelectMany(TensorBoardReader.Read).ToList();
        IEnumerable<long> StepsOf(string tag) => events.Where(e => e.Values.Any(v => v.Tag == tag)).Select(e => e.Step);
        Assert.Equal([10L, 20], StepsOf("loss/train"));
        Assert.Equal([10L, 20], StepsOf("loss/val"));
        Assert.Equal([10L, 20], StepsOf("val/perplexity"));
        Assert.Equal([20L], StepsOf("samples/0"));
        Assert.Equal(11, events.Single(e => e.SessionStatus == 1).Step);
    }
}
