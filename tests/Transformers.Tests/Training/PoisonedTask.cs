using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>How a batch is poisoned.</summary>
enum Poison
{
    /// <summary>The loss, and so the gradient, is not a number.</summary>
    Loss,
    /// <summary>The loss is as it was; its gradient is not a number.</summary>
    Gradient,
}

/// <summary>A task some of whose batches are poisoned: their real loss goes through the real backward pass with a term that is no number.</summary>
/// <param name="inner">The task.</param>
/// <param name="poison">What is wrong with the batches.</param>
/// <param name="bad">Their numbers in the order of the data, from 1.</param>
sealed class PoisonedTask(TrainingTask inner, Poison poison, params HashSet<long> bad) : TrainingTask
{
    /// <summary>Whether validation is poisoned, asked each time.</summary>
    internal Func<bool> BadValidation { get; init; } = () => false;

    public override nn.Module Model => inner.Model;
    public override string Unit => inner.Unit;
    public override IReadOnlyDictionary<string, long> SamplerState { get => inner.SamplerState; set => inner.SamplerState = value; }

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var step = inner.NextStep();
        return bad.Contains(SamplerState["batches"]) ? [.. step.Select(batch => new PoisonedBatch(batch, poison, inner.Model))] : step;
    }

    public override IEnumerable<MicroBatch> Validation(int? batches) =>
        inner.Validation(batches).Select(batch => BadValidation() ? new PoisonedBatch(batch, Poison.Loss, inner.Model) : batch);

    public override void Dispose() { }

    sealed class PoisonedBatch(MicroBatch batch, Poison poison, nn.Module model) : MicroBatch(batch.Targets, batch.Units)
    {
        public override LossSum LossSum(RandomPosition random)
        {
            var sum = batch.LossSum(random);
            if (poison == Poison.Loss) return new(sum.Objective * double.NaN, sum.CrossEntropy * double.NaN);
            var weights = model.parameters().First();
            return sum with { Objective = sum.Objective + (weights - weights.detach()).square().sum().sqrt() };    // 0, whose derivative is 0/0
        }
    }
}
