namespace Transformers.Training;

/// <summary>Several observers as one; each is told in turn.</summary>
sealed class ObserverGroup(params IReadOnlyList<ITrainingObserver> observers) : ITrainingObserver
{
    public void Note(string message) => Each(observer => observer.Note(message));
    public void Warn(string message) => Each(observer => observer.Warn(message));
    public void Preparing(string what, double done) => Each(observer => observer.Preparing(what, done));
    public void Stepped(long step, long steps) => Each(observer => observer.Stepped(step, steps));
    public void Reported(StepReport report) => Each(observer => observer.Reported(report));
    public void Validated(ValidationReport report) => Each(observer => observer.Validated(report));
    public void Sampled(long step, IReadOnlyList<string> samples) => Each(observer => observer.Sampled(step, samples));
    public void WentBack(long step) => Each(observer => observer.WentBack(step));
    public void Pictured(long step, IReadOnlyList<ModelPicture> pictures) => Each(observer => observer.Pictured(step, pictures));
    public void Weighed(long step, TorchSharp.torch.nn.Module model) => Each(observer => observer.Weighed(step, model));
    public void Saved(long step, string folder) => Each(observer => observer.Saved(step, folder));

    void Each(Action<ITrainingObserver> tell)
    {
        foreach (var observer in observers) tell(observer);
    }
}
