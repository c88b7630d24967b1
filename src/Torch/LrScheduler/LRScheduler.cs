namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <summary>Sets the learning rates of an optimizer's groups, one count ("epoch") after another.</summary>
            public abstract class LRScheduler
            {
                protected int _step_count;
                private protected Optimizer _optimizer = null!;
                private protected int last_epoch;
                private protected double[] base_lrs = [];
                double[] last_lrs = [];

                protected LRScheduler() { }

                protected LRScheduler(Optimizer optimizer, int last_epoch = -1, bool verbose = false)
                {
                    _optimizer = optimizer;
                    this.last_epoch = last_epoch;
                    // The first schedule takes the rates as they are; a further one builds on the same initial rates.
                    if (last_epoch == -1 && !optimizer.Scheduled)
                        foreach (var group in optimizer.ParamGroups) group.InitialLearningRate = group.LearningRate;
                    optimizer.Scheduled = true;
                    base_lrs = [.. optimizer.ParamGroups.Select(group => group.InitialLearningRate)];
                }

                /// <summary>To the next count.</summary>
                public virtual void step() => step((int?)null);

                /// <summary>To a count; where there is a formula for it, without what lies between.</summary>
                public virtual void step(int? epoch)
                {
                    _step_count++;
                    last_epoch = epoch ?? last_epoch + 1;
                    Set((epoch is null ? get_lr() : get_closed_form_lr()).ToArray());
                }

                /// <summary>For schedules that look at a measure.</summary>
                public virtual void step(double current, int? epoch = null) => step(epoch);

                public IEnumerable<double> get_last_lr() => last_lrs;

                /// <summary>The rates of this count from those of the one before.</summary>
                protected virtual IEnumerable<double> get_lr() => Current();

                /// <summary>The rates of this count from the initial ones.</summary>
                protected virtual IEnumerable<double> get_closed_form_lr() => get_lr();

                private protected double[] Current() => [.. _optimizer.ParamGroups.Select(group => group.LearningRate)];

                private protected void Set(double[] rates)
                {
                    var i = 0;
                    foreach (var group in _optimizer.ParamGroups) group.LearningRate = rates[i++];
                    last_lrs = rates;
                }

                /// <summary>Back to before the first step, in which the first of several schedules then takes part alone.</summary>
                internal void Undo() => last_epoch--;

                internal Optimizer Optimizer => _optimizer;

                internal void Begin()
                {
                    _step_count = 0;
                    step();
                }

                internal void Jump(int epoch) => step(epoch);
            }
        }
    }
}
