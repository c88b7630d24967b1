using static TorchSharp.torch;

namespace Transformers.Tests.Training;

[Collection("engine")]
public class MemoryFitTests : TinyRunTest
{
    static MemoryNeed Need(long peak, long copies, long used, long room) => new(8, peak, copies, used, new MemoryRoom(room, "limit"), 8);

    [Fact]
    public void What_is_needed_beyond_what_is_used_must_fit_into_the_room()
    {
        Assert.True(Need(peak: 1000, copies: 90, used: 900, room: 200).Fits());
        Assert.False(Need(peak: 1000, copies: 91, used: 900, room: 200).Fits());
        Assert.True(Need(peak: 1000, copies: 0, used: 900, room: 200).Fits(spare: 0.5));
        Assert.False(Need(peak: 1001, copies: 0, used: 900, room: 200).Fits(spare: 0.5));
    }

    [Theory]
    [InlineData(8, null, 1, 8)]
    [InlineData(8, null, 2, 4)]
    [InlineData(7, null, 2, 4)]
    [InlineData(8, 3, 1, 3)]
    [InlineData(8, 3, 2, 2)]
    [InlineData(2, 100, 4, 1)]
    public void A_micro_batch_is_halved_whatever_the_rows_of_its_batch(int batch, int? most, int pieces, int rows) =>
        Assert.Equal(rows, new MicroSize(most, pieces).Of(batch));

    [Fact]
    public void Halved_micro_batches_give_the_weights_of_accumulation_and_a_resumed_run_keeps_them()
    {
        var given = runs.Train(TinyRuns.Config("training.batch.micro=2"), "given");
        // What a run that had to halve twice leaves: its checkpoint says so.
        runs.Loop(TinyRuns.Config("training.batch.fit=true"), "fitted", 10, before: (_, task) => task.Micro = task.Micro with { Pieces = 4 });
        var rest = runs.Train(TinyRuns.Config("training.batch.fit=true"), "fitted");
        Assert.Equal(given.ValLoss, rest.ValLoss);
        Assert.Equal(runs.Newest("given", CheckpointFiles.Model), runs.Newest("fitted", CheckpointFiles.Model));
    }

    [Fact]
    public void Looking_whether_it_fits_changes_nothing_of_the_run()
    {
        var config = TinyRuns.Config();
        runs.Loop(config, "run", 0, before: (trainer, task) =>
        {
            var (sampler, generator, micro) = (task.SamplerState, get_rng_state().bytes.ToArray(), task.Micro);
            new MemoryFit(trainer, task, config.Training, CPU, new Quiet(), default).Ensure();
            Assert.Equal(sampler, task.SamplerState);
            Assert.Equal(generator, get_rng_state().bytes.ToArray());
            Assert.Equal(micro, task.Micro);
            Assert.All(task.Model.parameters(), parameter => Assert.True(parameter.grad is null));
            Assert.Equal(0, trainer.Optimizer.Steps);
        });
    }
}
