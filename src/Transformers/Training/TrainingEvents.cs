using Transformers.Native;

namespace Transformers.Training;

/// <summary>The result of one step, or the mean of several.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="Steps">The steps of the run.</param>
/// <param name="Loss">Mean loss of the steps since the last report, in nats per target.</param>
/// <param name="LearningRate">This step's learning rate.</param>
/// <param name="GradientNorm">This step's gradient norm, before clipping.</param>
/// <param name="UnitsPerSecond">Tokens or images per second since the last report.</param>
/// <param name="Unit"><c>tokens</c> or <c>images</c>.</param>
/// <param name="MemoryBytes">Resident memory now.</param>
/// <param name="Remaining">The time that the remaining steps will take at the run's speed so far.</param>
/// <param name="Utilisation">The fraction of the machine's measured peak that the model's arithmetic reaches; null if it is not known.</param>
public sealed record StepReport(long Step, long Steps, double Loss, double LearningRate, double GradientNorm,
    double UnitsPerSecond, string Unit, long MemoryBytes, TimeSpan Remaining, double? Utilisation = null)
{
    /// <summary>Mean seconds of a step since the last report, without validation, sampling and saving.</summary>
    public double StepSeconds { get; init; }

    /// <summary>Cores that other programs kept busy since the last report; null if it is not known.</summary>
    public double? OtherCores { get; init; }

    /// <summary>The device's memory; null on a CPU.</summary>
    public DeviceMemoryUse? DeviceMemory { get; init; }
}

/// <summary>The result of a validation.</summary>
/// <param name="Step">The step after which it ran.</param>
/// <param name="Loss">Nats per target.</param>
/// <param name="Targets">The number of targets.</param>
/// <param name="Metrics">Further metrics by name.</param>
/// <param name="IsBest">Whether no earlier one was better.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record ValidationReport(long Step, double Loss, long Targets, IReadOnlyDictionary<string, double> Metrics, bool IsBest, double Seconds)
{
    /// <summary>The loss over the batches of the intermediate validations, by which the best is chosen; null if it is <see cref="Loss"/>.</summary>
    public double? Compared { get; init; }
}

/// <summary>Observes a training run. Every method has a default that does nothing.</summary>
public interface ITrainingObserver
{
    /// <summary>Something worth reporting once, such as the number of parameters or a checkpoint that was skipped.</summary>
    void Note(string message) { }

    /// <summary>Something that may be wrong.</summary>
    void Warn(string message) { }

    /// <summary>The progress of data preparation, from 0 to 1.</summary>
    void OnPreparing(string what, double done) { }

    /// <summary>After every step; must be cheap.</summary>
    void OnStep(long step, long steps) { }

    /// <summary>After every <c>log.every</c> steps.</summary>
    void OnLog(StepReport report) { }

    /// <summary>After a validation.</summary>
    void OnValidation(ValidationReport report) { }

    /// <summary>Outputs of the model, for a person to read.</summary>
    void OnSamples(long step, IReadOnlyList<string> samples) { }

    /// <summary>The run has returned to an earlier step: reports of later ones no longer apply.</summary>
    void OnRollback(long step) { }

    /// <summary>Pictures of the model, after a validation.</summary>
    void OnPictures(long step, IReadOnlyList<ModelPicture> pictures) { }

    /// <summary>The model after a validation, to look at its weights; not to be changed.</summary>
    void OnWeights(long step, TorchSharp.torch.nn.Module model) { }

    /// <summary>A checkpoint was saved.</summary>
    void OnCheckpoint(long step, string folder) { }
}

/// <summary>Output besides the numbers: samples, pictures, reports. Its failure never ends a run.</summary>
static class Showing
{
    /// <summary>Runs an action; if it fails, a warning is recorded and the run continues.</summary>
    /// <param name="what">The output, for the warning, such as <c>the samples</c>.</param>
    /// <param name="observer">Receives the warning.</param>
    /// <param name="stop">If the run is asked to stop, the cancellation passes through without a warning.</param>
    /// <param name="show">The action.</param>
    internal static void Try(string what, ITrainingObserver observer, StopRequest stop, Action show)
    {
        try
        {
            show();
        }
        catch (OperationCanceledException) when (stop.Reason is not null)
        {
            throw;
        }
        catch (Exception exception)
        {
            observer.Warn($"{what} could not be made: {(exception is IO.UserException ? exception.Message : $"{exception.GetType().Name}: {exception.Message}")}");
        }
    }
}

/// <summary>The training went wrong: the loss or the gradient is not a number.</summary>
/// <param name="message">Which steps, and which checkpoint is good.</param>
public sealed class DivergedException(string message) : Exception(message);

/// <summary>Several observers as one, called in turn.</summary>
class ObserverGroup(params IReadOnlyList<ITrainingObserver> observers) : ITrainingObserver
{
    public void Note(string message) => Each(observer => observer.Note(message));
    public virtual void Warn(string message) => Each(observer => observer.Warn(message));
    public void OnPreparing(string what, double done) => Each(observer => observer.OnPreparing(what, done));
    public virtual void OnStep(long step, long steps) => Each(observer => observer.OnStep(step, steps));
    public void OnLog(StepReport report) => Each(observer => observer.OnLog(report));
    public void OnValidation(ValidationReport report) => Each(observer => observer.OnValidation(report));
    public void OnSamples(long step, IReadOnlyList<string> samples) => Each(observer => observer.OnSamples(step, samples));
    public void OnRollback(long step) => Each(observer => observer.OnRollback(step));
    public void OnPictures(long step, IReadOnlyList<ModelPicture> pictures) => Each(observer => observer.OnPictures(step, pictures));
    public void OnWeights(long step, TorchSharp.torch.nn.Module model) => Each(observer => observer.OnWeights(step, model));
    public void OnCheckpoint(long step, string folder) => Each(observer => observer.OnCheckpoint(step, folder));

    void Each(Action<ITrainingObserver> action)
    {
        foreach (var observer in observers) action(observer);
    }
}

/// <summary>Observes one of several runs on the same data; a warning that an earlier run gave before its first step is not
/// repeated.</summary>
/// <param name="observer">The observer of all of them.</param>
/// <param name="warned">The warnings of the earlier runs; this run adds its own.</param>
sealed class OneOfSeveralRuns(ITrainingObserver observer, HashSet<string> warned) : ObserverGroup(observer)
{
    bool trains;

    public override void Warn(string message)
    {
        if (trains || warned.Add(message)) base.Warn(message);
    }

    public override void OnStep(long step, long steps)
    {
        trains = true;
        base.OnStep(step, steps);
    }
}
