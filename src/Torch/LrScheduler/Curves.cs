namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>A part of the rate up to a count.</summary>
                public class ConstantLR : LRScheduler
                {
                    readonly double factor;
                    readonly int total_iters;

                    public ConstantLR(Optimizer optimizer, double factor = 1.0 / 3, int total_iters = 5, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        if (factor is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(factor), factor, "must be in [0, 1]");
                        this.factor = factor;
                        this.total_iters = total_iters;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 ? Current().Select(rate => rate * factor) : last_epoch == total_iters ? Current().Select(rate => rate / factor) : Current();

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => rate * (last_epoch < total_iters ? factor : 1));
                }

                /// <summary>From one part of the rate to another in a straight line.</summary>
                public class LinearLR : LRScheduler
                {
                    readonly double start, end;
                    readonly int total;

                    public LinearLR(Optimizer optimizer, double start_factor = 1.0 / 3, double end_factor = 1, int total_iters = 5, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        if (start_factor is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(start_factor), start_factor, "must be in (0, 1]");
                        if (end_factor is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(end_factor), end_factor, "must be in [0, 1]");
                        (start, end, total) = (start_factor, end_factor, total_iters);
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 ? Current().Select(rate => rate * start)
                        : last_epoch > total ? Current()
                        : Current().Select(rate => rate * (1 + (end - start) / (total * start + (last_epoch - 1) * (end - start))));

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => rate * (start + (end - start) * Math.Min(total, last_epoch) / total));
                }

                /// <summary>Down to 0 along a power of what is left of the counts.</summary>
                public class PolynomialLR : LRScheduler
                {
                    readonly int total_iters;
                    readonly double power;

                    public PolynomialLR(Optimizer optimizer, int total_iters = 5, double power = 1, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        this.total_iters = total_iters;
                        this.power = power;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 || last_epoch > total_iters ? Current()
                        : Current().Select(rate => rate * Math.Pow((1.0 - (double)last_epoch / total_iters) / (1.0 - (last_epoch - 1.0) / total_iters), power));

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => rate * Math.Pow(1.0 - (double)Math.Min(total_iters, last_epoch) / total_iters, power));
                }

                /// <summary>Down to the least rate along half a cosine, and up again (Loshchilov and Hutter, 2017).</summary>
                public class CosineAnnealingLR : LRScheduler
                {
                    readonly double T_max, eta_min;

                    public CosineAnnealingLR(Optimizer optimizer, double T_max, double eta_min = 0, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        this.T_max = T_max;
                        this.eta_min = eta_min;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 ? Current()
                        : _step_count == 1 && last_epoch > 0
                            ? base_lrs.Select(rate => eta_min + (rate - eta_min) * (1 + Math.Cos(last_epoch * Math.PI / T_max)) / 2)
                        : (last_epoch - 1 - T_max) % (2 * T_max) == 0
                            ? base_lrs.Zip(Current(), (rate, now) => now + (rate - eta_min) * (1 - Math.Cos(Math.PI / T_max)) / 2)
                        : Current().Select(now => (1 + Math.Cos(Math.PI * last_epoch / T_max)) / (1 + Math.Cos(Math.PI * (last_epoch - 1) / T_max)) * (now - eta_min) + eta_min);

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => eta_min + (rate - eta_min) * (1 + Math.Cos(Math.PI * last_epoch / T_max)) / 2);
                }
            }
        }
    }
}
