namespace Transformers.Tests.Training;

/// <summary>Keeps what a run warns of.</summary>
sealed class Warnings : ITrainingObserver
{
    internal List<string> All { get; } = [];

    public void Warn(string message) => All.Add(message);
}
