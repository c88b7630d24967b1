namespace Transformers.Metrics;

/// <summary>An n-gram model over token ids with interpolated modified Kneser-Ney smoothing: the yardstick for what long context gains.</summary>
/// <remarks>
/// Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, §2.7 and §3: the highest order counts
/// occurrences, lower orders count distinct words before; three discounts an order, estimated from counts of counts; every
/// order interpolated with the next lower, the lowest with 1/V. Tokens form one stream: contexts cross document borders.
/// About 50 bytes for each distinct n-gram of any order.
/// </remarks>
public sealed class KneserNey
{
    readonly int order;
    readonly NgramTrie trie;
    readonly int[] tail;            // Node of the n-gram of each length that ends at the last token; -1 where there is none.
    ContextSums[]? sums;            // By node: what its continuations add up to.
    double[,] discounts = new double[0, 0];

    /// <summary>An empty model.</summary>
    /// <param name="vocabularySize">V: ids are at least 0 and below this.</param>
    /// <param name="order">The n of n-gram: 5 looks at the four tokens before.</param>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary is empty, or the order is not between 1 and 8.</exception>
    public KneserNey(int vocabularySize, int order = 5)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(order, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(order, 8);
        VocabularySize = vocabularySize;
        this.order = order;
        trie = new NgramTrie();
        tail = NoContext();
    }

    /// <summary>V.</summary>
    public int VocabularySize { get; }

    /// <summary>The number of distinct n-grams of all orders.</summary>
    public int Ngrams => trie.Count - 1;

    /// <summary>Counts more of the training stream; may be called any number of times before the first score.</summary>
    /// <exception cref="InvalidOperationException">The model has scored already.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public void Add(ReadOnlySpan<int> tokens)
    {
        if (sums is not null) throw new InvalidOperationException("The counts are final once a text has been scored.");
        Span<int> previous = stackalloc int[order];
        foreach (var token in tokens)
        {
            Check(token);
            tail.CopyTo(previous);
            for (var n = 1; n <= order; n++)
            {
                var prefix = n == 1 ? NgramTrie.Root : previous[n - 2];
                if (prefix < 0) break;
                var node = trie.Add(prefix, token, (byte)n, out var isNew);
                tail[n - 1] = node;
                if (n == order) trie.Adjusted(node)++;
                // A new n-gram is one more word before its suffix.
                if (isNew && n > 1) trie.Adjusted(tail[n - 2])++;
            }
        }
    }

    /// <summary>The mean of −log p over a text, in nats a token; the first tokens have shorter contexts.</summary>
    /// <exception cref="ArgumentException">The text is empty.</exception>
    /// <exception cref="InvalidOperationException">Nothing was counted.</exception>
    public double MeanLoss(ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty) throw new ArgumentException("A text without tokens has no loss.", nameof(tokens));
        var scorer = new Scorer(this);
        var sum = 0.0;
        foreach (var token in tokens) sum -= Math.Log(scorer.Next(token));
        return sum / tokens.Length;
    }

    /// <summary>Starts reading a text, token by token.</summary>
    /// <exception cref="InvalidOperationException">Nothing was counted.</exception>
    public Scorer Read() => new(this);

    /// <summary>A position in a text that is being scored.</summary>
    public sealed class Scorer
    {
        readonly KneserNey model;
        readonly int[] context;

        internal Scorer(KneserNey model)
        {
            model.Finish();
            (this.model, context) = (model, model.NoContext());
        }

        /// <summary>The probability of each token of the vocabulary being next; leaves the position where it is.</summary>
        /// <param name="token">An id.</param>
        public double Probability(int token)
        {
            model.Check(token);
            var p = 1.0 / model.VocabularySize;
            for (var n = 1; n <= model.order; n++)
            {
                var prefix = n == 1 ? NgramTrie.Root : context[n - 2];
                if (prefix < 0) break;
                p = model.Interpolate(prefix, n, token, p);
            }
            return p;
        }

        /// <summary>The probability of the next token; moves on past it.</summary>
        /// <param name="token">An id.</param>
        public double Next(int token)
        {
            var p = Probability(token);
            for (var n = model.order; n >= 1; n--)
            {
                var prefix = n == 1 ? NgramTrie.Root : context[n - 2];
                context[n - 1] = prefix < 0 ? -1 : model.trie.Find(prefix, token);
            }
            return p;
        }
    }

    double Interpolate(int prefix, int n, int token, double lower)
    {
        ref readonly var sum = ref sums![prefix];
        if (sum.Total == 0) return lower;
        var node = trie.Find(prefix, token);
        var count = node < 0 ? 0 : trie.Adjusted(node);
        var discounted = count == 0 ? 0 : count - discounts[n, Math.Min(count, 3)];
        var freed = discounts[n, 1] * sum.Ones + discounts[n, 2] * sum.Twos + discounts[n, 3] * sum.More;
        return (discounted + freed * lower) / sum.Total;
    }

    void Finish()
    {
        if (sums is not null) return;
        if (Ngrams == 0) throw new InvalidOperationException("A model that has counted nothing cannot score.");
        // An order-1 model has no order above it to count words before; its counts are occurrences already.
        var counts = new long[order + 1, 5];
        var sum = new ContextSums[trie.Count];
        for (var node = 1; node < trie.Count; node++)
        {
            var count = trie.Adjusted(node);
            if (count == 0) continue;   // The very first n-grams of the stream: nothing stands before them.
            if (count <= 4) counts[trie.Order(node), count]++;
            sum[trie.Parent(node)].Add(count);
        }
        discounts = Discounts(counts);
        sums = sum;
    }

    double[,] Discounts(long[,] counts)
    {
        var result = new double[order + 1, 4];
        for (var n = 1; n <= order; n++)
        {
            double one = counts[n, 1], two = counts[n, 2];
            // Without n-grams seen once and twice there is no estimate; half a count always leaves something to the unseen.
            var y = one == 0 || two == 0 ? 0.5 : one / (one + 2 * two);
            for (var c = 1; c <= 3; c++)
            {
                // Small or odd data may lack a count of counts; then the plain discount y stands in.
                var d = counts[n, c] == 0 ? y : c - (c + 1) * y * counts[n, c + 1] / counts[n, c];
                result[n, c] = d > 0 && d < c ? d : y;
            }
        }
        return result;
    }

    int[] NoContext()
    {
        var nodes = new int[order];
        Array.Fill(nodes, -1);
        return nodes;
    }

    void Check(int token)
    {
        if ((uint)token >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(token), token, $"ids must be below the vocabulary's size, {VocabularySize}");
    }

    struct ContextSums
    {
        public long Total;
        public int Ones, Twos, More;

        public void Add(int count)
        {
            Total += count;
            if (count == 1) Ones++;
            else if (count == 2) Twos++;
            else More++;
        }
    }
}
