namespace Transformers.Training;

/// <summary>How far a run is; a checkpoint holds all of it.</summary>
public sealed class TrainerProgress
{
    int validationsSinceBest;

    /// <summary>Steps done.</summary>
    public long Step { get; set; }
    /// <summary>Targets learnt from.</summary>
    public long Targets { get; set; }
    /// <summary>Seconds of training, validation excluded.</summary>
    public double Seconds { get; set; }
    /// <summary>Mean loss of the last reported steps.</summary>
    public double TrainLoss { get; set; } = double.NaN;
    /// <summary>The step of the best validation; 0 before one.</summary>
    public long BestStep { get; set; }
    /// <summary>The loss of the best validation.</summary>
    public double BestLoss { get; set; } = double.PositiveInfinity;
    /// <summary>Validations since the best one.</summary>
    public int ValidationsSinceBest { get => validationsSinceBest; set => validationsSinceBest = value; }
    /// <summary>The step of the last validation; 0 before one.</summary>
    public long ValidatedStep { get; set; }
    /// <summary>Steps whose loss or gradient was not a number and that were passed over.</summary>
    public long SkippedSteps { get; set; }
    /// <summary>How often the run went back to an earlier checkpoint.</summary>
    public long RollBacks { get; set; }
    /// <summary>The last validation; where it is a checkpoint's, its targets and seconds are not known and 0.</summary>
    public ValidationReport? LastValidation { get; set; }
    /// <summary>Whether validation has not improved for as long as the config allows.</summary>
    public bool OutOfPatience { get; private set; }

    internal void CheckPatience(int? patience) => OutOfPatience = patience is { } limit && validationsSinceBest >= limit;

    internal void Advance(long targets, double seconds)
    {
        Step++;
        Targets += targets;
        Seconds += seconds;
    }

    // A step that turned out to be bad after it was counted.
    internal void Forget(long targets) => Targets -= targets;

    // A loss that is not a number is never the best.
    internal bool Judge(long step, double loss, int? patience)
    {
        var best = double.IsFinite(loss) && loss < BestLoss;
        if (best) (BestStep, BestLoss, validationsSinceBest) = (step, loss, 0);
        else validationsSinceBest++;
        CheckPatience(patience);
        return best;
    }
}
