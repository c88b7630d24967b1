using TorchSharp;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>Continues prompts with a language model.</summary>
/// <param name="model">The model, in evaluation mode.</param>
/// <param name="device">Where the model is.</param>
/// <remarks>The weights are prepared at the first call of <see cref="Generate"/>: create a new generator when the model has changed.</remarks>
public sealed class TextGenerator(ILanguageModel model, TextTokenizer tokenizer, Device device) : IDisposable
{
    LanguageDecoder? decoder;

    /// <summary>The type of products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <summary>Whether the matrices have 8 bits.</summary>
    public bool Quantized { get; init; }

    /// <summary>Whether each prompt is the beginning of a document, and is preceded by the end-of-text token, as in training.</summary>
    public bool StartsDocuments { get; init; }

    /// <summary>Continues prompts, all in one batch; the result of a prompt does not depend on the others.</summary>
    /// <param name="prompts">The prompts; an empty one starts after the end of a document, of a line or of a word, the first of these that the vocabulary has.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="onText">Receives the number of a prompt and new text, as soon as the text is final.</param>
    /// <param name="cancel">Cancels generation between two tokens.</param>
    /// <exception cref="UserException">An option is out of range, or the prompt fills the context.</exception>
    public IReadOnlyList<Completion> Generate(IReadOnlyList<string> prompts, GenerationOptions options, Action<int, string>? onText = null, CancellationToken cancel = default)
    {
        options.Checked();
        if (prompts.Count == 0) return [];
        using var inference = inference_mode();
        Precisions.Apply((nn.Module)model, Precision);
        using var scope = NewDisposeScope();
        var rows = prompts.Select((prompt, i) => new Row(i, prompt, StartOf(prompt), options, tokenizer)).ToList();
        foreach (var row in rows) CheckPrompt(row, options);

        if (options.MaxNewTokens > 0) Continue([.. rows], options, onText, cancel);
        return [.. rows.Select(row => row.Result(onText))];
    }

    /// <summary>Why a prompt cannot be continued, such as a character that the vocabulary lacks; null if it can.</summary>
    public Problem? ProblemOf(string prompt, GenerationOptions options) => UserException.ProblemOf(() => CheckPrompt(new Row(0, prompt, StartOf(prompt), options, tokenizer), options));

    void Continue(List<Row> active, GenerationOptions options, Action<int, string>? onText, CancellationToken cancel)
    {
        decoder ??= new LanguageDecoder(model, device, new DecoderFormat(Precision, Quantized));
        var decoding = decoder.Start(active.Count);
        try
        {
            // All rows start with as many tokens as the shortest prompt has. A row with prompt left reads it while
            // others generate, so rows need no padding, and every token has its own position.
            var read = 0;
            while (active.Count > 0)
            {
                cancel.ThrowIfCancellationRequested();
                using var step = NewDisposeScope();
                var until = read == 0 ? active.Min(row => row.Tokens.Count) : read + 1;
                if (until > model.Context || read >= model.Context)
                {
                    if (!options.Slide)
                    {
                        foreach (var row in active) row.Finish("length");
                        break;
                    }
                    foreach (var row in active) row.Tokens.RemoveRange(0, row.Tokens.Count - Math.Max(1, model.Context / 2));
                    decoding.Dispose();
                    decoding = decoder.Start(active.Count);
                    read = 0;
                    continue;
                }
                var logits = Next(active, read, until, decoding);                    // [B, V]
                read = until;
                Choose([.. active.Select((row, index) => (row, index)).Where(one => one.row.Tokens.Count == read)], logits, options, onText);
                GC.KeepAlive(logits);
                Drop(active, decoding, options);
            }
        }
        finally
        {
            decoding.Dispose();
        }
    }

    // The next token's logits of each row, after reading the tokens between two positions.
    static Tensor Next(List<Row> rows, int from, int until, IDecoding decoding)
    {
        var ids = new int[rows.Count * (until - from)];
        for (var r = 0; r < rows.Count; r++)
            for (var t = from; t < until; t++) ids[r * (until - from) + t - from] = rows[r].Tokens[t];
        return decoding.Read(ids, rows.Count);
    }

    // The rows whose text has been read, with their indices in the batch; a row with prompt left only continues reading.
    void Choose(IReadOnlyList<(Row Row, int Index)> due, Tensor logits, GenerationOptions options, Action<int, string>? onText)
    {
        if (due.Count == 0) return;
        var V = (int)logits.size(1);
        // Rows of the embedding for which the tokenizer has no token must not be drawn.
        var vocabulary = Math.Min(V, tokenizer.VocabularySize);
        if (logits.device_type != DeviceType.CPU)
        {
            var some = due.Count == logits.size(0) ? logits : logits.index_select(0, tensor([.. due.Select(one => (long)one.Index)], device: logits.device));
            var (ids, logProbabilities) = DeviceSampler.Choose(some, vocabulary, options,
                [.. due.Select(one => one.Row.Tokens)], [.. due.Select(one => options.Greedy ? 0 : one.Row.Sampler.Uniform())]);
            for (var i = 0; i < due.Count; i++) due[i].Row.Add((int)ids[i], logProbabilities[i], onText);
        }
        else if (options.Greedy && options.RepetitionPenalty == 1)
        {
            var (logProbabilities, ids) = TopTokens.Of(logits, vocabulary, 1, []);
            foreach (var (row, index) in due) row.Add((int)ids[index], logProbabilities[index], onText);
        }
        else
        {
            var chosen = new (int Id, double LogProbability)[due.Count];
            void ChooseFor(int i) => chosen[i] = due[i].Row.Sampler.Choose(KernelTensors.Numbers(logits).Slice(due[i].Index * V, vocabulary), due[i].Row.Tokens);
            // With a large vocabulary, choosing for many rows one after the other would take as long as a few layers.
            if (due.Count > 1 && due.Count * V > 1 << 16) Parallel.For(0, due.Count, new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, ChooseFor);
            else
                for (var i = 0; i < due.Count; i++) ChooseFor(i);
            for (var i = 0; i < due.Count; i++) due[i].Row.Add(chosen[i].Id, chosen[i].LogProbability, onText);
        }
    }

    static void Drop(List<Row> rows, IDecoding decoding, GenerationOptions options)
    {
        foreach (var row in rows)
            if (row.Ids.Count >= options.MaxNewTokens) row.Finish("length");
        if (rows.All(row => !row.Done)) return;
        var left = Enumerable.Range(0, rows.Count).Where(r => !rows[r].Done).ToArray();
        if (left.Length > 0) decoding.Select(left);
        rows.RemoveAll(row => row.Done);
    }

    List<int> StartOf(string prompt)
    {
        List<int> ids = [.. tokenizer.EncodeToIds(prompt)];
        if (StartsDocuments && ids.Count > 0 && tokenizer.EndOfTextId is { } start) ids.Insert(0, start);
        if (ids.Count == 0) ids.Add(FirstToken());
        return ids;
    }

    // The end of a document, of a line or of a word, the first of these that the vocabulary has; else its first token that is text.
    int FirstToken()
    {
        if (tokenizer.EndOfTextId is { } end) return end;
        foreach (var text in (string[])["\n", " "])
            try
            {
                if (tokenizer.EncodeToIds(text) is [var id, ..]) return id;
            }
            catch (UserException)
            {
                // A character vocabulary has only the characters of its text.
            }
        return Enumerable.Range(0, tokenizer.VocabularySize).FirstOrDefault(id => !tokenizer.SpecialTokens.Values.Contains(id) && tokenizer.BytesOf(id).Length > 0);
    }

    void CheckPrompt(Row row, GenerationOptions options)
    {
        if (row.Tokens.Count <= model.Context) return;
        if (!options.Slide)
            throw new UserException($"the prompt has {Amount.Of(row.Tokens.Count, "token")}, but the model reads at most {model.Context}",
                "shorten it, or pass --overflow slide to read only its end");
        row.Tokens.RemoveRange(0, row.Tokens.Count - model.Context);
    }

    /// <summary>Frees the prepared weights, but not the model.</summary>
    public void Dispose() => decoder?.Dispose();

    /// <summary>One sequence that is being generated.</summary>
    sealed class Row(int number, string prompt, List<int> tokens, GenerationOptions options, TextTokenizer tokenizer)
    {
        internal TokenSampler Sampler { get; } = new(options, number);

        readonly TextStream stream = new(tokenizer, options.Stop);
        string finish = "length";
        double score;

        internal List<int> Tokens => tokens;
        internal List<int> Ids { get; } = [];
        internal bool Done { get; private set; }

        internal void Add(int id, double logProbability, Action<int, string>? onText)
        {
            score += logProbability;
            if (id == tokenizer.EndOfTextId)
            {
                Finish("eos");
                return;
            }
            tokens.Add(id);
            Ids.Add(id);
            Report(stream.Add(id), onText);
            if (stream.Stopped) Finish("stop");
        }

        internal void Finish(string why)
        {
            if (Done) return;
            finish = why;
            Done = true;
        }

        internal Completion Result(Action<int, string>? onText)
        {
            Report(stream.Finish(), onText);
            return new Completion(prompt, stream.Text, Ids, stream.Stopped ? "stop" : finish, score);
        }

        void Report(string piece, Action<int, string>? onText)
        {
            if (piece.Length > 0) onText?.Invoke(number, piece);
        }
    }
}

/// <summary>Turns the tokens of one completion into text as they arrive; never returns half a character or part of a stop text.</summary>
sealed class TextStream(TextTokenizer tokenizer, IReadOnlyList<string> stops)
{
    readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    readonly StringBuilder text = new();
    int emitted;

    /// <summary>Whether a stop text was found; the text ends before it.</summary>
    internal bool Stopped { get; private set; }

    internal string Text => text.ToString();

    /// <summary>Adds a token.</summary>
    /// <returns>The text that has become final; may be empty.</returns>
    internal string Add(int id)
    {
        Append(tokenizer.BytesOf(id).Span, flush: false);
        return Emit(text.Length - HeldBack());
    }

    /// <summary>Ends the text: a half character becomes U+FFFD.</summary>
    internal string Finish()
    {
        if (!Stopped) Append([], flush: true);
        return Emit(text.Length);
    }

    void Append(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[decoder.GetCharCount(bytes, flush)];
        decoder.GetChars(bytes, chars, flush);
        var before = text.Length;
        text.Append(chars);
        foreach (var stop in stops)
        {
            // Only the end of the text can contain a stop text that it did not contain before.
            var from = Math.Max(0, before - stop.Length + 1);
            if (from >= text.Length) continue;
            var at = text.ToString(from, text.Length - from).IndexOf(stop, StringComparison.Ordinal);
            if (at < 0) continue;
            Stopped = true;
            text.Length = from + at;
        }
    }

    // The longest end of the text with which a stop text may begin.
    int HeldBack()
    {
        if (Stopped || stops.Count == 0) return 0;
        var end = Math.Max(0, text.Length - stops.Max(stop => stop.Length) + 1);
        var last = text.ToString(end, text.Length - end);
        var longest = 0;
        foreach (var stop in stops)
            for (var n = Math.Min(stop.Length - 1, last.Length); n > longest; n--)
                if (last.AsSpan(last.Length - n).SequenceEqual(stop.AsSpan(0, n))) longest = n;
        return longest;
    }

    string Emit(int until)
    {
        if (until <= emitted) return "";
        var piece = text.ToString(emitted, until - emitted);
        emitted = until;
        return piece;
    }
}
