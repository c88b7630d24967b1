using TorchSharp;

namespace Transformers.Tests.Training;

/// <summary>Keeps nothing.</summary>
sealed class Quiet : ITrainingObserver;

/// <summary>Keeps what a run warns of.</summary>
sealed class Warnings : ITrainingObserver
{
    internal List<string> All { get; } = [];

    public void Warn(string message) => All.Add(message);
}

/// <summary>Keeps what a run notes, and what it warns of.</summary>
sealed class Notes : ITrainingObserver
{
    internal List<string> All { get; } = [];
    internal List<string> Warnings { get; } = [];

    public void Note(string message) => All.Add(message);
    public void Warn(string message) => Warnings.Add(message);
}

/// <summary>Counts the tensors that there are at each logged step.</summary>
sealed class HandleCounts : ITrainingObserver
{
    internal Dictionary<long, long> At { get; } = [];

    public void OnLog(StepReport report)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        At[report.Step] = torch.Tensor.TotalCount;
    }
}
