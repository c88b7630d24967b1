namespace Transformers.Metrics;

/// <summary>Turns unnormalised scores of classes into probabilities, in 64 bits.</summary>
public static class Probabilities
{
    /// <summary>The softmax of scores.</summary>
    public static double[] Of(ReadOnlySpan<float> scores)
    {
        var probabilities = new double[scores.Length];
        var most = Greatest(scores);
        double sum = 0;
        for (var i = 0; i < scores.Length; i++) sum += probabilities[i] = Math.Exp(scores[i] - most);
        for (var i = 0; i < scores.Length; i++) probabilities[i] /= sum;
        return probabilities;
    }

    /// <summary>The logarithm of one class's probability; exact where the probability itself would round to 0.</summary>
    public static double LogOf(ReadOnlySpan<float> scores, int label)
    {
        var most = Greatest(scores);
        double sum = 0;
        foreach (var score in scores) sum += Math.Exp(score - most);
        return scores[label] - most - Math.Log(sum);
    }

    /// <summary>The class with the greatest probability; of equal ones, the first.</summary>
    public static int Best(ReadOnlySpan<double> probabilities)
    {
        var best = 0;
        for (var i = 1; i < probabilities.Length; i++)
            if (probabilities[i] > probabilities[best]) best = i;
        return best;
    }

    static double Greatest(ReadOnlySpan<float> scores)
    {
        var most = double.NegativeInfinity;
        foreach (var score in scores) most = Math.Max(most, score);
        return most;
    }
}
