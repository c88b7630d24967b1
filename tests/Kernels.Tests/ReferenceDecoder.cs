using Transformers.Native;

namespace Kernels.Tests;

/// <summary>A decoder of random weights, computed in 64 bits over whole sequences: no cache, no packing, no blocks.</summary>
sealed class ReferenceDecoder
{
    internal const double NormEpsilon = 1e-3;

    readonly List<(float[]? weight, float[]? bias)> parts = [];
    readonly DecoderForm form;
    int next;

    internal ReferenceDecoder(DecoderForm form, Random random, bool biases, int positions, bool added, bool rotary, bool scoreBias)
    {
        this.form = form;
        (Positions, Random) = (positions, random);
        var (D, A, KE) = (form.Width, form.Heads * form.HeadWidth, form.KeyValueHeads * form.HeadWidth);
        for (var layer = 0; layer < form.Layers; layer++)
        {
            AddNorm(biases);
            AddMatrix(A + 2 * KE, D, biases);
            AddMatrix(D, A, biases);
            if (form.Cross != 0)
            {
                AddNorm(biases);
                AddMatrix(A, D, biases);
                AddMatrix(2 * KE, D, biases);
                AddMatrix(D, A, biases);
            }
            AddNorm(biases);
            AddMatrix(form.Gated != 0 ? 2 * form.Hidden : form.Hidden, D, biases);
            AddMatrix(D, form.Hidden, biases);
        }
        if (form.PostNorm != 0) parts.Add((null, null));
        else AddNorm(biases);
        AddMatrix(form.Vocabulary, D, biases: false);
        Embedding = Memory.Normal(random, form.Vocabulary * D);
        if (added) Added = Memory.Normal(random, positions * D);
        if (rotary)
        {
            // Dimension i turns with dimension i + E/2, each pair by angles of its own.
            var half = form.HeadWidth / 2;
            float[] angles = [.. Enumerable.Range(0, positions).SelectMany(p => Enumerable.Range(0, (int)form.HeadWidth).Select(e => (float)(p * Math.Pow(100, -(e % half) / (double)half))))];
            (Cosines, Sines) = (Memory.Pinned(angles.Select(MathF.Cos)), Memory.Pinned(angles.Select(MathF.Sin)));
        }
        if (scoreBias) ScoreBias = Memory.Normal(random, form.Heads * positions);
    }

    internal int Positions { get; }
    internal float EmbeddingScale { get; init; } = 1;
    internal float[] Embedding { get; }
    internal float[]? Added { get; }
    internal float[]? Cosines { get; }
    internal float[]? Sines { get; }
    internal float[]? ScoreBias { get; }
    Random Random { get; }

    /// <summary>Weight and bias of each part, in the order of the interface.</summary>
    internal IEnumerable<float[]?> Parts => parts.SelectMany(part => new[] { part.weight, part.bias });

    /// <summary>Rounds every matrix to 127 steps on either side of 0 a row, as 8-bit weights have.</summary>
    internal void RoundToEightBits()
    {
        foreach (var (weight, _) in parts.Where(part => part.weight is { } weight && Rows.ContainsKey(weight)))
        {
            var columns = weight!.Length / Rows[weight];
            for (var row = 0; row < Rows[weight]; row++)
            {
                var own = weight.AsSpan(row * columns, columns);
                var scale = own.ToArray().Max(Math.Abs) / 127;
                foreach (ref var x in own) x = MathF.Round(x / scale) * scale;
            }
        }
    }

    Dictionary<float[], int> Rows { get; } = [];

    void AddNorm(bool biases) =>
        parts.Add((Memory.Pinned(Memory.Normal(Random, form.Width, 0.2).Select(x => 1 + x)), biases ? Memory.Normal(Random, form.Width, 0.2) : null));

    void AddMatrix(long rows, long columns, bool biases)
    {
        parts.Add((Memory.Normal(Random, rows * columns, 0.7 / Math.Sqrt(columns)), biases ? Memory.Normal(Random, rows, 0.2) : null));
        Rows[parts[^1].weight!] = (int)rows;
    }

    /// <summary>The logits after every token of a sequence.</summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="memory">What the encoder made of the source's tokens; null without a source.</param>
    internal double[][] Logits(int[] ids, double[][]? memory = null)
    {
        next = 0;
        var D = (int)form.Width;
        double[][] x = [.. ids.Select((id, position) => Enumerable.Range(0, D).Select(i => Embedding[id * D + i] * (double)EmbeddingScale + (Added?[position * D + i] ?? 0)).ToArray())];
        for (var layer = 0; layer < form.Layers; layer++)
        {
            x = Sublayer(x, rows => SelfAttention(rows));
            if (form.Cross != 0) x = Sublayer(x, rows => CrossAttention(rows, memory!));
            x = Sublayer(x, FeedForward);
        }
        var last = parts[next++];
        return Linear(form.PostNorm != 0 ? x : Norm(x, last));
    }

    double[][] Sublayer(double[][] x, Func<double[][], double[][]> body)
    {
        var norm = parts[next++];
        var y = body(form.PostNorm != 0 ? x : Norm(x, norm));
        double[][] sum = [.. x.Zip(y, (a, b) => a.Zip(b, (p, q) => p + q).ToArray())];
        return form.PostNorm != 0 ? Norm(sum, norm) : sum;
    }

    double[][] Norm(double[][] x, (float[]? weight, float[]? bias) norm) =>
    [
        .. x.Select(row =>
        {
            var mean = form.Rms != 0 ? 0 : row.Average();
            var root = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + NormEpsilon);
            return row.Select((v, i) => (v - mean) / root * norm.weight![i] + (norm.bias?[i] ?? 0)).ToArray();
        }),
    ];

    double[][] Linear(double[][] x)
    {
        var (weight, bias) = parts[next++];
        var depth = x[0].Length;
        return [.. x.Select(row => Enumerable.Range(0, weight!.Length / depth).Select(n => Enumerable.Range(0, depth).Sum(k => row[k] * weight[n * depth + k]) + (bias?[n] ?? 0)).ToArray())];
    }

    double[][] SelfAttention(double[][] x)
    {
        var qkv = Linear(x);
        var (E, H, K) = ((int)form.HeadWidth, (int)form.Heads, (int)form.KeyValueHeads);
        double[] Part(int token, int head) => qkv[token][(head * E)..((head + 1) * E)];
        double[][] mixed = [.. x.Select((_, t) => Enumerable.Range(0, H).SelectMany(h => Mix(
            Turned(Part(t, h), t), [.. Enumerable.Range(0, t + 1).Select(s => Turned(Part(s, H + h / (H / K)), s))], [.. Enumerable.Range(0, t + 1).Select(s => Part(s, H + K + h / (H / K)))],
            s => ScoreBias?[h * Positions + Positions - 1 - t + s] ?? 0)).ToArray())];
        return Linear(mixed);
    }

    double[][] CrossAttention(double[][] x, double[][] memory)
    {
        var (q, kv) = (Linear(x), Linear(memory));
        var (E, H, K) = ((int)form.HeadWidth, (int)form.Heads, (int)form.KeyValueHeads);
        double[][] mixed = [.. q.Select(row => Enumerable.Range(0, H).SelectMany(h => Mix(row[(h * E)..((h + 1) * E)],
            [.. kv.Select(source => source[(h / (H / K) * E)..((h / (H / K) + 1) * E)])], [.. kv.Select(source => source[((K + h / (H / K)) * E)..((K + h / (H / K) + 1) * E)])], _ => 0)).ToArray())];
        return Linear(mixed);
    }

    double[] Turned(double[] x, int position)
    {
        if (Cosines is null) return x;
        var (E, half) = (x.Length, x.Length / 2);
        return [.. x.Select((v, i) => v * Cosines[position * E + i] + (i < half ? -x[i + half] : x[i - half]) * Sines![position * E + i])];
    }

    static double[] Mix(double[] q, double[][] keys, double[][] values, Func<int, double> bias)
    {
        double[] scores = [.. keys.Select((key, s) => key.Zip(q, (a, b) => a * b).Sum() / Math.Sqrt(q.Length) + bias(s))];
        var highest = scores.Max();
        var total = scores.Sum(score => Math.Exp(score - highest));
        return [.. Enumerable.Range(0, q.Length).Select(e => scores.Select((score, s) => Math.Exp(score - highest) / total * values[s][e]).Sum())];
    }

    double[][] FeedForward(double[][] x)
    {
        var up = Linear(x);
        var F = (int)form.Hidden;
        double[][] hidden = [.. up.Select(row => Enumerable.Range(0, F).Select(f => Activated(row[f]) * (form.Gated != 0 ? row[F + f] : 1)).ToArray())];
        return Linear(hidden);
    }

    double Activated(double x) => form.Activation switch
    {
        0 => x * 0.5 * (1 + Erf(x / Math.Sqrt(2))),
        1 => x * 0.5 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        2 => x / (1 + Math.Exp(-x)),
        _ => Math.Max(x, 0),
    };

    // The error function's series (DLMF 7.6.1), and 1 where it has come close enough.
    static double Erf(double x)
    {
        if (Math.Abs(x) > 5) return Math.Sign(x);
        double term = x, sum = x;
        for (var n = 1; n < 100; n++) sum += (term *= -x * x / n) / (2 * n + 1);
        return sum * 2 / Math.Sqrt(Math.PI);
    }
}
