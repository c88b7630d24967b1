namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>The initial rate times a function of the count.</summary>
                public class LambdaLR : LRScheduler
                {
                    readonly Func<int, double>[] lambdas;

                    public LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        lambdas = [.. base_lrs.Select(_ => lr_lambda)];
                        step();
                    }

                    public LambdaLR(Optimizer optimizer, IEnumerable<Func<int, double>> lr_lambdas, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        lambdas = [.. lr_lambdas];
                        if (lambdas.Length != base_lrs.Length) throw new ArgumentException($"{lambdas.Length} functions were given for {base_lrs.Length} groups of parameters.");
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => base_lrs.Zip(lambdas, (rate, lambda) => rate * lambda(last_epoch));
                }

                /// <summary>The rate before times a function of the count.</summary>
                public class MultiplicativeLR : LRScheduler
                {
                    readonly Func<int, double>[] lambdas;

                    public MultiplicativeLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        lambdas = [.. base_lrs.Select(_ => lr_lambda)];
                        step();
                    }

                    public MultiplicativeLR(Optimizer optimizer, IEnumerable<Func<int, double>> lr_lambdas, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        lambdas = [.. lr_lambdas];
                        if (lambdas.Length != base_lrs.Length) throw new ArgumentException($"{lambdas.Length} functions were given for {base_lrs.Length} groups of parameters.");
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 ? Current() : Current().Zip(lambdas, (rate, lambda) => rate * lambda(last_epoch));
                }

                /// <summary>Times gamma every so many counts.</summary>
                public class StepLR : LRScheduler
                {
                    readonly int step_size;
                    readonly double gamma;

                    public StepLR(Optimizer optimizer, int step_size, double gamma = 0.1, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        this.step_size = step_size;
                        this.gamma = gamma;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 || last_epoch % step_size != 0 ? Current() : Current().Select(rate => rate * gamma);

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => rate * Math.Pow(gamma, last_epoch / step_size));
                }

                /// <summary>Times gamma at each of some counts.</summary>
                public class MultiStepLR : LRScheduler
                {
                    readonly int[] milestones;
                    readonly double gamma;

                    public MultiStepLR(Optimizer optimizer, IList<int> milestones, double gamma = 0.1, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        this.milestones = [.. milestones.Order()];
                        this.gamma = gamma;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => Current().Select(rate => rate * Math.Pow(gamma, milestones.Count(milestone => milestone == last_epoch)));

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => rate * Math.Pow(gamma, milestones.Count(milestone => milestone <= last_epoch)));
                }

                /// <summary>Times gamma at every count.</summary>
                public class ExponentialLR : LRScheduler
                {
                    readonly double gamma;

                    public ExponentialLR(Optimizer optimizer, double gamma = 0.1, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        this.gamma = gamma;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => last_epoch == 0 ? Current() : Current().Select(rate => rate * gamma);

                    protected override IEnumerable<double> get_closed_form_lr() => base_lrs.Select(rate => rate * Math.Pow(gamma, last_epoch));
                }
            }
        }
    }
}
