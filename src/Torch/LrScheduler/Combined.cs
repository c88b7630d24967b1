namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>One schedule after another; each begins at its milestone.</summary>
                public class SequentialLR : LRScheduler
                {
                    readonly LRScheduler[] schedulers;
                    readonly int[] milestones;

                    public SequentialLR(Optimizer optimizer, IEnumerable<LRScheduler> schedulers, IEnumerable<int> milestones, int last_epoch = -1)
                    {
                        _optimizer = optimizer;
                        this.last_epoch = last_epoch + 1;
                        this.schedulers = [.. schedulers];
                        this.milestones = [.. milestones];
                        if (this.schedulers.Length != this.milestones.Length + 1)
                            throw new ArgumentException($"{this.schedulers.Length} schedules need one milestone fewer; {this.milestones.Length} were given.");
                        foreach (var group in optimizer.ParamGroups) group.LearningRate = group.InitialLearningRate;
                        foreach (var scheduler in this.schedulers) scheduler.Undo();
                        this.schedulers[0].Begin();
                        Set([.. this.schedulers[0].get_last_lr()]);
                    }

                    protected override IEnumerable<double> get_lr()
                    {
                        var place = milestones.Count(milestone => milestone <= last_epoch);
                        if (place > 0 && milestones[place - 1] == last_epoch) schedulers[place].Jump(0);
                        else schedulers[place].step();
                        return Current();
                    }
                }

                /// <summary>Several schedules at once, each on what the one before it left.</summary>
                public class ChainedLR : LRScheduler
                {
                    readonly LRScheduler[] schedulers;

                    public ChainedLR(IEnumerable<LRScheduler> schedulers)
                    {
                        this.schedulers = [.. schedulers];
                        if (this.schedulers.Length == 0) throw new ArgumentException("A chain needs a schedule.", nameof(schedulers));
                        _optimizer = this.schedulers[0].Optimizer;
                        Set(Current());
                    }

                    public override void step()
                    {
                        foreach (var scheduler in schedulers) scheduler.step();
                        Set(Current());
                    }
                }
            }
        }
    }
}
