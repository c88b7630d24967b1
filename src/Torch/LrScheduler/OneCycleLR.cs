namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>Up to the highest rate and down to the lowest, with momentum the other way (Smith and Topin, 2018).</summary>
                public class OneCycleLR : LRScheduler
                {
                    public enum AnnealStrategy { Cos = 0, Linear = 1 }

                    readonly record struct Phase(double End, double FromRate, double ToRate, double FromMomentum, double ToMomentum);

                    readonly Phase[][] phases;
                    readonly AnnealStrategy strategy;
                    readonly bool cyclesMomentum;
                    readonly int total;

                    public OneCycleLR(Optimizer optimizer, double max_lr, int total_steps = -1, int epochs = -1, int steps_per_epoch = -1, double pct_start = 0.3, AnnealStrategy anneal_strategy = AnnealStrategy.Cos, bool cycle_momentum = true, double base_momentum = 0.85, double max_momentum = 0.95, double div_factor = 25, double final_div_factor = 10000, bool three_phase = false, int last_epoch = -1, bool verbose = false)
                        : this(optimizer, Repeated(optimizer, max_lr), total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, cycle_momentum, Repeated(optimizer, base_momentum), Repeated(optimizer, max_momentum), div_factor, final_div_factor, three_phase, last_epoch, verbose) { }

                    public OneCycleLR(Optimizer optimizer, IEnumerable<double> max_lr, int total_steps = -1, int epochs = -1, int steps_per_epoch = -1, double pct_start = 0.3, AnnealStrategy anneal_strategy = AnnealStrategy.Cos, bool cycle_momentum = true, IEnumerable<double>? base_momentum = null, IEnumerable<double>? max_momentum = null, double div_factor = 25, double final_div_factor = 10000, bool three_phase = false, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        total = total_steps > 0 ? total_steps : epochs * steps_per_epoch;
                        if (total <= 0 || (total_steps <= 0 && epochs <= 0)) throw new ArgumentException("Give total_steps, or epochs and steps_per_epoch.");
                        if (pct_start is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(pct_start), pct_start, "must be in [0, 1]");
                        (strategy, cyclesMomentum) = (anneal_strategy, cycle_momentum);
                        var (highest, low, high) = (max_lr.ToArray(), (base_momentum ?? Repeated(optimizer, 0.85)).ToArray(), (max_momentum ?? Repeated(optimizer, 0.95)).ToArray());
                        var up = pct_start * total - 1;
                        phases = [.. highest.Select((most, i) =>
                        {
                            var first = most / div_factor;
                            var last = first / final_div_factor;
                            return three_phase
                                ? new Phase[] { new(up, first, most, high[i], low[i]), new(2 * pct_start * total - 2, most, first, low[i], high[i]), new(total - 1, first, last, high[i], high[i]) }
                                : [new(up, first, most, high[i], low[i]), new(total - 1, most, last, low[i], high[i])];
                        })];
                        if (last_epoch == -1)
                            foreach (var (group, most) in optimizer.ParamGroups.Zip(highest)) group.InitialLearningRate = most / div_factor;
                        step();
                    }

                    static IEnumerable<double> Repeated(Optimizer optimizer, double number) => [.. optimizer.ParamGroups.Select(_ => number)];

                    protected override IEnumerable<double> get_lr()
                    {
                        if (last_epoch > total) throw new InvalidOperationException($"The cycle has {total} steps, and this would be step {last_epoch}.");
                        var rates = new List<double>();
                        foreach (var (group, plan) in _optimizer.ParamGroups.Zip(phases))
                        {
                            var start = 0.0;
                            foreach (var (i, phase) in plan.Index())
                            {
                                if (last_epoch <= phase.End || i == plan.Length - 1)
                                {
                                    var part = (last_epoch - start) / (phase.End - start);
                                    rates.Add(Between(phase.FromRate, phase.ToRate, part));
                                    if (cyclesMomentum) SetMomentum(group, Between(phase.FromMomentum, phase.ToMomentum, part));
                                    break;
                                }
                                start = phase.End;
                            }
                        }
                        return rates;
                    }

                    double Between(double from, double to, double part) =>
                        strategy == AnnealStrategy.Cos ? to + (from - to) / 2 * (1 + Math.Cos(Math.PI * part)) : (to - from) * part + from;

                    static void SetMomentum(ILearningRateController group, double momentum)
                    {
                        if (group is IBetas betas) betas.Betas = (momentum, betas.Betas.Item2);
                        else if (group is IMomentum plain) plain.Momentum = momentum;
                    }
                }
            }
        }
    }
}
