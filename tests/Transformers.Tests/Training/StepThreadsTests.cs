namespace Transformers.Tests.Training;

public class StepThreadsTests
{
    // A step of 100 units on a machine with so many cores busy with other work, and the seconds it takes with so many threads.
    sealed class Machine
    {
        readonly Func<int, double, double> seconds;
        internal readonly StepThreads Threads;
        internal readonly List<int> Used = [];
        internal double Busy;
        internal int Limit;

        internal Machine(int cores, Func<int, double, double> seconds)
        {
            (this.seconds, Limit) = (seconds, cores);
            Threads = new StepThreads(cores, () => Busy, most => Limit = most);
        }

        internal void Run(int steps)
        {
            for (var i = 0; i < steps; i++)
            {
                Used.Add(Threads.Threads);
                Assert.Equal(Threads.Threads, Limit);
                Threads.Add(100, seconds(Threads.Threads, Busy));
            }
        }

        internal double Fraction(int threads) => Used.Count(used => used == threads) / (double)Used.Count;
    }

    // Two threads wait for each other wherever another program runs; one thread moves aside.
    static double WaitingSeconds(int threads, double busy) => threads == 1 ? 0.05 : busy > 0.5 ? 0.08 : 0.03;

    [Fact]
    public void On_a_machine_of_its_own_a_run_uses_all_threads()
    {
        var machine = new Machine(2, WaitingSeconds) { Busy = 0.1 };
        machine.Run(500);
        Assert.Equal(1, machine.Fraction(2));
    }

    [Fact]
    public void Beside_a_busy_program_it_uses_as_many_threads_as_there_are_free_cores_where_that_is_faster()
    {
        var machine = new Machine(8, (threads, _) => threads == 6 ? 0.03 : 0.06) { Busy = 2 };
        machine.Run(2000);
        Assert.InRange(machine.Fraction(6), 0.9, 1);
    }

    [Fact]
    public void It_goes_back_to_all_threads_once_the_other_program_has_ended()
    {
        var machine = new Machine(2, WaitingSeconds) { Busy = 1 };
        machine.Run(500);
        Assert.Equal(1, machine.Limit);
        machine.Busy = 0;
        machine.Run(20);
        Assert.Equal(2, machine.Limit);
    }

    [Fact]
    public void Where_fewer_threads_are_slower_they_are_tried_ever_more_rarely()
    {
        var machine = new Machine(2, (threads, _) => threads == 1 ? 0.08 : 0.05) { Busy = 1 };
        machine.Run(5000);
        Assert.InRange(machine.Fraction(1), 0.001, 0.03);
    }

    [Fact]
    public void A_load_that_the_system_does_not_report_changes_nothing()
    {
        List<int> limits = [];
        var threads = new StepThreads(2, () => null, limits.Add);
        for (var i = 0; i < 100; i++) threads.Add(100, 0.1);
        Assert.Empty(limits);
    }

    [Fact]
    public void The_limit_ends_with_the_run()
    {
        var machine = new Machine(2, WaitingSeconds) { Busy = 1 };
        machine.Run(500);
        machine.Threads.Dispose();
        Assert.Equal(2, machine.Limit);
    }
}
