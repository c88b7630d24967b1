using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public sealed class LossSumTests
{
    static readonly float[,] Logits = { { 1.5f, -0.3f, 0.2f }, { 0, 2, -1 } };

    // The logarithms of the softmax, by the formula itself.
    static double LogOf(int row, int column) => Logits[row, column] - Math.Log(Enumerable.Range(0, 3).Sum(other => Math.Exp(Logits[row, other])));

    [Theory]
    [InlineData(0, false)]
    [InlineData(0.2, false)]
    [InlineData(0, true)]
    [InlineData(0.2, true)]
    public void Smoothing_is_in_the_minimised_loss_and_not_in_the_reported_one(double smoothing, bool mixed)
    {
        using var scope = NewDisposeScope();
        float[,] shares = mixed ? new[,] { { 0.7f, 0, 0.3f }, { 0.5f, 0.5f, 0 } } : new[,] { { 0, 0, 1f }, { 1f, 0, 0 } };
        var labels = mixed ? tensor(shares) : tensor(new[] { 2L, 0L });
        var logits = tensor(Logits).requires_grad_(true);
        var sum = LossSum.Of(logits, labels, smoothing);
        double Loss(double part) => -Enumerable.Range(0, 2).Sum(row => Enumerable.Range(0, 3).Sum(column => ((1 - part) * shares[row, column] + part / 3) * LogOf(row, column)));
        Assert.Equal(Loss(smoothing), sum.Objective.item<float>(), 1e-5);
        Assert.Equal(Loss(0), sum.CrossEntropy.item<float>(), 1e-5);
        Assert.True(sum.Objective.requires_grad);
        Assert.False(sum.CrossEntropy.requires_grad);
    }
}
